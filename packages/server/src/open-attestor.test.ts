import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateOpeningKey, generateSigningKey, hash43 } from '@letterlock/crypto';
import type { Config } from './config.ts';
import { openAttestor } from './open-attestor.ts';
import { systemClock } from './system-clock.ts';

const identity = generateSigningKey();
const pem = identity.keyObject.export({ format: 'pem', type: 'pkcs8' });
let folder: string;
let keyFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-attest-'));
  keyFile = join(folder, 'replica.key');
  writeFileSync(keyFile, pem, { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(path = keyFile): ReturnType<typeof openAttestor> {
  const attest = { static: { keyFile: path, fingerprints: [identity.thumbprint] } };
  return openAttestor({ attest, trustDomain: 'test.example' } as unknown as Config, systemClock);
}

describe('openAttestor()', () => {
  test('attests with the key of the file, whose fingerprint is pinned', async () => {
    const attestor = open()!;
    const boot = hash43('boot');
    const attested = await attestor.verify({ boot, token: await attestor.present(boot) });
    expect(attested.instance).toBe(`static:${identity.thumbprint}`);
  });

  test('is not there where nothing is configured', () => {
    const config = { attest: undefined, trustDomain: 'test.example' } as unknown as Config;
    expect(openAttestor(config, systemClock)).toBeUndefined();
  });

  test.each([
    { name: 'no file', change: () => rmSync(keyFile), says: 'cannot be read (ENOENT)' },
    { name: 'a file that everybody can read', change: () => chmodSync(keyFile, 0o644), says: 'readable by everybody' },
    { name: 'a file without a key', change: () => writeFileSync(keyFile, 'x'), says: 'no unencrypted PEM private key' },
    {
      name: 'a key that does not sign',
      change: () =>
        writeFileSync(keyFile, generateOpeningKey('X25519').keyObject.export({ format: 'pem', type: 'pkcs8' })),
      says: 'no unencrypted PEM private key',
    },
  ])('refuses $name', ({ change, says }) => {
    change();
    expect(() => open()).toThrow(
      expect.objectContaining({
        faults: [expect.objectContaining({ at: 'attest.static.keyFile', message: expect.stringContaining(says) })],
      }),
    );
  });
});
