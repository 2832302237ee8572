/** RFC 7515 (JWS), appendix A and C: each example is what it says, and is taken or refused by us as the vector file notes. @module */
import { describe, expect, test } from '@jest/globals';
import { compactVerify, importJWK } from 'jose';
import { decodeBase64url, encodeBase64url, parseJws, typ } from '@letterlock/protocol';
import { signBytes, verifyBytes } from './jws.ts';
import { importVerifyingKey, signingKeyOf } from './keys.ts';
import { privateKeyOf, publicMembersOf, signatureInput, signatureOf } from './testing/jwk.ts';
import { refusalOf } from './testing/problems.ts';
import { rfcVectors, type SignatureVector } from './testing/rfc-vectors.ts';

const { vectors, base64url } = rfcVectors('rfc7515') as {
  readonly vectors: readonly SignatureVector[];
  readonly base64url: { readonly octets: readonly number[]; readonly text: string };
};
const signed = vectors.filter(({ key }) => key !== undefined);
const taken = vectors.filter(({ refused }) => refused === undefined);
const forbidden = vectors.filter(({ refused }) => refused !== undefined);

describe('RFC 7515 appendix A', () => {
  test.each(signed)('$name is a correct signature', async ({ key, compact, payload }) => {
    const { alg } = JSON.parse(Buffer.from(compact.split('.')[0]!, 'base64url').toString()) as { alg: string };
    const verified = await compactVerify(compact, await importJWK({ ...publicMembersOf(key!) }, alg));
    expect(Buffer.from(verified.payload).toString()).toBe(payload);
  });

  test.each(taken)('$name verifies with our primitive, and its key signs', ({ key, compact }) => {
    const verifier = importVerifyingKey(publicMembersOf(key!));
    expect(verifyBytes(signatureInput(compact), verifier, signatureOf(compact))).toBe(true);
    const own = signBytes(signatureInput(compact), signingKeyOf(privateKeyOf(key!)));
    expect(verifyBytes(signatureInput(compact), verifier, own)).toBe(true);
    expect(verifyBytes(Buffer.concat([signatureInput(compact), Buffer.alloc(1)]), verifier, own)).toBe(false);
  });

  test.each(vectors)('$name is none of our objects', async ({ compact }) => {
    await expect(refusalOf(() => parseJws(compact, typ.proof, 4096))).resolves.toMatchObject({ code: 'bad_encoding' });
  });

  test.each(forbidden.filter(({ key }) => key !== undefined && key['kty'] !== 'RSA'))(
    '$name is refused: $refused',
    async ({ key }) => {
      await expect(refusalOf(() => importVerifyingKey(publicMembersOf(key!)))).resolves.toMatchObject({
        code: 'bad_key',
      });
    },
  );

  test('A.2 RS256 is refused by an RSA key, whose only algorithm is PS256', () => {
    const { key, compact } = vectors.find(({ name }) => name === 'A.2 RS256')!;
    const verifier = importVerifyingKey(publicMembersOf(key!));
    expect(verifier.algorithm).toBe('PS256');
    expect(verifyBytes(signatureInput(compact), verifier, signatureOf(compact))).toBe(false);
  });
});

test('RFC 7515 appendix C', () => {
  expect(encodeBase64url(Uint8Array.from(base64url.octets))).toBe(base64url.text);
  expect([...decodeBase64url(base64url.text)]).toEqual(base64url.octets);
});
