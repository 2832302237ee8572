/**
 * The record that an administrative operation was applied, so that its signature is good for one application.
 * It must never be written apart from what the operation does.
 * @module
 */
import { canonicalBytes } from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Compare, Operation } from '../store/store.ts';
import { conflict } from './seal-problems.ts';

/** A verified operation. `oh`: hash of its payload; `exp`: when its record may be forgotten, seconds. */
export interface AppliedOperation {
  readonly oh: string;
  readonly exp: number;
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

export function markApplied(barrier: Barrier, { oh, exp }: AppliedOperation, nowSeconds: number): AppliedMark {
  const key = barrier.keyOf(`${parent}/${oh}`);
  return {
    key,
    compare: { key, field: 'create', is: '=', revision: 0 },
    put: { do: 'put', key, value: barrier.seal(parent, canonicalBytes({ at: nowSeconds, exp, oh, v: 1 })) },
  };
}

/** Tells a replay from other conflicts. */
export const alreadyAppliedReason = 'operation_applied';

export function alreadyApplied(): ReturnType<typeof conflict> {
  return conflict(alreadyAppliedReason, 'The operation was applied before');
}
