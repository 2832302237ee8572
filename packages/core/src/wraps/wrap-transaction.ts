/**
 * The transaction of a transition (protocol.md §9.2): state, envelope and audit record change together or not at all.
 * It must never write a state without comparing the revision that the decision was made on.
 * @module
 */
import type { PreparedAudit } from '../audit/audit-trail.ts';
import type { Barrier } from '../store/barrier.ts';
import { isForBinding } from '../envelopes/binding-slot.ts';
import type { Compare, Operation, Transaction } from '../store/store.ts';
import type { WrapChange } from './reduce-wrap.ts';
import { envelopePath, putPlace, putState, stateKey, type SeenWrap } from './wrap-record.ts';

export interface Transition {
  readonly id: string;
  /** What the decision was made on. */
  readonly seen: SeenWrap;
  readonly change: WrapChange;
  /** The envelope's bytes, for `create`. */
  readonly envelope: Uint8Array | undefined;
  readonly audit: PreparedAudit;
  readonly alongside: readonly Operation[];
}

/** Answer: with `fetch` the envelope's entry. Otherwise: the state's entry, then the audit record's. */
export function transitionOf(barrier: Barrier, transition: Transition): Transaction {
  const { id, seen, change, audit } = transition;
  const key = stateKey(barrier, id);
  return {
    compare: [
      { key, field: 'mod', is: '=', revision: seen.revision },
      ...envelopeCompare(barrier, transition),
      audit.compare,
    ],
    then: [
      change.next === undefined ? { do: 'delete', key } : putState(barrier, change.next),
      ...envelopeOperations(barrier, transition),
      ...placeOperations(barrier, transition),
      audit.put,
      ...transition.alongside,
    ],
    otherwise: [{ do: 'get', key }, audit.get],
  };
}

/** After a transition without an answer: makes its fate certain and reads the state, in one step. */
export function recoveryOf(barrier: Barrier, { id, audit }: Pick<Transition, 'id' | 'audit'>): Transaction {
  const read: Operation = { do: 'get', key: stateKey(barrier, id) };
  return { compare: [audit.compare], then: [audit.close, read], otherwise: [read] };
}

/** What is stored for a binding is found by its path; every other wrap by its id alone. */
function placeOperations(barrier: Barrier, { change: { envelope, next } }: Transition): Operation[] {
  if (envelope !== 'create' || next === undefined || !isForBinding({ rcp: [next.rcp] })) return [];
  return [putPlace(barrier, next)];
}

function envelopeCompare(barrier: Barrier, { id, change }: Transition): Compare[] {
  if (change.envelope !== 'fetch') return [];
  return [{ key: barrier.keyOf(envelopePath(id)), field: 'create', is: '>', revision: 0 }];
}

function envelopeOperations(barrier: Barrier, { id, change, envelope }: Transition): Operation[] {
  if (change.envelope === 'leave') return [];
  const path = envelopePath(id);
  const key = barrier.keyOf(path);
  if (change.envelope === 'fetch') return [{ do: 'get', key }];
  if (change.envelope === 'delete') return [{ do: 'delete', key }];
  if (envelope === undefined) throw new TypeError('Cannot create a wrap without its envelope');
  return [{ do: 'put', key, value: barrier.seal(path, envelope) }];
}
