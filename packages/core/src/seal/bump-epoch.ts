/**
 * The transaction of a seal: one more in `sys/epoch`, which every replica follows, with its audit record.
 * It must never be taken for the seal itself: whether or not it succeeds, the keys go.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Store } from '../store/store.ts';
import { alreadyApplied, markApplied, type AppliedOperation } from './applied-operation.ts';
import { commitAudited } from './commit-audited.ts';
import { decodeEpoch, encodeEpoch, systemPaths } from './system-records.ts';

/** Another replica may be sealing in the same moment. */
const attempts = 3;

/** @returns the new epoch. @throws 'conflict' for an operation applied before, 'unavailable', 'internal' */
export async function bumpEpoch(o: {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly trail: AuditTrail;
  readonly facts: AuditFacts;
  readonly operation: AppliedOperation;
  readonly nowSeconds: number;
}): Promise<number> {
  const { store, barrier, trail, facts } = o;
  const path = systemPaths.epoch;
  const key = barrier.keyOf(path);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const [current] = (await store.range({ key })).entries;
    const epoch = (current === undefined ? 0 : decodeEpoch(barrier.open(path, current.value))) + 1;
    const mark = markApplied(barrier, o.operation, o.nowSeconds);
    const { isApplied, found } = await commitAudited(store, trail, [facts], {
      compare: [{ key, field: 'mod', is: '=', revision: current?.modRevision ?? 0 }, mark.compare],
      then: [{ do: 'put', key, value: barrier.seal(path, encodeEpoch(epoch)) }, mark.put],
      readOtherwise: mark.key,
    });
    if (isApplied) return epoch;
    if (found !== undefined) throw alreadyApplied();
  }
  throw new ProblemError('unavailable', { reason: 'epoch_contended' });
}
