/** Keysets: a key's own statement about its encryption key. @module */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { typ, type JcsObject } from '@letterlock/protocol';
import { signJws } from './jws.ts';
import { generateOpeningKey, generateSigningKey, publicOfOpening, sealingKeyOf, signingKeyOf } from './keys.ts';
import { createKeyset, verifyKeyset } from './keyset.ts';
import { withFlippedBit, withHeader } from './testing/compact.ts';
import { refusalOf } from './testing/problems.ts';

const sig = generateSigningKey();
const enc = publicOfOpening(generateOpeningKey());
const iat = 1_790_000_000;
const jws = createKeyset({ sig, enc, seq: 1, iat, name: 'alice@example.com', exp: iat + 9 });
const claims = {
  enc: enc.jwk as unknown as JcsObject,
  iat,
  seq: 1,
  sig: sig.jwk as unknown as JcsObject,
};
const signed = (changes: JcsObject, by = sig): string =>
  signJws({ typ: typ.keyset, key: by, claims: { ...claims, ...changes } });

describe('verifyKeyset()', () => {
  test('gives back what was stated', () => {
    const keyset = verifyKeyset(jws);
    expect(keyset).toMatchObject({ id: sig.thumbprint, seq: 1, iat, name: 'alice@example.com', exp: iat + 9, jws });
    expect(keyset.sig.thumbprint).toBe(sig.thumbprint);
    expect(keyset.enc.thumbprint).toBe(enc.thumbprint);
    expect(verifyKeyset(signed({}))).not.toHaveProperty('name');
  });

  test.each(['ec', 'rsa'] as const)('allows one %s key for both purposes', (type) => {
    const { privateKey, publicKey } =
      type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 3072 });
    const single = createKeyset({ sig: signingKeyOf(privateKey), enc: sealingKeyOf(publicKey), seq: 1, iat });
    expect(verifyKeyset(single).id).toBe(verifyKeyset(single).enc.thumbprint);
  });

  const other = generateSigningKey();
  const { x } = sig.jwk as unknown as { x: string };
  test.each([
    { name: 'a keyset signed by another key', compact: signed({}, other), code: 'bad_proof' },
    {
      name: 'a keyset signed by another key under this kid',
      compact: withHeader(signed({}, other), { kid: sig.thumbprint }),
      code: 'bad_proof',
    },
    {
      name: 'a changed payload',
      compact: signed({ seq: 2 }).split('.').with(2, jws.split('.')[2]!).join('.'),
      code: 'bad_proof',
    },
    { name: 'a changed signature', compact: withFlippedBit(jws, 2, 4), code: 'bad_proof' },
    { name: 'another typ', compact: withHeader(jws, { typ: typ.proof }), code: 'bad_encoding' },
    {
      name: 'T-09 a signature key with a padded coordinate',
      compact: signed({ sig: { ...claims.sig, x: `${x}=` } }),
      code: 'bad_key',
    },
    {
      name: 'T-09 an encryption key with a further member',
      compact: signed({ enc: { ...claims.enc, kid: 'x' } }),
      code: 'bad_key',
    },
    {
      name: 'a signature key that can only receive',
      compact: signed({ sig: generateOpeningKey('X25519').jwk as unknown as JcsObject }),
      code: 'bad_key',
    },
    {
      name: 'an encryption key that can only sign',
      compact: signed({ enc: generateSigningKey('Ed25519').jwk as unknown as JcsObject }),
      code: 'bad_key',
    },
    { name: 'seq 0', compact: signed({ seq: 0 }), code: 'bad_encoding' },
    { name: 'a name beyond 128 bytes', compact: signed({ name: 'é'.repeat(65) }), code: 'bad_encoding' },
    { name: 'an unknown member', compact: signed({ role: 'admin' }), code: 'bad_encoding' },
    { name: 'more than 8 KiB', compact: `${jws}${'A'.repeat(8192)}`, code: 'too_large' },
  ])('refuses $name', async ({ compact, code }) => {
    await expect(refusalOf(() => verifyKeyset(compact))).resolves.toMatchObject({ code });
  });
});

test('createKeyset() refuses what verifyKeyset() would', async () => {
  const call = () => createKeyset({ sig, enc, seq: 1, iat, name: 'é'.repeat(65) });
  await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_encoding' });
});
