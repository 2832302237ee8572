/** RFC 7518 (JWA), appendix C: ECDH-ES key agreement. @module */
import { createPublicKey, diffieHellman } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { concatKdf } from './key-management.ts';
import { concatKdfInfo } from './testing/concat-kdf-info.ts';
import { privateKeyOf, publicMembersOf } from './testing/jwk.ts';
import { rfcVectors } from './testing/rfc-vectors.ts';

type Jwk = Readonly<Record<string, string>>;
const vector = rfcVectors('rfc7518') as {
  readonly static: Jwk;
  readonly ephemeral: Jwk;
  readonly sharedSecret: string;
  readonly algorithm: string;
  readonly partyU: string;
  readonly partyV: string;
  readonly keyBits: number;
  readonly derivedKey: string;
};

test('RFC 7518 appendix C', () => {
  const publicKey = createPublicKey({ key: publicMembersOf(vector.static), format: 'jwk' });
  const secret = diffieHellman({ privateKey: privateKeyOf(vector.ephemeral), publicKey });
  expect(secret.toString('base64url')).toBe(vector.sharedSecret);
  const info = concatKdfInfo(vector.algorithm, vector.partyU, vector.partyV, vector.keyBits);
  expect(concatKdf(secret, info).subarray(0, 16).toString('base64url')).toBe(vector.derivedKey);
});

test('the default info is that of ECDH-ES+A256KW without parties', () => {
  const secret = Buffer.from(vector.sharedSecret, 'base64url');
  expect(concatKdf(secret)).toEqual(concatKdf(secret, concatKdfInfo('ECDH-ES+A256KW', '', '', 256)));
});
