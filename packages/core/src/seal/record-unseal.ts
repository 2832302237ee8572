/**
 * The transaction that stands for an unseal: the audit records of all who gave a share, and of the unseal.
 * It must never succeed over other system records than those that the keyring was opened with.
 * @module
 */
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Compare, Store } from '../store/store.ts';
import type { CollectedShare } from './collected-shares.ts';
import { commitAudited, type AuditedOutcome } from './commit-audited.ts';
import { systemPaths } from './system-records.ts';
import type { OpenedKeyring } from './unseal.ts';

/** @param o - `held`: facts that waited for a barrier; `given`: at least one. @throws 'unavailable' when the outcome is unknown */
export function recordUnseal(o: {
  readonly store: Store;
  readonly trail: AuditTrail;
  readonly held: readonly AuditFacts[];
  readonly given: readonly CollectedShare[];
  readonly opened: OpenedKeyring;
}): Promise<AuditedOutcome> {
  const given = o.given.map(({ facts }) => facts);
  const { read, epochRevision } = o.opened;
  return commitAudited(o.store, o.trail, [...o.held, ...given, { ...given.at(-1)!, act: 'unseal' }], {
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
