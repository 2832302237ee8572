/** RFC 8037 (curve 25519 in JOSE), appendix A: deterministic Ed25519. @module */
import { describe, expect, test } from '@jest/globals';
import { parseJws, typ } from '@letterlock/protocol';
import { signBytes, verifyBytes } from './jws.ts';
import { importVerifyingKey, signingKeyOf } from './keys.ts';
import { privateKeyOf, publicMembersOf, signatureInput, signatureOf } from './testing/jwk.ts';
import { refusalOf } from './testing/problems.ts';
import { rfcVectors, type SignatureVector } from './testing/rfc-vectors.ts';

const { signature } = rfcVectors('rfc8037') as {
  readonly signature: SignatureVector & { readonly thumbprint: string };
};
const verifier = importVerifyingKey(publicMembersOf(signature.key!));

describe('RFC 8037 appendix A', () => {
  test('A.3: thumbprint', () => {
    expect(verifier.thumbprint).toBe(signature.thumbprint);
  });

  test('A.4, A.5: signs and verifies byte by byte', () => {
    const input = signatureInput(signature.compact);
    expect(signBytes(input, signingKeyOf(privateKeyOf(signature.key!)))).toEqual(signatureOf(signature.compact));
    expect(verifyBytes(input, verifier, signatureOf(signature.compact))).toBe(true);
  });

  test('A.4 is refused as an object: EdDSA is not the name', async () => {
    expect(verifier.algorithm).toBe('Ed25519');
    await expect(refusalOf(() => parseJws(signature.compact, typ.proof, 4096))).resolves.toMatchObject({
      code: 'bad_encoding',
    });
  });
});
