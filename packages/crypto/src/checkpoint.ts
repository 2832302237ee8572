/**
 * Checkpoints (protocol.md §9): the instance's signed word on all audit records up to a number, each naming the one before.
 * It must never accept one of another instance, nor one of another form.
 * @module
 */
import { checkpointClaims, typ, type CheckpointClaims } from '@letterlock/protocol';
import { hash43 } from './bytes.ts';
import { openJws, signJws } from './jws.ts';
import type { SigningKey, VerifyingKey } from './keys.ts';

/** Signs a checkpoint with the instance key. */
export function signCheckpoint(key: SigningKey, claims: CheckpointClaims): string {
  return signJws({
    typ: typ.checkpoint,
    key,
    claims: { ...claims, au: claims.au.map(([replica, seq, hash]) => [replica, seq, hash]) },
  });
}

/** @throws 'bad_encoding', 'bad_proof' */
export function verifyCheckpoint(jws: string, key: VerifyingKey): CheckpointClaims {
  return openJws(jws, { typ: typ.checkpoint, key, claims: checkpointClaims, maximumCharacters: 8192 });
}

/** What the next checkpoint names as `prev`: the hash of the whole signed text. */
export function checkpointHash(jws: string): string {
  return hash43(jws);
}
