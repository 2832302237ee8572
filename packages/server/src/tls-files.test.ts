import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { certificatePem, createSelfSignedCertificate, generateSigningKey } from '@letterlock/crypto';
import type { ConfigFault } from './config-error.ts';
import { readTlsFiles, TlsFiles } from './tls-files.ts';

const now = 1_790_000_000;

function pair(notAfterSeconds = now + 60): { readonly certificate: string; readonly key: string } {
  const key = generateSigningKey('P-256');
  const der = createSelfSignedCertificate({ key, commonName: 'x', notBeforeSeconds: now - 60, notAfterSeconds });
  return { certificate: certificatePem(der), key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }) };
}

let folder: string;
let paths: { readonly certFile: string; readonly keyFile: string };
const good = pair();
const another = pair();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-tls-'));
  paths = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  write(good);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** As an orchestrator does: the new file takes the old one's place at once. */
function write({ certificate, key }: { readonly certificate: string; readonly key: string }, mode = 0o600): void {
  for (const [path, text] of [
    [paths.certFile, certificate],
    [paths.keyFile, key],
  ] as const) {
    writeFileSync(`${path}.new`, text);
    chmodSync(`${path}.new`, mode);
    renameSync(`${path}.new`, path);
  }
}

function faultsOf(atSeconds = now): readonly ConfigFault[] {
  try {
    readTlsFiles(paths, atSeconds);
  } catch (error) {
    return (error as { readonly faults: readonly ConfigFault[] }).faults;
  }
  return [];
}

describe('readTlsFiles()', () => {
  test('gives both texts', () => {
    expect(readTlsFiles(paths, now)).toEqual(good);
  });

  test.each([
    { name: 'another key', files: { ...good, key: another.key }, at: 'tls.keyFile', says: 'is not the key of' },
    { name: 'no key', files: { ...good, key: 'none' }, at: 'tls.keyFile', says: 'no unencrypted PEM private key' },
    { name: 'no certificate', files: { ...good, certificate: 'none' }, at: 'tls.certFile', says: 'no PEM certificate' },
    {
      name: 'a key that everybody can read',
      files: good,
      mode: 0o604,
      at: 'tls.keyFile',
      says: 'readable by everybody',
    },
    { name: 'an expired certificate', files: good, atSeconds: now + 60, at: 'tls.certFile', says: 'has expired' },
    { name: 'a certificate of tomorrow', files: good, atSeconds: now - 61, at: 'tls.certFile', says: 'not yet valid' },
  ])('3.12.4 refuses $name', ({ files, mode = 0o600, atSeconds = now, at, says }) => {
    write(files, mode);
    expect(faultsOf(atSeconds)).toEqual([{ at, message: expect.stringContaining(says) }]);
  });

  test('names the file that is not there', () => {
    rmSync(paths.keyFile);
    expect(faultsOf()).toEqual([{ at: 'tls.keyFile', message: 'cannot be read (ENOENT)' }]);
  });
});

describe('TlsFiles', () => {
  test('gives new material once after each change', () => {
    const files = new TlsFiles(paths);
    expect(files.changed(now)).toBeUndefined();
    write(another);
    expect(files.changed(now)).toEqual(another);
    expect(files.changed(now)).toBeUndefined();
  });

  test('3.12.10 reports a bad change once, and takes the next good one', () => {
    const files = new TlsFiles(paths);
    write({ ...another, key: good.key });
    expect(() => files.changed(now)).toThrow('is not the key of tls.certFile');
    expect(files.changed(now)).toBeUndefined();
    write(another);
    expect(files.changed(now)).toEqual(another);
  });
});
