/**
 * One change with its audit records in one transaction.
 * It must never take a reply's word for a failure: the audit record being there says that the change was applied.
 * @module
 */
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Compare, Entry, Operation, Store, TransactionResponse } from '../store/store.ts';

export interface AuditedChange {
  readonly compare: readonly Compare[];
  readonly then: readonly Operation[];
  /** Key that tells why a change was not applied. */
  readonly readOtherwise?: string;
}

export interface AuditedOutcome {
  readonly isApplied: boolean;
  readonly revision: number;
  /** What `readOtherwise` names, if the change was not applied and it exists. */
  readonly found: Entry | undefined;
}

/** @param facts - at least one. @throws 'unavailable' when the outcome is unknown, 'sealed' */
export async function commitAudited(
  store: Store,
  trail: AuditTrail,
  facts: readonly AuditFacts[],
  change: AuditedChange,
): Promise<AuditedOutcome> {
  const prepared = facts.map((each) => trail.prepare(each));
  const reads = [
    ...prepared.map(({ get }) => get),
    ...(change.readOtherwise === undefined ? [] : [readOf(change.readOtherwise)]),
  ];
  let response: TransactionResponse;
  try {
    response = await store.transact({
      compare: [...change.compare, ...prepared.map(({ compare }) => compare)],
      then: [...change.then, ...prepared.flatMap(({ put, news }) => [put, ...news]), ...trail.registration],
      otherwise: reads,
    });
  } catch (error) {
    for (const each of prepared) each.settle('unknown');
    throw error;
  }
  const { succeeded, entries } = response;
  const outcomes = prepared.map((each, index) => each.outcomeOf(succeeded, entries[index]));
  for (const [index, each] of prepared.entries()) each.settle(outcomes[index]!);
  const isApplied = outcomes.every((outcome) => outcome === 'applied');
  if (isApplied) trail.registered();
  return { isApplied, revision: response.revision, found: isApplied ? undefined : entries[prepared.length] };
}

function readOf(key: string): Operation {
  return { do: 'get', key };
}
