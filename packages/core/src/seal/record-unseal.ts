/**
 * The transaction that stands for an unseal: the audit records of what led to it, and of the unseal.
 * It must never succeed over other system records than those that the keyring was opened with.
 * @module
 */
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Compare, Store } from '../store/store.ts';
import { commitAudited, type AuditedOutcome } from './commit-audited.ts';
import { systemPaths } from './system-records.ts';
import type { OpenedKeyring } from './unseal.ts';

/** @throws 'unavailable' when the outcome is unknown */
export function recordUnseal(o: {
  readonly store: Store;
  readonly trail: AuditTrail;
  /** What led to it, and the unseal itself last. */
  readonly facts: readonly AuditFacts[];
  readonly opened: OpenedKeyring;
}): Promise<AuditedOutcome> {
  const { read, epochRevision } = o.opened;
  return commitAudited(o.store, o.trail, o.facts, {
    compare: [
      ...read.map(({ key, modRevision }) => isUnchanged(key, modRevision)),
      isUnchanged(systemPaths.epoch, epochRevision),
    ],
    then: [],
  });
}

function isUnchanged(key: string, revision: number): Compare {
  return { key, field: 'mod', is: '=', revision };
}
