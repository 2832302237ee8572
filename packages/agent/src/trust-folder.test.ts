import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createSelfSignedCertificate,
  generateSigningKey,
  publicOf,
  signBundle,
  type SigningKey,
} from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import { TrustFolder } from './trust-folder.ts';

const nowSeconds = 1_790_000_000;
const key = generateSigningKey('P-256');
const other = generateSigningKey('P-256');
const der = createSelfSignedCertificate({
  key,
  commonName: 'ca',
  notBeforeSeconds: nowSeconds - 1,
  notAfterSeconds: nowSeconds + 99,
});
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-trust-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(
  o: { readonly named?: SigningKey; readonly by?: SigningKey; readonly seq?: number; readonly exp?: number } = {},
): void {
  const { named = key, by = key, seq = 7, exp = nowSeconds + 60 } = o;
  writeFileSync(join(folder, 'instance-key.json'), JSON.stringify(publicOf(named).jwk));
  const claims = { certs: [encodeBase64url(der)], exp, iat: nowSeconds, past: [], seq };
  writeFileSync(join(folder, 'bundle.jws'), signBundle(by, claims));
}
const open = (pinned?: string): TrustFolder => new TrustFolder({ folder, pinned, nowSeconds: () => nowSeconds });

describe('TrustFolder', () => {
  test('reads the key and the authorities, pinned or not', () => {
    write();
    for (const pinned of [undefined, key.thumbprint]) {
      const trust = open(pinned).read();
      expect(trust).toMatchObject({ seq: 7, instanceKey: { thumbprint: key.thumbprint } });
      expect(trust.authorities[0]).toContain('BEGIN CERTIFICATE');
    }
  });

  test('takes a newer bundle, and the same again', () => {
    write();
    const trust = open();
    trust.read();
    write({ seq: 8 });
    expect([trust.read().seq, trust.read().seq]).toEqual([8, 8]);
  });

  test('counts anew for another instance', () => {
    write();
    const trust = open();
    trust.read();
    write({ named: other, by: other, seq: 1 });
    expect(trust.read().seq).toBe(1);
  });

  test.each([
    { name: 'a key that is not pinned', files: { named: other, by: other }, pinned: key.thumbprint, code: 'bad_proof' },
    { name: 'a bundle by another key', files: { by: other }, code: 'bad_proof' },
    { name: 'a bundle that has ended', files: { exp: nowSeconds - 1 }, code: 'bad_proof' },
  ])('refuses $name', ({ files, pinned, code }) => {
    write(files);
    expect(() => open(pinned).read()).toThrow(expect.objectContaining({ code }));
  });

  test('refuses to go back to an older bundle', () => {
    write();
    const trust = open();
    trust.read();
    write({ seq: 6 });
    expect(() => trust.read()).toThrow(expect.objectContaining({ reason: 'bundle_older' }));
  });

  test('waits for files that are not there yet', () => {
    expect(() => open().read()).toThrow(expect.objectContaining({ code: 'unavailable', reason: 'trust_not_there' }));
  });

  test('refuses what is no key', () => {
    write();
    writeFileSync(join(folder, 'instance-key.json'), 'x');
    expect(() => open().read()).toThrow(expect.objectContaining({ reason: 'instance_key_syntax' }));
  });
});
