/**
 * The guarantee of protocol.md §9.5 as checks on what is stored and on what callers are told.
 * It must never look inside a decision, nor use the reducer to judge the reducer.
 * @module
 */
import type { Transaction } from '../../store/store.ts';
import type { WrapOutcome } from '../run-wrap.ts';
import type { WrapRecord } from '../wrap-record.ts';
import { isAuditKey, plainTextOf, type ModelReply, type ModelStore } from './model-store.ts';

export const stateKey = 'wrap/st/w';
export const envelopeKey = 'wrap/env/w';

/** The guarantee does not hold. */
export class Broken extends Error {}

function ensure(isTrue: boolean, broken: string): void {
  if (!isTrue) throw new Broken(broken);
}

export interface Client {
  readonly kid: string;
  readonly cid: string;
}

/** What everybody outside has experienced. Deliveries and claims are `kid cid bh`. */
export interface Ghost {
  readonly stored: readonly string[];
  readonly delivered: readonly string[];
  readonly hasAcknowledged: boolean;
  readonly hasRevoked: boolean;
  readonly isCreated: boolean;
}
export const noExperience: Ghost = {
  stored: [],
  delivered: [],
  hasAcknowledged: false,
  hasRevoked: false,
  isCreated: false,
};

/** Which change of the state is allowed: the table of protocol.md §9.2, written down a second time. */
const edges: ReadonlySet<string> = new Set([
  'nothing STORED',
  'STORED CLAIMED',
  'CLAIMED CLAIMED',
  'CLAIMED OPENED',
  'CLAIMED BURNED',
  'STORED EXPIRED',
  'STORED REVOKED',
  'OPENED nothing',
  'BURNED nothing',
  'EXPIRED nothing',
  'REVOKED nothing',
]);

export function stateIn(store: ModelStore): WrapRecord | undefined {
  const found = store.keys.get(stateKey);
  return found === undefined ? undefined : (JSON.parse(plainTextOf(found.value)) as WrapRecord);
}

/** Checks one transaction that changed something. @returns the claims and deliveries that are stored after it. */
export function judgeChange(
  before: ModelStore,
  after: ModelStore,
  transaction: Transaction,
  reply: ModelReply,
): readonly string[] {
  const [from, to] = [stateIn(before), stateIn(after)];
  ensure(edges.has(`${from?.s ?? 'nothing'} ${to?.s ?? 'nothing'}`), 'the state changed along no edge of the table');
  ensure(
    from?.claim === undefined || to === undefined || isContinued(from.claim, to.claim),
    'a claim was replaced, or a delivery forgotten',
  );
  const isLive = to?.s === 'STORED' || to?.s === 'CLAIMED';
  ensure(after.keys.has(envelopeKey) === isLive, 'there is an envelope without a live state, or none with one');
  const audits = transaction.then.filter((operation) => operation.do === 'put' && isAuditKey(operation.key));
  const isGuarded = transaction.compare.some(
    ({ key, field, is, revision }) => key === audits[0]?.key && field === 'create' && is === '=' && revision === 0,
  );
  ensure(reply.succeeded && audits.length === 1 && isGuarded, 'a change has not exactly one new audit record');
  const { claim } = to ?? {};
  return claim?.bhs.map((bh) => `${claim.kid} ${claim.cid} ${bh}`) ?? [];
}

function isContinued(before: NonNullable<WrapRecord['claim']>, after: WrapRecord['claim']): boolean {
  return (
    after?.kid === before.kid &&
    after.cid === before.cid &&
    after.n === after.bhs.length &&
    after.bhs.length >= before.bhs.length &&
    before.bhs.every((bh, index) => after.bhs[index] === bh)
  );
}

export interface Ending {
  readonly kind: string;
  /** Body hash of the request. */
  readonly bh: string;
  readonly client: Client | undefined;
  readonly outcome: WrapOutcome;
  readonly store: ModelStore;
  readonly ghost: Ghost;
}
/** What a caller has learned, and what that adds to everybody's experience. */
export interface Learned {
  readonly fact: string;
  readonly ghost: Partial<Ghost>;
}

/** Checks what a caller is told at the end of its request. */
export function judgeEnding(ending: Ending): Learned {
  const { kind, outcome, ghost } = ending;
  if (outcome.is === 'done') return { fact: 'done', ghost: {} };
  if (outcome.is === 'delivered') return judgeDelivery(ending, outcome.record);
  if (outcome.is === 'refused') return judgeRefusal(ending, outcome);
  switch (kind) {
    case 'store':
      ensure(!outcome.isChanged || !ghost.isCreated, 'a wrap was created twice');
      return { fact: 'stored', ghost: { isCreated: ghost.isCreated || outcome.isChanged } };
    case 'revoke':
      ensure(ghost.delivered.length === 0, 'a delivered wrap was said to be revoked');
      return { fact: 'revoked', ghost: { hasRevoked: true } };
    case 'acknowledge':
      ensure(
        outcome.record.s === 'OPENED' && outcome.record.claim?.cid === ending.client?.cid,
        'an acknowledgement of another claim was accepted',
      );
      return { fact: 'acknowledged', ghost: { hasAcknowledged: true } };
    default:
      return { fact: 'ended', ghost: {} };
  }
}

function judgeDelivery({ client, bh, store, ghost }: Ending, { claim }: WrapRecord): Learned {
  const me = `${client?.kid ?? ''} ${client?.cid ?? ''} ${bh}`;
  const all = union(ghost.delivered, [me]);
  const told = claim?.bhs.map((each) => `${claim.kid} ${claim.cid} ${each}`) ?? [];
  ensure(client?.kid === 'reader', 'the envelope was given to another than the recipient');
  ensure(claim?.kid === client?.kid && claim?.cid === client?.cid, 'a delivery names another claim than its own');
  ensure(ghost.stored.includes(me), 'the envelope was given before the claim was stored');
  ensure(stateIn(store)?.s === 'CLAIMED', 'the envelope was given while no claim was stored');
  ensure(!ghost.hasAcknowledged, 'the envelope was given after it was acknowledged');
  ensure(!ghost.hasRevoked, 'the envelope was given after it was revoked');
  ensure(new Set(all.map((each) => each.split(' ')[1])).size === 1, 'the envelope was given to two claims');
  ensure(
    all.every((each) => told.includes(each)),
    'a delivery hides an earlier one',
  );
  return { fact: 'delivered', ghost: { delivered: all } };
}

function judgeRefusal(
  { client, ghost }: Ending,
  { refusal, seen }: Extract<WrapOutcome, { readonly is: 'refused' }>,
): Learned {
  const s = seen.record?.s ?? '';
  if (client !== undefined && client.kid !== 'reader') {
    ensure(refusal.code === 'not_found', 'a stranger learned that the wrap exists');
  } else if (refusal.code === 'gone' || refusal.code === 'already_claimed') {
    const isOpened = ['CLAIMED', 'OPENED', 'BURNED'].includes(s);
    const byReader = ghost.stored.some((each) => each.startsWith('reader '));
    ensure(!isOpened || byReader, 'a refusal tells of an opening that nobody made');
    ensure(isOpened || ghost.delivered.length === 0, 'a delivered wrap was said to have ended unopened');
  }
  return { fact: refusal.code, ghost: {} };
}

/** Sorted, without repetition; the same array if nothing is added. */
export function union(items: readonly string[], more: readonly string[]): readonly string[] {
  const added = more.filter((item) => !items.includes(item));
  return added.length === 0 ? items : [...items, ...added].toSorted();
}
