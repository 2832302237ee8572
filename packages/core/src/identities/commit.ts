/**
 * One change and its audit record in one transaction, with a definite answer.
 * It must never trust a reply alone: whether the audit record is stored says whether the change was applied.
 * @module
 */
import { isProblemError } from '@letterlock/protocol';
import type { AuditFacts, AuditTrail, PreparedAudit } from '../audit/index.ts';
import type { Caller } from '../proof/index.ts';
import type { Compare, Operation, Store } from '../store/store.ts';

export interface Change {
  readonly compare: readonly Compare[];
  readonly then: readonly Operation[];
}

/**
 * Applies a change if its compares hold.
 * @returns whether it was applied; false is definite. @throws 'unavailable' when even that cannot be learned.
 */
export async function commit(store: Store, audit: AuditTrail, facts: AuditFacts, change: Change): Promise<boolean> {
  const prepared = audit.prepare(facts);
  const compare = [prepared.compare, ...change.compare];
  const then = [prepared.put, ...change.then];
  try {
    const response = await store.transact({ compare, then, otherwise: [prepared.get] });
    // A retried transaction reports failure although its first try was applied; its record then is there.
    const isApplied = response.succeeded || response.entries[0] !== undefined;
    prepared.settle(isApplied ? 'applied' : 'not_applied');
    return isApplied;
  } catch (error) {
    const isApplied = await closeNumber(store, prepared);
    // A defect is not a lost answer: trying again would only repeat it.
    if (!isApplied && !isProblemError(error)) throw error;
    return isApplied;
  }
}

/** After a lost answer: takes the record's number, so that the change either was applied or never can be. */
async function closeNumber(store: Store, prepared: PreparedAudit): Promise<boolean> {
  try {
    const { succeeded } = await store.transact({
      compare: [prepared.compare],
      then: [prepared.close],
      otherwise: [prepared.get],
    });
    prepared.settle('applied');
    return !succeeded;
  } catch (error) {
    prepared.settle('unknown');
    throw error;
  }
}

/** Audit facts of a permitted act. */
export function factsOf(caller: Caller, act: AuditFacts['act'], obj: string): AuditFacts {
  return {
    act,
    who: caller.id,
    factor: caller.factor,
    listener: caller.listener,
    cb: caller.binding,
    obj,
    outcome: 'ok',
    reason: 'ok',
    req: caller.requestId,
  };
}

/** Audit facts of what the configuration asks for at initialisation. */
export function configurationFacts(act: AuditFacts['act'], obj: string): AuditFacts {
  return {
    act,
    who: 'service',
    factor: 'configuration',
    listener: 'none',
    cb: 'none',
    obj,
    outcome: 'ok',
    reason: 'ok',
    req: 'configuration',
  };
}
