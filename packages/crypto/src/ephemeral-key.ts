/**
 * The form of an ephemeral public key in a JWE header, for who stores the JWE and never opens it.
 * It must never be relied on by who opens: opening imports the key.
 * @module
 */
import { decodeBase64url, isBase64url } from '@letterlock/protocol';
import { isGoodMontgomeryPoint, isGoodWeierstrassPoint } from './curve-points.ts';

/** Whether `epk` is a P-256, P-384 or X25519 key with exactly its members and a point that exists. */
export function isEphemeralKey(epk: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(epk).toSorted().join(' ');
  const { crv, kty, x = '', y = '' } = epk;
  if (!isBase64url(x) || !isBase64url(y)) return false;
  if (kty === 'OKP') {
    return names === 'crv kty x' && crv === 'X25519' && x.length === 43 && isGoodMontgomeryPoint(decodeBase64url(x));
  }
  return (
    names === 'crv kty x y' &&
    kty === 'EC' &&
    (crv === 'P-256' || crv === 'P-384') &&
    isGoodWeierstrassPoint(crv, decodeBase64url(x), decodeBase64url(y))
  );
}
