/** RFC 7520 (JOSE cookbook), sections 4 and 5: each example is what it says, is refused by us, and our primitives give its intermediate values. @module */
import { createDecipheriv, createPublicKey, diffieHellman } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { compactDecrypt, compactVerify, importJWK } from 'jose';
import { parseJws, typ } from '@letterlock/protocol';
import { decryptGcm } from './gcm.ts';
import { verifyBytes } from './jws.ts';
import { concatKdf } from './key-management.ts';
import { generateOpeningKey, importVerifyingKey } from './keys.ts';
import { openJwe } from './slot.ts';
import { headerOf } from './testing/compact.ts';
import { concatKdfInfo } from './testing/concat-kdf-info.ts';
import { privateKeyOf, publicMembersOf, signatureInput, signatureOf } from './testing/jwk.ts';
import { refusalOf } from './testing/problems.ts';
import { rfcVectors, type EncryptionVector, type SignatureVector } from './testing/rfc-vectors.ts';

const { signatures, encryptions } = rfcVectors('rfc7520') as {
  readonly signatures: readonly SignatureVector[];
  readonly encryptions: readonly EncryptionVector[];
};
const encryption = (section: string): EncryptionVector => encryptions.find(({ name }) => name.startsWith(section))!;

const keys = (['P-256', 'P-384', 'RSA'] as const).map((kind) => generateOpeningKey(kind));

describe('RFC 7520 section 4', () => {
  test.each(signatures)('$name is a correct signature', async ({ key, compact, payload }) => {
    const { alg } = headerOf(compact) as { alg: string };
    const verified = await compactVerify(compact, await importJWK({ ...key }, alg));
    expect(Buffer.from(verified.payload).toString()).toBe(payload);
  });

  test.each(signatures)('$name is refused: $refused', async ({ compact }) => {
    await expect(refusalOf(() => parseJws(compact, typ.proof, 4096))).resolves.toMatchObject({ code: 'bad_encoding' });
  });

  test('4.2: an RSA key has one algorithm', () => {
    const verifier = importVerifyingKey(publicMembersOf(signatures[0]!.key!));
    expect(verifier.algorithm).toBe('PS256');
    expect(verifyBytes(signatureInput(signatures[0]!.compact), verifier, signatureOf(signatures[0]!.compact))).toBe(
      false,
    );
  });

  test.each(signatures.slice(1))('$name has no key of ours', async ({ key }) => {
    await expect(refusalOf(() => importVerifyingKey(key))).resolves.toMatchObject({ code: 'bad_key' });
  });
});

describe('RFC 7520 section 5', () => {
  test.each(encryptions.filter(({ key }) => key !== undefined))(
    '$name is a correct JWE',
    async ({ key, compact, plaintext }) => {
      const { alg } = headerOf(compact) as { alg: string };
      const opened = await compactDecrypt(compact, await importJWK({ ...key }, alg));
      expect(Buffer.from(opened.plaintext).toString()).toBe(plaintext);
    },
  );

  test.each(encryptions)('$name is refused: $refused', async ({ compact }) => {
    for (const key of keys) {
      const call = () => openJwe(compact, { typ: typ.slot, key });
      await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_envelope', reason: 'slot_open' });
    }
  });

  test('5.2: A256GCM under its content key', () => {
    const { contentKey, compact, plaintext } = encryption('5.2');
    const [head = '', , iv, ciphertext, tag] = compact.split('.');
    const bytes = (part: string | undefined): Buffer => Buffer.from(part!, 'base64url');
    const opened = decryptGcm(bytes(contentKey), bytes(iv), Buffer.from(head), bytes(ciphertext), bytes(tag));
    expect(opened.toString()).toBe(plaintext);
  });

  const agreed = ({ key, compact }: EncryptionVector): Buffer =>
    diffieHellman({
      privateKey: privateKeyOf(key!),
      publicKey: createPublicKey({ key: headerOf(compact)['epk'] as Record<string, string>, format: 'jwk' }),
    });

  test('5.4: Concat KDF over a P-384 secret gives the key that unwraps the content key', () => {
    const vector = encryption('5.4');
    const key = concatKdf(agreed(vector), concatKdfInfo('ECDH-ES+A128KW', '', '', 128)).subarray(0, 16);
    const unwrap = createDecipheriv('id-aes128-wrap', key, Buffer.alloc(8, 0xa6));
    const contentKey = Buffer.concat([unwrap.update(vector.compact.split('.')[1]!, 'base64url'), unwrap.final()]);
    expect(contentKey.toString('base64url')).toBe(vector.contentKey);
  });

  test('5.5: Concat KDF over a P-256 secret gives the content key', () => {
    const vector = encryption('5.5');
    expect(concatKdf(agreed(vector), concatKdfInfo('A128CBC-HS256', '', '', 256)).toString('base64url')).toBe(
      vector.contentKey,
    );
  });
});
