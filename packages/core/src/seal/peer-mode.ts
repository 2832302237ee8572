/**
 * Whether replicas unseal each other: `sys/peer-unseal`, from the configuration at initialisation, later by a quorum alone.
 * It must never be taken for on when it cannot be read.
 * @module
 */
import {
  canonicalBytes,
  integer,
  isProblemError,
  object,
  oneOf,
  parseCanonical,
  peerUnsealModes,
  seconds,
  type PeerUnsealMode,
} from '@letterlock/protocol';
import { ProblemError } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Entry, Operation, Store } from '../store/store.ts';
import { markApplied, requireSameSigners, type AppliedOperation } from './applied-operation.ts';
import { commitAudited } from './commit-audited.ts';
import { systemPaths } from './system-records.ts';

const record = object({ at: seconds, mode: oneOf(...peerUnsealModes), v: integer(1, 1) });
const path = systemPaths.peerUnseal;

export function putPeerMode(barrier: Barrier, mode: PeerUnsealMode, at: number): Operation {
  return { do: 'put', key: barrier.keyOf(path), value: barrier.seal(path, canonicalBytes({ at, mode, v: 1 })) };
}

/** An absent or damaged record says off. */
export function readPeerMode(barrier: Barrier, entry: Entry | undefined): PeerUnsealMode {
  if (entry === undefined) return 'off';
  try {
    return record(parseCanonical(barrier.open(path, entry.value)), '').mode;
  } catch (error) {
    if (isProblemError(error) && error.code !== 'sealed') return 'off';
    throw error;
  }
}

/** Stores a setting that a quorum has signed, once, with its audit record. @throws 'conflict' for an operation applied before for others, 'unavailable' */
export async function storeSetting(o: {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly trail: AuditTrail;
  readonly facts: AuditFacts;
  readonly put: Operation;
  readonly operation: AppliedOperation;
  readonly nowSeconds: number;
}): Promise<void> {
  const mark = markApplied(o.barrier, o.operation, o.nowSeconds);
  const { isApplied, found } = await commitAudited(o.store, o.trail, [o.facts], {
    compare: [mark.compare],
    then: [o.put, mark.put],
    readOtherwise: mark.key,
  });
  if (found !== undefined) requireSameSigners(o.barrier, found, o.operation);
  else if (!isApplied) throw new ProblemError('unavailable', { reason: 'setting_not_stored' });
}
