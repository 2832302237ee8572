import { describe, expect, test } from '@jest/globals';
import { SecretBytes } from './secret-bytes.ts';
import { generateOpeningKey, generateSigningKey, publicOf } from './keys.ts';
import { openJws, signJws } from './jws.ts';
import { exportPrivateKey, importSigningKey } from './private-key.ts';
import { stateClaims, typ } from '@letterlock/protocol';

describe('exportPrivateKey()', () => {
  test.each(['P-256', 'P-384', 'Ed25519', 'RSA'] as const)('a %s key comes back as itself and signs', (kind) => {
    const key = generateSigningKey(kind);
    using pkcs8 = exportPrivateKey(key);
    const back = importSigningKey(pkcs8);
    expect(back.thumbprint).toBe(key.thumbprint);
    const claims = { exp: 2, iat: 1, inst: 'AAAAAAAAAAAAAAAAAAAAAA', td: 'example', tls: key.thumbprint };
    const jws = signJws({ typ: typ.state, key: back, claims });
    expect(openJws(jws, { typ: typ.state, key: publicOf(key), claims: stateClaims })).toEqual(claims);
  });

  test('erasing the secret leaves the imported key usable', () => {
    const key = generateSigningKey();
    const pkcs8 = exportPrivateKey(key);
    const back = importSigningKey(pkcs8);
    pkcs8[Symbol.dispose]();
    expect(() => signJws({ typ: typ.state, key: back, claims: {} })).not.toThrow();
  });
});

describe('importSigningKey()', () => {
  test.each([
    { name: 'a key that cannot sign', bytes: () => exportPrivateKey(generateOpeningKey('X25519')) },
    { name: 'bytes that are no key', bytes: () => SecretBytes.random(64) },
    {
      name: 'a key without its last byte',
      bytes: () => SecretBytes.copy(exportPrivateKey(generateSigningKey()).expose().slice(0, -1)),
    },
  ])('refuses $name', ({ bytes }) => {
    expect(() => importSigningKey(bytes())).toThrow(expect.objectContaining({ code: 'bad_key' }));
  });
});
