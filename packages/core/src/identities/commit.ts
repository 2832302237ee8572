/**
 * Changes of identities and grants, each in one transaction with its audit record.
 * It must never change anything without one.
 * @module
 */
import { commitChange, type AuditFacts, type AuditTrail, type Change } from '../audit/index.ts';
import type { Caller } from '../proof/index.ts';
import type { Store } from '../store/store.ts';

export type { Change };

/**
 * Applies a change if its compares hold.
 * @returns whether it was applied; false is definite. @throws 'unavailable' when even that cannot be learned.
 */
export async function commit(store: Store, audit: AuditTrail, facts: AuditFacts, change: Change): Promise<boolean> {
  return (await commitChange(store, audit, facts, change)).isApplied;
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
