/**
 * The trust bundle (protocol.md §8.4): the authorities of workload certificates, signed by the instance key.
 * It must never take the place of a newer one.
 * @module
 */
import { bundleCharacters, bundleClaims, ProblemError, typ, type BundleClaims } from '@letterlock/protocol';
import { openJws, signJws } from './jws.ts';
import type { SigningKey, VerifyingKey } from './keys.ts';

/** Signs a bundle with the instance key. */
export function signBundle(key: SigningKey, claims: BundleClaims): string {
  return signJws({ typ: typ.bundle, key, claims });
}

/**
 * Verifies a bundle. @param o - `leastSeq`: of the newest bundle seen before; 0 for none.
 * @throws 'bad_encoding', 'bad_proof' with reason signature_invalid, bundle_expired or bundle_older
 */
export function openBundle(
  jws: string,
  key: VerifyingKey,
  o: { readonly nowSeconds: number; readonly leastSeq: number },
): BundleClaims {
  const claims = openJws(jws, { typ: typ.bundle, key, claims: bundleClaims, maximumCharacters: bundleCharacters });
  if (claims.seq < o.leastSeq) throw new ProblemError('bad_proof', { reason: 'bundle_older' });
  if (o.nowSeconds > claims.exp) throw new ProblemError('bad_proof', { reason: 'bundle_expired' });
  return claims;
}
