/** RFC 7516 (JWE), appendix A: the content encryption that we use computes; the key encryptions are all refused. @module */
import { describe, expect, test } from '@jest/globals';
import { compactDecrypt, importJWK } from 'jose';
import { typ } from '@letterlock/protocol';
import { decryptGcm } from './gcm.ts';
import { generateOpeningKey } from './keys.ts';
import { openJwe } from './slot.ts';
import { refusalOf } from './testing/problems.ts';
import { rfcVectors, type EncryptionVector } from './testing/rfc-vectors.ts';

const { vectors } = rfcVectors('rfc7516') as { readonly vectors: readonly EncryptionVector[] };

const keys = (['P-256', 'RSA'] as const).map((kind) => generateOpeningKey(kind));

describe('RFC 7516 appendix A', () => {
  test.each(vectors)('$name is refused: $refused', async ({ compact }) => {
    for (const key of keys) {
      const call = () => openJwe(compact, { typ: typ.slot, key });
      await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_envelope', reason: 'slot_open' });
    }
  });

  test('A.1: A256GCM under its content key', () => {
    const { contentKey, compact, plaintext } = vectors.find(({ name }) => name.startsWith('A.1'))!;
    const [head, , iv, ciphertext, tag] = compact.split('.').map((part) => Buffer.from(part, 'base64url'));
    expect(head!.toString()).toBe('{"alg":"RSA-OAEP","enc":"A256GCM"}');
    const aad = Buffer.from(compact.split('.')[0]!);
    const opened = decryptGcm(Buffer.from(contentKey!, 'base64url'), iv!, aad, ciphertext!, tag!);
    expect(opened.toString()).toBe(plaintext);
  });

  test('A.3 is a correct JWE, so that its refusal is ours', async () => {
    const { key, compact, plaintext } = vectors.find(({ name }) => name.startsWith('A.3'))!;
    const opened = await compactDecrypt(compact, await importJWK({ ...key }, 'A128KW'));
    expect(Buffer.from(opened.plaintext).toString()).toBe(plaintext);
  });
});
