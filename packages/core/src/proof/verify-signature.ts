/**
 * Verifies a signature by a key that may be unknown, with the same work and the same answer either way; in libuv's pool,
 * which lets a busy server use a second core (docs/performance.md, "Verifying in the pool").
 * It must never tell its caller's client which of the two it was.
 * @module
 */
import { verifyJwsAsync, type VerifyingKey } from '@letterlock/crypto';
import type { ParsedJws } from '@letterlock/protocol';
import { addressedTo, decoyKey, isSignatureAlgorithm } from './decoy-keys.ts';

/** Whether a JWS is by this key. An unknown key, or one of another algorithm, costs one verification and gives false. */
export async function isSignedBy(jws: ParsedJws, key: VerifyingKey | undefined): Promise<boolean> {
  const { alg } = jws.header;
  if (!isSignatureAlgorithm(alg)) return false;
  if (key?.algorithm === alg) return verifyJwsAsync(jws, key);
  const decoy = decoyKey(alg);
  await verifyJwsAsync(addressedTo(jws, decoy), decoy);
  return false;
}
