/**
 * Administrative operations (protocol.md §4.6) as JWS: signing and reading.
 * It must never decide whether a signer is an admin.
 * @module
 */
import {
  limits,
  operationClaims,
  parseJws,
  readClaims,
  typ,
  type Operation,
  type ParsedJws,
} from '@letterlock/protocol';
import { hash43 } from './bytes.ts';
import { signJws } from './jws.ts';
import type { SigningKey } from './keys.ts';

/** Signs an operation; signers of one quorum sign byte-equal claims. */
export function signOperation(key: SigningKey, claims: Operation): string {
  return signJws({ typ: typ.operation, key, claims: claims });
}

/** Reads an operation's form; verify `jws` with verifyJws. `oh` = SHA-256 of the payload. @throws 'bad_encoding', 'too_large' */
export function readOperation(jws: string): {
  readonly jws: ParsedJws;
  readonly operation: Operation;
  readonly oh: string;
} {
  const parsed = parseJws(jws, typ.operation, limits.operationBytes);
  return { jws: parsed, operation: readClaims(operationClaims, parsed.payload), oh: hash43(parsed.payload) };
}
