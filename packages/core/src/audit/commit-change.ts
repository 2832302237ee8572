/**
 * One change and its audit record in one transaction, with a definite answer.
 * It must never trust a reply alone: whether the audit record is stored says whether the change was applied.
 * @module
 */
import { isProblemError } from '@letterlock/protocol';
import type { Compare, Operation, Store, TransactionResponse } from '../store/store.ts';
import type { AuditTrail, PreparedAudit } from './audit-trail.ts';
import type { AuditFacts } from './record.ts';

export interface Change {
  readonly compare: readonly Compare[];
  readonly then: readonly Operation[];
}

/** What became of a change. `response`: the store's, where the change itself was answered; its gets are then in it. */
export type ChangeOutcome =
  { readonly isApplied: true; readonly response: TransactionResponse | undefined } | { readonly isApplied: false };

const notApplied: ChangeOutcome = { isApplied: false };

/**
 * Applies a change if its compares hold.
 * @returns whether it was applied; false is definite. @throws 'unavailable' when even that cannot be learned.
 */
export async function commitChange(
  store: Store,
  audit: Pick<AuditTrail, 'prepare'>,
  facts: AuditFacts,
  change: Change,
): Promise<ChangeOutcome> {
  const prepared = audit.prepare(facts);
  const compare = [prepared.compare, ...change.compare];
  const then = [prepared.put, ...prepared.news, ...change.then];
  try {
    const response = await store.transact({ compare, then, otherwise: [prepared.get] });
    // A retried transaction reports failure although its first try was applied; its record then is there.
    const outcome = prepared.outcomeOf(response.succeeded, response.entries[0]);
    prepared.settle(outcome);
    if (outcome !== 'applied') return notApplied;
    return { isApplied: true, response: response.succeeded ? response : undefined };
  } catch (error) {
    const isApplied = await closeNumber(store, prepared);
    // A defect is not a lost answer: trying again would only repeat it.
    if (!isApplied && !isProblemError(error)) throw error;
    return isApplied ? { isApplied, response: undefined } : notApplied;
  }
}

/** After a lost answer: takes the record's number, so that the change either was applied or never can be. */
async function closeNumber(store: Store, prepared: PreparedAudit): Promise<boolean> {
  const { compare, get, close } = prepared;
  try {
    const { succeeded, entries } = await store.transact({ compare: [compare], then: [close], otherwise: [get] });
    prepared.settle('applied');
    // Refused because the number is taken: by the change, by this very record if it was sent twice, or by another process.
    return !succeeded && prepared.outcomeOf(false, entries[0]) === 'applied';
  } catch (error) {
    prepared.settle('unknown');
    throw error;
  }
}
