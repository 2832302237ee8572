/**
 * Share acknowledgements: an admin shows that its share decrypts, without showing the share.
 * It must never accept one admin's acknowledgement for another.
 * @module
 */
import { acknowledgementHash } from '@letterlock/crypto';
import { ProblemError } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Store } from '../store/store.ts';
import { acknowledgedAdmins } from './acknowledgement-gate.ts';
import { markApplied, requireSameSigners, type AppliedOperation } from './applied-operation.ts';
import { commitAudited } from './commit-audited.ts';
import type { SealConfiguration } from './seal-configuration.ts';
import { conflict } from './seal-problems.ts';
import { acknowledgementsPrefix, encodeAcknowledgement } from './system-records.ts';

/** How many holders of this generation have acknowledged, of how many. */
export interface AcknowledgementProgress {
  readonly have: number;
  readonly n: number;
}

/** Compares with `a` and records it with its audit record. @throws 'denied', 'conflict', 'unavailable' @source protocol.md §10.3 */
export async function acknowledgeShare(o: {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly trail: AuditTrail;
  readonly configuration: SealConfiguration;
  readonly nowSeconds: number;
  readonly facts: AuditFacts;
  readonly operation: AppliedOperation;
  readonly ack: string;
}): Promise<AcknowledgementProgress> {
  const { store, barrier, nowSeconds } = o;
  const { admins, gen } = o.configuration;
  const holder = admins.find(({ id }) => id === o.facts.who);
  if (holder === undefined) throw new ProblemError('denied', { reason: 'init_cert' });
  if (acknowledgementHash(o.ack) !== holder.a) {
    throw conflict('share_acknowledgement', 'The acknowledgement is not that of the share made for its sender');
  }
  const path = acknowledgementsPrefix(gen) + holder.id;
  const mark = markApplied(barrier, o.operation, nowSeconds);
  const { isApplied, found } = await commitAudited(store, o.trail, [o.facts], {
    compare: [mark.compare],
    then: [
      { do: 'put', key: barrier.keyOf(path), value: barrier.seal(path, encodeAcknowledgement(nowSeconds)) },
      mark.put,
    ],
    readOtherwise: mark.key,
  });
  if (found !== undefined) requireSameSigners(barrier, found, o.operation);
  else if (!isApplied) throw new ProblemError('unavailable', { reason: 'acknowledgement_not_stored' });
  const { length: have } = await acknowledgedAdmins(store, barrier, o.configuration);
  return { have, n: admins.length };
}
