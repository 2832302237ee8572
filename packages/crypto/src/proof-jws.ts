/**
 * The request proof (protocol.md §4.1): one JWS that names method, target, body, nonce and channel.
 * It must never judge a proof: that is core's, with its nonces and its origins.
 * @module
 */
import {
  canonicalize,
  limits,
  parseJws,
  proofClaims,
  readClaims,
  typ,
  type ParsedJws,
  type ProofClaims,
} from '@letterlock/protocol';
import { signJws } from './jws.ts';
import type { SigningKey } from './keys.ts';

/** Signs a proof. @param o - `target` is origin and path; the hashes are 43 characters of base64url. */
export function createProof(o: {
  readonly key: SigningKey;
  readonly method: string;
  readonly target: string;
  readonly bodyHash: string;
  readonly nonce: string;
  readonly iat: number;
  /** SHA-256 of the TLS exporter; absent where the proof's key is the TLS client key. */
  readonly channelBinding?: string;
  readonly writerTokenHash?: string;
}): string {
  const claims = canonicalize({
    bh: o.bodyHash,
    ...(o.channelBinding === undefined ? {} : { cb: o.channelBinding }),
    htm: o.method,
    htu: o.target,
    iat: o.iat,
    nonce: o.nonce,
    ...(o.writerTokenHash === undefined ? {} : { th: o.writerTokenHash }),
  });
  return signJws({ typ: typ.proof, key: o.key, claims });
}

/** Reads a proof's form; the signature is not yet verified. @throws 'bad_encoding', 'too_large' */
export function parseProof(compact: string): { readonly jws: ParsedJws; readonly claims: ProofClaims } {
  const jws = parseJws(compact, typ.proof, limits.proofBytes);
  return { jws, claims: readClaims(proofClaims, jws.payload) };
}
