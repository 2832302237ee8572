/**
 * Which processes have written audit records, and up to which number checkpoints cover them; in clear, as checkpoints are.
 * It must never be believed where a signed checkpoint says otherwise: it only tells where to look.
 * @module
 */
import { decodeUtf8, encodeUtf8, ProblemError } from '@letterlock/protocol';
import type { Entry, Operation } from '../store/store.ts';

/** Parent of the register's entries, with the closing slash. */
export const replicaRegister = 'sys/ckpt/of/';

const replicaForm = /^[A-Za-z0-9_-]{11}$/;
const numberForm = /^(?:0|[1-9][0-9]{0,15})$/;

/** One process, as the register has it. */
export interface RegisteredReplica {
  readonly replica: string;
  /** Last number that a checkpoint covers. */
  readonly through: number;
  readonly modRevision: number;
}

export function replicaKey(replica: string): string {
  return replicaRegister + replica;
}

/** Shape: decimal digits. */
export function putReplica(replica: string, through: number): Operation {
  return { do: 'put', key: replicaKey(replica), value: encodeUtf8(String(through)) };
}

/** @throws 'internal' (reason checkpoint_changed) for an entry that no service writes */
export function readReplica({ key, value, modRevision }: Entry): RegisteredReplica {
  const replica = key.slice(replicaRegister.length);
  const text = decodeUtf8(value);
  if (!replicaForm.test(replica) || !numberForm.test(text)) {
    throw new ProblemError('internal', { reason: 'checkpoint_changed' });
  }
  return { replica, through: Number(text), modRevision };
}
