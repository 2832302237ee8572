/**
 * Verifies a signature by a key that may be unknown, with the same work and the same answer either way. At once and not in
 * libuv's pool: waking its threads costs more than it frees (docs/performance.md).
 * It must never tell its caller's client which of the two it was.
 * @module
 */
import { verifyJws, type VerifyingKey } from '@letterlock/crypto';
import type { ParsedJws } from '@letterlock/protocol';
import { addressedTo, decoyKey, isSignatureAlgorithm } from './decoy-keys.ts';

/** Whether a JWS is by this key. An unknown key, or one of another algorithm, costs one verification and gives false. */
export function isSignedBy(jws: ParsedJws, key: VerifyingKey | undefined): boolean {
  const { alg } = jws.header;
  if (!isSignatureAlgorithm(alg)) return false;
  if (key?.algorithm === alg) return verifyJws(jws, key);
  const decoy = decoyKey(alg);
  verifyJws(addressedTo(jws, decoy), decoy);
  return false;
}
