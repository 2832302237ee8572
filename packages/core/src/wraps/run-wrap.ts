/**
 * Carries one event through: look, decide, change, and after a lost or refused change look again (protocol.md §9.3).
 * It must never believe that something did not happen because a reply says so, nor hand out an envelope that did not come
 * from the transaction which claimed it.
 * @module
 */
import { limits, ProblemError } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditAct, AuditFacts } from '../audit/record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Entry, Operation, Store, Transaction } from '../store/store.ts';
import { reduceWrap, type WrapChange, type WrapDecision, type WrapEvent, type WrapRefusal } from './reduce-wrap.ts';
import { envelopePath, openState, stateKey, type SeenWrap, type WrapRecord } from './wrap-record.ts';
import { recoveryOf, transitionOf, type Transition } from './wrap-transaction.ts';

/** Every refused change means that somebody else's came first, and a wrap sees no more than store, claim, redeliveries, end and purge. */
const maximumChanges = limits.deliveriesPerClaim + 4;
/** Changes without an answer before the caller is told to try again. */
const maximumSilences = 2;

type WithoutTime<E> = E extends unknown ? Omit<E, 'now'> : never;
/** An event whose time is that of each decision. */
export type TimelessEvent = WithoutTime<WrapEvent>;

export interface WrapTask {
  readonly id: string;
  readonly event: TimelessEvent;
  /** `read`: look first. Otherwise what is assumed or known already; the change compares it. */
  readonly from: 'read' | SeenWrap;
  /** Instead of looking first: what was there a while ago. Enough to try a change on, which compares it; never to answer by. */
  readonly recent?: SeenWrap | undefined;
  readonly envelope?: Uint8Array;
  readonly factsOf: (act: AuditAct) => AuditFacts;
  /** What else the transaction writes when the state becomes this one. Default: nothing. */
  readonly alongside?: (next: WrapRecord) => readonly Operation[];
}

export interface WrapParts {
  readonly barrier: Barrier;
  readonly audit: Pick<AuditTrail, 'prepare'>;
  readonly clock: Pick<Clock, 'nowSeconds'>;
  /** Told of every change that this run made. */
  readonly onChange?: (before: WrapRecord | undefined, next: WrapRecord | undefined) => void;
}

/** `answered`: the state is known to the caller. `delivered`: and so is the envelope, from the transaction that claimed it. */
export type WrapOutcome =
  | { readonly is: 'answered'; readonly record: WrapRecord; readonly revision: number; readonly isChanged: boolean }
  | { readonly is: 'delivered'; readonly record: WrapRecord; readonly revision: number; readonly envelope: Uint8Array }
  | { readonly is: 'refused'; readonly refusal: WrapRefusal; readonly seen: SeenWrap }
  | { readonly is: 'done'; readonly isChanged: boolean };

/** One call of the store. A reply has the entry read, or one for each get. */
export type StoreCall = { readonly read: string } | { readonly transact: Transaction };
export type StoreReply =
  | {
      readonly isAnswered: true;
      readonly succeeded: boolean;
      readonly revision: number;
      readonly entries: readonly (Entry | undefined)[];
    }
  | { readonly isAnswered: false; readonly error: unknown };
export type WrapRun = Generator<StoreCall, WrapOutcome, StoreReply>;

/** The run as a coroutine of store calls, so that the search for counterexamples drives this very code. */
export function* runWrap(task: WrapTask, parts: WrapParts): WrapRun {
  const { id } = task;
  const { barrier } = parts;
  const { recent } = task;
  let isRecent = task.from === 'read' && recent !== undefined;
  let seen = task.from === 'read' ? (recent ?? (yield* look(id, barrier))) : task.from;
  let isChanged = false;
  let silences = 0;
  let changes = 0;
  while (changes < maximumChanges) {
    const decision = reduceWrap(seen.record, { ...task.event, now: parts.clock.nowSeconds() });
    if (decision.is !== 'change') {
      if (!isRecent) return conclude(decision, seen, isChanged);
      seen = yield* look(id, barrier);
      isRecent = false;
      continue;
    }
    changes += 1;
    isRecent = false;
    const audit = parts.audit.prepare(task.factsOf(decision.act));
    const alongside = decision.next === undefined ? [] : (task.alongside?.(decision.next) ?? []);
    const transition: Transition = { id, seen, change: decision, envelope: task.envelope, audit, alongside };
    const reply = yield { transact: transitionOf(barrier, transition) };
    if (reply.isAnswered && reply.succeeded) {
      audit.settle('applied');
      parts.onChange?.(seen.record, decision.next);
      seen = { record: decision.next, revision: reply.revision };
      if (decision.then !== 'decide_again') return afterChange(decision, seen, id, reply.entries[0], barrier);
      continue;
    }
    const found = reply.isAnswered
      ? afterRefusal(transition, reply.entries, barrier)
      : yield* recover(transition, barrier);
    if (found.wasApplied) {
      parts.onChange?.(seen.record, decision.next);
      isChanged = decision.then !== 'decide_again';
    }
    seen = found.seen;
    if (!reply.isAnswered) silences += 1;
    if (!reply.isAnswered && silences >= maximumSilences) throw reply.error;
  }
  throw new ProblemError('unavailable', { reason: 'too_many_changes' });
}

interface Found {
  /** Whether our own transaction had happened after all. */
  readonly wasApplied: boolean;
  readonly seen: SeenWrap;
}

function* look(id: string, barrier: Barrier): Generator<StoreCall, SeenWrap, StoreReply> {
  const key = stateKey(barrier, id);
  const reply = yield { read: key };
  if (!reply.isAnswered) throw reply.error;
  return openState(barrier, key, reply.entries[0]);
}

/** The compares did not hold, or this is the reply to a second sending of what had been applied: the audit record knows. */
function afterRefusal(
  transition: Transition,
  [state, record]: readonly (Entry | undefined)[],
  barrier: Barrier,
): Found {
  const { id, audit } = transition;
  const wasApplied = record !== undefined;
  audit.settle(wasApplied ? 'applied' : 'not_applied');
  const seen = openState(barrier, stateKey(barrier, id), state);
  // Nobody changed the state, so another compare failed: the envelope is missing, or our audit number is taken.
  if (!wasApplied && seen.revision === transition.seen.revision) {
    throw new ProblemError('internal', { reason: 'storage_integrity' });
  }
  return { wasApplied, seen };
}

/** No answer: closes the audit number, so that the transaction is either found applied or can never be, and reads the state. */
function* recover(transition: Transition, barrier: Barrier): Generator<StoreCall, Found, StoreReply> {
  const { id, audit } = transition;
  audit.settle('unknown');
  const reply = yield { transact: recoveryOf(barrier, transition) };
  if (!reply.isAnswered) throw reply.error;
  audit.settle('applied');
  return { wasApplied: !reply.succeeded, seen: openState(barrier, stateKey(barrier, id), reply.entries[0]) };
}

function afterChange(
  change: WrapChange,
  seen: SeenWrap,
  id: string,
  entry: Entry | undefined,
  barrier: Barrier,
): WrapOutcome {
  const { record, revision } = seen;
  if (record === undefined) return { is: 'done', isChanged: true };
  if (change.then !== 'deliver') return { is: 'answered', record, revision, isChanged: true };
  // The transaction demanded it, so this is an adapter that does not keep its word.
  if (entry === undefined) throw new ProblemError('internal', { reason: 'storage_integrity' });
  return { is: 'delivered', record, revision, envelope: barrier.open(envelopePath(id), entry.value) };
}

function conclude(decision: Exclude<WrapDecision, WrapChange>, seen: SeenWrap, isChanged: boolean): WrapOutcome {
  if (decision.is === 'refuse') return { is: 'refused', refusal: decision, seen };
  const { record, revision } = seen;
  if (decision.is === 'rest' || record === undefined) return { is: 'done', isChanged };
  return { is: 'answered', record, revision, isChanged };
}

/** Drives a run against a store. @throws 'unavailable', 'internal' */
export async function driveWrap(store: Store, run: WrapRun, options?: CallOptions): Promise<WrapOutcome> {
  let step = run.next();
  while (step.done !== true) step = run.next(await callStore(store, step.value, options));
  return step.value;
}

async function callStore(store: Store, call: StoreCall, options: CallOptions | undefined): Promise<StoreReply> {
  try {
    if ('transact' in call) return { isAnswered: true, ...(await store.transact(call.transact, options)) };
    const { entries, revision } = await store.range({ key: call.read }, options);
    return { isAnswered: true, succeeded: true, revision, entries };
  } catch (error) {
    return { isAnswered: false, error };
  }
}
