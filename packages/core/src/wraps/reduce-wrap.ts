/**
 * What an event does to a wrap: the state machine of protocol.md §9 with the table of §4.6, as one pure function.
 * It must never disclose anything to who is not a party, nor decide by anything but the record and the event.
 * @module
 */
import { limits, type WrapStateName } from '@letterlock/protocol';
import type { AuditAct } from '../audit/record.ts';
import type { Claim, WrapRecord } from './wrap-record.ts';

export type WrapEvent =
  | { readonly do: 'store'; readonly record: WrapRecord; readonly now: number }
  | {
      readonly do: 'open';
      readonly by: string;
      /** The workload name of a pod that a live binding selects. */
      readonly as?: string | undefined;
      readonly cid: string;
      /** Body hash of this request. */
      readonly bh: string;
      readonly proof: string;
      readonly now: number;
    }
  | {
      readonly do: 'acknowledge';
      readonly by: string;
      readonly cid: string;
      readonly proof: string;
      readonly now: number;
    }
  | {
      readonly do: 'revoke';
      readonly by: string;
      readonly mayDestroy: (path: string) => boolean;
      readonly now: number;
    }
  | { readonly do: 'status'; readonly by: string; readonly now: number }
  | { readonly do: 'sweep'; readonly tombstoneSeconds: number; readonly now: number };
export type WrapEventOf<N extends WrapEvent['do']> = Extract<WrapEvent, { readonly do: N }>;

/** A transition, to be made by one transaction. */
export interface WrapChange {
  readonly is: 'change';
  readonly act: AuditAct;
  /** Undefined: the record is deleted. */
  readonly next: WrapRecord | undefined;
  /** What happens to the envelope in the same transaction. `fetch`: it must be there, and comes with the answer. */
  readonly envelope: 'create' | 'fetch' | 'delete' | 'leave';
  /** `decide_again`: time had passed; the event itself is decided on the state that follows. */
  readonly then: 'answer' | 'deliver' | 'decide_again';
}
export type WrapRefusalCode = 'not_found' | 'conflict' | 'already_claimed' | 'gone';
export interface WrapRefusal {
  readonly is: 'refuse';
  readonly code: WrapRefusalCode;
  readonly reason: string;
}
/** `answer`: nothing is to be changed, and the caller may know the state. `rest`: nothing is due. */
export type WrapDecision = WrapChange | WrapRefusal | { readonly is: 'answer' } | { readonly is: 'rest' };

const answer: WrapDecision = { is: 'answer' };
const rest: WrapDecision = { is: 'rest' };
const gone: WrapDecision = refuse('gone', 'gone');

/** State in which there is still something to deliver. */
export function isLive(state: WrapStateName): boolean {
  return state === 'STORED' || state === 'CLAIMED';
}

/** Decides one event. Pure; the first matching line of each rule wins. @source protocol.md §4.6, §9.2 */
export function reduceWrap(state: WrapRecord | undefined, event: WrapEvent): WrapDecision {
  if (state === undefined) return withoutRecord(event);
  const stranger = refuseStranger(state, event);
  if (stranger !== undefined) return stranger;
  const overdue = endByTime(state, event);
  if (overdue !== undefined) return overdue;
  return (routes[event.do] as Rule<WrapEvent['do']>)(state, event);
}

type Rule<N extends WrapEvent['do']> = (state: WrapRecord, event: WrapEventOf<N>) => WrapDecision;
type Rules<N extends WrapEvent['do']> = Readonly<Record<WrapStateName, Rule<N>>>;

const openRules: Rules<'open'> = {
  STORED: (state, event) => change('wrap.open', claimed(state, event), 'fetch', 'deliver'),
  CLAIMED: (state, event) => {
    const claim = claimOf(state);
    if (!isHeldBy(claim, event)) return refuse('already_claimed', 'other_claim');
    if (claim.n >= limits.deliveriesPerClaim) return refuse('already_claimed', 'delivery_limit');
    return change('wrap.redeliver', redelivered(state, claim, event), 'fetch', 'deliver');
  },
  OPENED: () => gone,
  BURNED: () => gone,
  EXPIRED: () => gone,
  REVOKED: () => gone,
};

const acknowledgeRules: Rules<'acknowledge'> = {
  STORED: () => refuse('conflict', 'not_claimed'),
  CLAIMED: (state, event) => {
    const claim = claimOf(state);
    if (!isHeldBy(claim, event)) return refuse('already_claimed', 'other_claim');
    const acknowledged: Claim = { aproof: event.proof, ...claim };
    return change(
      'wrap.acknowledge',
      ended({ ...state, claim: acknowledged }, 'OPENED', event.now),
      'delete',
      'answer',
    );
  },
  OPENED: (state, event) => (isHeldBy(claimOf(state), event) ? answer : gone),
  BURNED: () => gone,
  EXPIRED: () => gone,
  REVOKED: () => gone,
};

const revokeRules: Rules<'revoke'> = {
  STORED: (state, event) => change('wrap.revoke', ended(state, 'REVOKED', event.now), 'delete', 'answer'),
  CLAIMED: () => refuse('already_claimed', 'other_claim'),
  REVOKED: () => answer,
  OPENED: () => gone,
  BURNED: () => gone,
  EXPIRED: () => gone,
};

const routes: { readonly [N in WrapEvent['do']]: Rule<N> } = {
  store: (state, event) => storeAgain(state, event),
  open: (state, event) => openRules[state.s](state, event),
  acknowledge: (state, event) => acknowledgeRules[state.s](state, event),
  revoke: (state, event) => revokeRules[state.s](state, event),
  status: () => answer,
  sweep: (state, event) => (!isLive(state.s) && event.now >= state.exp + event.tombstoneSeconds ? purge : rest),
};

const purge = change('wrap.purge', undefined, 'leave', 'answer');

function withoutRecord(event: WrapEvent): WrapDecision {
  if (event.do === 'store') return change('wrap.store', event.record, 'create', 'answer');
  return event.do === 'sweep' ? rest : refuse('not_found', 'absent');
}

/** Who may know that this wrap exists; to all others it looks as if it did not. */
const isParty: { readonly [N in WrapEvent['do']]: (state: WrapRecord, event: WrapEventOf<N>) => boolean } = {
  store: () => true,
  open: (state, event) => state.rcp === `k:${event.by}` || (event.as !== undefined && state.rcp === event.as),
  // Who holds the claim was a recipient when it opened, whatever has become of the binding since.
  acknowledge: (state, event) => state.rcp === `k:${event.by}` || state.claim?.kid === event.by,
  revoke: (state, event) => state.wrt === event.by || event.mayDestroy(state.path),
  status: (state, event) => state.wrt === event.by || state.rcp === `k:${event.by}` || state.claim?.kid === event.by,
  sweep: () => true,
};

function refuseStranger(state: WrapRecord, event: WrapEvent): WrapDecision | undefined {
  const rule = isParty[event.do] as (state: WrapRecord, event: WrapEvent) => boolean;
  return rule(state, event) ? undefined : refuse('not_found', 'not_a_party');
}

/** The same identifier may be sent again with the same content by the same writer: that is the retry after a lost answer. */
function storeAgain(state: WrapRecord, { record }: WrapEventOf<'store'>): WrapDecision {
  const isSame = state.wrt === record.wrt && state.eh === record.eh && state.ph === record.ph;
  return isSame ? answer : refuse('conflict', 'id_in_use');
}

/** Ends what is over. An acknowledgement of the right claim may still come late: it tells more than that the window ended. */
function endByTime(state: WrapRecord, event: WrapEvent): WrapDecision | undefined {
  const then = event.do === 'sweep' ? 'answer' : 'decide_again';
  if (state.s === 'STORED' && event.now >= state.exp) {
    return change('wrap.expire', ended(state, 'EXPIRED', event.now), 'delete', then);
  }
  if (state.s === 'CLAIMED' && event.now >= claimOf(state).until) {
    if (event.do === 'acknowledge' && isHeldBy(claimOf(state), event)) return undefined;
    return change('wrap.burn', ended(state, 'BURNED', event.now), 'delete', then);
  }
  return undefined;
}

/** One key *and* one claim id own the delivery: by the key alone, a thief who holds it could join unseen. */
function isHeldBy(claim: Claim, { by, cid }: { readonly by: string; readonly cid: string }): boolean {
  return claim.kid === by && claim.cid === cid;
}

function claimed(state: WrapRecord, { by, cid, bh, proof, now }: WrapEventOf<'open'>): WrapRecord {
  const claim: Claim = { at: now, bhs: [bh], cid, kid: by, n: 1, proof, until: now + state.win };
  return { ...state, at: now, claim, s: 'CLAIMED' };
}

function redelivered(state: WrapRecord, claim: Claim, { bh }: WrapEventOf<'open'>): WrapRecord {
  return { ...state, claim: { ...claim, bhs: [...claim.bhs, bh], n: claim.n + 1 } };
}

/** The tombstone: what proves how it ended, without what was needed to deliver. */
function ended(state: WrapRecord, s: WrapStateName, now: number): WrapRecord {
  const { wkey: _, ...kept } = state;
  return { ...kept, at: now, s };
}

/** A claim belongs to every record that was ever claimed; a record without one is damaged. */
function claimOf(state: WrapRecord): Claim {
  if (state.claim === undefined) throw new TypeError('Cannot reduce a wrap: the record has no claim');
  return state.claim;
}

function change(
  act: AuditAct,
  next: WrapRecord | undefined,
  envelope: WrapChange['envelope'],
  then: WrapChange['then'],
): WrapDecision {
  return { is: 'change', act, next, envelope, then };
}

function refuse(code: WrapRefusalCode, reason: string): WrapDecision {
  return { is: 'refuse', code, reason };
}
