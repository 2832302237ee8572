/**
 * The record that an administrative operation was applied, so that its signature is good for one application.
 * It must never be written apart from what the operation does.
 * @module
 */
import { array, canonicalBytes, hash, integer, object, readClaims, seconds } from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Compare, Entry, Operation } from '../store/store.ts';
import { conflict } from './seal-problems.ts';

/** A verified operation. `oh`: hash of its payload; `exp`: when its record may be forgotten, seconds; `signers`: ids of its admins. */
export interface AppliedOperation {
  readonly oh: string;
  readonly exp: number;
  readonly signers: readonly string[];
}

/** What the transaction that applies an operation must contain. */
export interface AppliedMark {
  /** Present before: the operation is a replay. */
  readonly key: string;
  readonly compare: Compare;
  readonly put: Operation;
}

/** Parent of all such records; each is sealed under it, as the ledger of identities does, so that one sweep reads all. */
const parent = 'op';
const signersLimit = 16;
const recordReader = object({ at: seconds, by: array(hash, signersLimit), exp: seconds, oh: hash, v: integer(1, 1) });

export function markApplied(barrier: Barrier, { oh, exp, signers }: AppliedOperation, nowSeconds: number): AppliedMark {
  const key = barrier.keyOf(`${parent}/${oh}`);
  const record = { at: nowSeconds, by: signers.toSorted(), exp, oh, v: 1 };
  return {
    key,
    compare: { key, field: 'create', is: '=', revision: 0 },
    put: { do: 'put', key, value: barrier.seal(parent, canonicalBytes(record)) },
  };
}

/**
 * Lets an operation pass that was applied before for the same admins, whose answer may have been lost.
 * @param found - its record. @throws 'conflict' for other signers, 'internal' (reason storage_integrity)
 */
export function requireSameSigners(barrier: Barrier, found: Entry, { signers }: AppliedOperation): void {
  const { by } = readClaims(recordReader, barrier.open(parent, found.value));
  if (by.join() !== signers.toSorted().join()) throw alreadyApplied();
}

/** Tells a replay from other conflicts. */
export const alreadyAppliedReason = 'operation_applied';

export function alreadyApplied(): ReturnType<typeof conflict> {
  return conflict(alreadyAppliedReason, 'The operation was applied before');
}
