/**
 * The state statement (protocol.md §4.7): the instance key vouches for the TLS key of this connection.
 * It must never be believed for another connection's key; expiry is the caller's to judge, against a clock that may be wrong.
 * @module
 */
import { ProblemError, stateClaims, typ, type StateClaims } from '@letterlock/protocol';
import { openJws, signJws } from './jws.ts';
import type { SigningKey, VerifyingKey } from './keys.ts';

/** Signs a statement with the instance key. */
export function signState(key: SigningKey, claims: StateClaims): string {
  return signJws({ typ: typ.state, key, claims: claims });
}

/** Verifies a statement. @param expected - `tls`: thumbprint of the connection's key. @throws 'bad_encoding', 'bad_proof' */
export function verifyState(jws: string, key: VerifyingKey, expected: { readonly tls: string }): StateClaims {
  const claims = openJws(jws, { typ: typ.state, key, claims: stateClaims });
  if (claims.tls !== expected.tls) throw new ProblemError('bad_proof', { reason: 'state_tls' });
  return claims;
}
