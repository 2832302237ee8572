/**
 * Wraps: open-once items, from storing to their tombstone, for callers who are proven and permitted.
 * It must never deliver before the claim and its audit record are stored, nor tell a stranger that a wrap exists.
 * @module
 */
import {
  hash43,
  sealDeliverySlot,
  signDelivery,
  signReceipt,
  type Keyset,
  type ReadEnvelope,
  type SigningKey,
} from '@letterlock/crypto';
import {
  isProblemError,
  ProblemError,
  type AcknowledgeRequest,
  type OpenRequest,
  type ProblemMembers,
  type ReceiptResponse,
  type StatusResponse,
  type WrapStateName,
} from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditAct, AuditFacts } from '../audit/record.ts';
import type { ActionName, Permitted } from '../policy/permitted.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Operation, Store } from '../store/store.ts';
import {
  bindingOfPath,
  findOpenableSlot,
  isForBinding,
  openBindingSlot,
  type BindingSupport,
} from '../envelopes/binding-slot.ts';
import { checkEnvelope } from '../envelopes/check-envelope.ts';
import { readStoredEnvelope, writeDelivery } from '../envelopes/delivery-answer.ts';
import { deliveryKey } from '../envelopes/delivery-key.ts';
import { putDelivery } from '../envelopes/delivery-record.ts';
import { LiveCounts } from '../envelopes/live-counts.ts';
import { isLive, type WrapRefusal } from './reduce-wrap.ts';
import { RecentWraps } from './recent-wraps.ts';
import { driveWrap, runWrap, type WrapOutcome, type WrapParts, type WrapTask } from './run-wrap.ts';
import { serviceFacts, Sweeper, type SweepReport } from './sweeper.ts';
import {
  absentWrap,
  envelopePath,
  openPlace,
  openState,
  placePath,
  stateKey,
  storedRecord,
  type PlaceRecord,
  type SeenWrap,
  type WrapRecord,
} from './wrap-record.ts';

type WrapAct = Extract<ActionName, `wrap.${string}`>;
type Caller = Permitted<WrapAct>['caller'];

/** What stands for the signed request of a caller that has none. */
const unsigned = 'mtls';
/** When a writer at its quota should look again: a window or an expiry may have ended by then. */
const quotaRetrySeconds = 60;

export interface WrapsOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Signs receipts and deliveries. */
  readonly instanceKey: SigningKey;
  readonly directory: { readonly currentKeyset: (id: string) => Promise<Keyset | undefined> };
  readonly quota: { readonly liveWrapsPerIdentity: number };
  /** How long a tombstone outlives the wrap's expiry. */
  readonly tombstoneSeconds: number;
  /** Absent outside Kubernetes. */
  readonly bindings?: BindingSupport;
}

/** What has become of the wrap that a binding's secret is. Times in seconds. */
export interface ObservedWrap {
  readonly st: WrapStateName;
  /** Since when it is in this state. */
  readonly at: number;
  readonly storedAt: number;
  /** `sa:<namespace>/<name>` of a pod that stored it. */
  readonly by?: string;
  readonly wrt: string;
  readonly rcp: string;
  readonly exp: number;
  /** Key that claimed it. */
  readonly openedBy?: string;
}

/** What it remembers of a wrap between calls is compared by the change that rests on it; refusals of proven callers are recorded here, one record each. */
export class Wraps {
  readonly #options: WrapsOptions;
  readonly #parts: WrapParts;
  readonly #live: LiveCounts;
  readonly #sweeper: Sweeper;
  readonly #recent = new RecentWraps();

  constructor(options: WrapsOptions) {
    const { store, barrier, audit, clock, tombstoneSeconds } = options;
    this.#options = options;
    this.#live = new LiveCounts(options.quota.liveWrapsPerIdentity);
    this.#parts = { barrier, audit, clock, onChange: (before, next) => this.#afterChange(before, next) };
    this.#sweeper = new Sweeper({ store, barrier, audit, parts: this.#parts, live: this.#live, tombstoneSeconds });
  }

  /** Live wraps (stored or claimed) as far as this process knows: exact after the first pass of the sweeper. */
  get live(): number {
    return this.#live.total;
  }

  /**
   * Stores an envelope once. `created` is false when the same writer had stored the same envelope before.
   * @param envelope - in canonical form, as it was received; `read` is what stands in it.
   * @throws 'bad_envelope', 'unknown_recipient', 'denied', 'conflict', 'rate', 'unavailable'
   */
  store(
    permitted: Permitted<'wrap.store'>,
    envelope: Uint8Array,
    read: ReadEnvelope,
  ): Promise<{ readonly created: boolean } & ReceiptResponse> {
    return this.#recordingRefusal(permitted, async () => {
      const { barrier, clock, directory, bindings } = this.#options;
      const nowSeconds = clock.nowSeconds();
      const currentKeyset = (id: string) => directory.currentKeyset(id);
      const checked = await checkEnvelope('once', permitted, read, nowSeconds, currentKeyset, bindings);
      const { workload } = permitted.caller;
      const by = workload === undefined ? {} : { by: `sa:${workload.ns}/${workload.sa}` };
      const record = storedRecord({ ...checked, ...by, eh: read.eh, ph: read.ph, nowSeconds });
      const key = stateKey(barrier, record.id);
      const isReserved = this.#live.reserve(record.wrt, key);
      let created = false;
      try {
        const outcome = await this.#run(permitted, {
          event: isReserved ? { do: 'store', record } : { do: 'status', by: record.wrt },
          // A new id is assumed to be free: the transaction compares that, and tells what is there if it is not.
          from: isReserved ? absentWrap : 'read',
          ...(isReserved ? { envelope } : {}),
        });
        if (!isReserved) return { created, rcpt: this.#receiptAtQuota(permitted.caller, record, outcome) };
        const { record: stored, revision, isChanged } = this.#expectAnswer(permitted, outcome);
        created = isChanged;
        return { created, rcpt: this.#receipt(permitted.caller, stored, revision) };
      } finally {
        if (isReserved && !created) this.#live.release(record.wrt, key);
      }
    });
  }

  /** Claims and delivers, or delivers again to the same claim. @returns a DeliveryResponse in canonical form. @throws 'bad_key', 'not_found', 'already_claimed', 'gone', 'unavailable' */
  open(permitted: Permitted<'wrap.open'>, request: OpenRequest): Promise<string> {
    return this.#recordingRefusal(permitted, async () => {
      const { caller } = permitted;
      const to = await deliveryKey(caller, request, (id) => this.#options.directory.currentKeyset(id));
      // Everything that can fail has been tried before the claim: what follows it needs only memory.
      if (to === undefined) throw new ProblemError('not_found', { reason: 'reader_not_registered' });
      const as = await this.#receiverName(permitted);
      const outcome = await this.#run(permitted, {
        event: {
          do: 'open',
          by: caller.id,
          as,
          cid: request.cid,
          bh: caller.bodyHash,
          proof: caller.proof ?? unsigned,
        },
        from: 'read',
      });
      if (outcome.is !== 'delivered') throw this.#problemOf(permitted, outcome);
      return await this.#deliver(permitted, outcome, to);
    });
  }

  /** The reader says that the content is safe: the envelope is deleted. @throws 'not_found', 'conflict', 'already_claimed', 'gone', 'unavailable' */
  acknowledge(permitted: Permitted<'wrap.acknowledge'>, request: AcknowledgeRequest): Promise<ReceiptResponse> {
    return this.#recordingRefusal(permitted, async () => {
      const { caller } = permitted;
      const outcome = await this.#run(permitted, {
        event: { do: 'acknowledge', by: caller.id, cid: request.cid, proof: caller.proof ?? unsigned },
        from: 'read',
      });
      return { rcpt: this.#receiptOf(permitted, outcome) };
    });
  }

  /** Takes a wrap back that nobody has opened. @throws 'not_found', 'already_claimed', 'gone', 'unavailable' */
  revoke(permitted: Permitted<'wrap.revoke'>): Promise<ReceiptResponse> {
    return this.#recordingRefusal(permitted, async () => {
      const mayDestroy = (path: string) => permitted.allows('destroy', path);
      const event = { do: 'revoke', by: permitted.caller.id, mayDestroy } as const;
      return { rcpt: this.#receiptOf(permitted, await this.#run(permitted, { event, from: 'read' })) };
    });
  }

  /** State and evidence, to writer and recipient. Never the claim id (T-33). @throws 'not_found', 'unavailable' */
  status(permitted: Permitted<'wrap.status'>): Promise<StatusResponse> {
    return this.#recordingRefusal(permitted, async () => {
      const event = { do: 'status', by: permitted.caller.id } as const;
      const outcome = await this.#run(permitted, { event, from: 'read' });
      const { record, revision } = this.#expectAnswer(permitted, outcome);
      const { proof, aproof } = record.claim ?? {};
      return {
        rcpt: this.#receipt(permitted.caller, record, revision),
        ...(proof === undefined ? {} : { proof }),
        ...(aproof === undefined ? {} : { aproof }),
      };
    });
  }

  /** Id of the wrap that a secret of a binding is now, for who may read it; undefined for none. It tells nothing else, and leaves no record. @throws 'unavailable' */
  async latest({ action }: Permitted<'secret.read'>): Promise<string | undefined> {
    return (await this.#placeOf(action.path))?.id;
  }

  /** The wrap that a path is now, for the service's own controller: nothing of its content. Undefined: none. @throws 'unavailable' */
  async observe(path: string): Promise<ObservedWrap | undefined> {
    const { store, barrier } = this.#options;
    const place = await this.#placeOf(path);
    if (place === undefined) return undefined;
    const key = stateKey(barrier, place.id);
    const { record } = openState(barrier, key, (await store.range({ key })).entries[0]);
    if (record === undefined) return undefined;
    const { s, at, by, wrt, rcp, exp, claim } = record;
    return {
      st: s,
      at,
      ...(by === undefined ? {} : { by }),
      storedAt: place.at,
      wrt,
      rcp,
      exp,
      ...(claim === undefined ? {} : { openedBy: claim.kid }),
    };
  }

  /** Takes back what is stored for a path and not claimed, for the service's own controller. @throws 'unavailable' */
  async purge(path: string): Promise<void> {
    const place = await this.#placeOf(path);
    if (place === undefined) return;
    const { id } = place;
    const event = { do: 'revoke', by: 'service', mayDestroy: () => true } as const;
    const factsOf = (act: AuditAct): AuditFacts => serviceFacts(act, id, 'binding');
    await driveWrap(this.#options.store, runWrap({ id, event, from: 'read', factsOf }, this.#parts));
  }

  async #placeOf(path: string): Promise<PlaceRecord | undefined> {
    const { store, barrier } = this.#options;
    const entry = (await store.range({ key: barrier.keyOf(placePath(path)) })).entries[0];
    return openPlace(barrier, path, entry)?.place;
  }

  /** One bounded page of the sweeper. @throws 'unavailable' */
  sweep(o: { readonly limit: number; readonly signal?: AbortSignal }): Promise<SweepReport> {
    return this.#sweeper.sweep(o);
  }

  /** Live wraps of a writer, as far as this process knows. */
  liveWrapsOf(writer: string): number {
    return this.#live.of(writer);
  }

  async #run(
    permitted: Permitted<WrapAct>,
    task: Omit<WrapTask, 'id' | 'factsOf' | 'recent' | 'alongside'>,
  ): Promise<WrapOutcome> {
    const { id } = permitted.action;
    const { requestId } = permitted.caller;
    const factsOf = (act: AuditAct): AuditFacts =>
      act === 'wrap.burn' || act === 'wrap.expire'
        ? serviceFacts(act, id, requestId)
        : factsAbout(permitted, act, 'ok', 'ok');
    const recent = this.#recent.take(id);
    const alongside = (next: WrapRecord) => deliveryTo(permitted.caller, next, this.#options.barrier);
    const run = runWrap({ ...task, id, factsOf, recent, alongside }, this.#parts);
    const outcome = await driveWrap(this.#options.store, run);
    if (outcome.is === 'answered' || outcome.is === 'delivered') {
      this.#recent.remember(outcome.record, outcome.revision);
    }
    return outcome;
  }

  #afterChange(before: WrapRecord | undefined, next: WrapRecord | undefined): void {
    const hasEnded = before !== undefined && isLive(before.s) && (next === undefined || !isLive(next.s));
    if (hasEnded) this.#live.release(before.wrt, stateKey(this.#options.barrier, before.id));
  }

  /**
   * A pod's name as the recipient of a wrap for a binding. What could keep its slot from being opened is found before the
   * claim, which could not be taken back.
   */
  async #receiverName({ caller, action, receivesAs }: Permitted<'wrap.open'>): Promise<string | undefined> {
    const { store, barrier, bindings } = this.#options;
    if (caller.workload === undefined || bindings === undefined) return undefined;
    const key = stateKey(barrier, action.id);
    const { record } = openState(barrier, key, (await store.range({ key })).entries[0]);
    if (record === undefined || !isForBinding({ rcp: [record.rcp] })) return undefined;
    const selector = receivesAs(bindingOfPath(record.path) ?? '');
    if (selector !== record.rcp) return undefined;
    const envelopeKey = barrier.keyOf(envelopePath(action.id));
    const [entry] = (await store.range({ key: envelopeKey })).entries;
    if (entry !== undefined) {
      const stored = readStoredEnvelope(barrier.open(envelopePath(action.id), entry.value));
      using _ = await openBindingSlot(await findOpenableSlot(stored, receivesAs, bindings));
    }
    return selector;
  }

  async #deliver(
    { caller, receivesAs }: Permitted<'wrap.open'>,
    { record, envelope }: Extract<WrapOutcome, { readonly is: 'delivered' }>,
    to: Parameters<typeof sealDeliverySlot>[0]['to'],
  ): Promise<string> {
    const { claim, wkey, eh, ph, id } = record;
    if (claim === undefined || wkey === undefined) throw new ProblemError('internal', { reason: 'storage_integrity' });
    const stored = readStoredEnvelope(envelope);
    const isServed = isForBinding({ rcp: [record.rcp] });
    const dslot = isServed
      ? await this.#bindingSlot(stored, receivesAs, to)
      : await sealDeliverySlot({ to, eh, content: 'slot', plaintext: stored.slots[0] });
    const dlv = signDelivery(this.#options.instanceKey, {
      // The time of the claim, also when it is delivered again: that lies before `exp`, which the reader checks.
      at: claim.at,
      bhs: claim.bhs,
      cid: claim.cid,
      ds: hash43(dslot),
      eh,
      id,
      kid: claim.kid,
      n: claim.n,
      ...nonceOf(caller),
      ph,
      st: 'CLAIMED',
      until: claim.until,
    });
    return writeDelivery({ dlv, dslot, stored, wkey });
  }

  async #bindingSlot(
    stored: ReturnType<typeof readStoredEnvelope>,
    receivesAs: (bnd: string) => string | undefined,
    to: Parameters<typeof sealDeliverySlot>[0]['to'],
  ): Promise<string> {
    const { bindings } = this.#options;
    if (bindings === undefined) throw new ProblemError('not_found', { reason: 'not_a_recipient' });
    const openable = await findOpenableSlot(stored, receivesAs, bindings);
    using fileKey = await openBindingSlot(openable);
    return await sealDeliverySlot({ to, eh: openable.eh, content: 'fk', plaintext: fileKey.expose() });
  }

  #receipt(caller: Caller, record: WrapRecord, revision: number): string {
    const { at, eh, id, ph, s } = record;
    return signReceipt(this.#options.instanceKey, { at, eh, id, ...nonceOf(caller), ph, rev: revision, st: s });
  }

  #receiptOf(permitted: Permitted<WrapAct>, outcome: WrapOutcome): string {
    const { record, revision } = this.#expectAnswer(permitted, outcome);
    return this.#receipt(permitted.caller, record, revision);
  }

  /** Nothing may be stored, but a retry of what is stored already is answered as ever. */
  #receiptAtQuota(caller: Caller, wanted: WrapRecord, outcome: WrapOutcome): string {
    if (outcome.is !== 'answered') {
      throw new ProblemError('rate', { reason: 'live_wraps_quota', retryAfterSeconds: quotaRetrySeconds });
    }
    const { record, revision } = outcome;
    if (record.eh !== wanted.eh || record.ph !== wanted.ph) throw new ProblemError('conflict', { reason: 'id_in_use' });
    return this.#receipt(caller, record, revision);
  }

  #expectAnswer(
    permitted: Permitted<WrapAct>,
    outcome: WrapOutcome,
  ): Extract<WrapOutcome, { readonly is: 'answered' }> {
    if (outcome.is === 'answered') return outcome;
    throw this.#problemOf(permitted, outcome);
  }

  #problemOf(permitted: Permitted<WrapAct>, outcome: WrapOutcome): ProblemError {
    if (outcome.is !== 'refused') return new ProblemError('internal', { reason: 'unexpected_outcome' });
    const { refusal, seen } = outcome;
    const members = this.#membersOf(permitted, refusal, seen);
    return new ProblemError(refusal.code, { reason: refusal.reason, members });
  }

  /** What a refusal proves: only to who may know that the wrap exists, and who opened it only to writer and recipient. */
  #membersOf(
    { caller, receivesAs }: Permitted<WrapAct>,
    { code }: WrapRefusal,
    { record, revision }: SeenWrap,
  ): ProblemMembers {
    if (record === undefined || (code !== 'already_claimed' && code !== 'gone')) return {};
    const members = { st: record.s, at: record.at, rcpt: this.#receipt(caller, record, revision) };
    // Of pods that a binding selects one opens it, and the others are told which.
    const isReceiver = record.rcp === `k:${caller.id}` || record.rcp === receivesAs(bindingOfPath(record.path) ?? '');
    const isParty = isReceiver || caller.id === record.wrt || record.claim?.kid === caller.id;
    if (code !== 'gone' || record.claim === undefined || !isParty) return members;
    return { ...members, kid: record.claim.kid, proof: record.claim.proof };
  }

  async #recordingRefusal<T>(permitted: Permitted<WrapAct>, answer: () => Promise<T>): Promise<T> {
    try {
      return await answer();
    } catch (error) {
      if (isProblemError(error) && error.status < 500) {
        const facts = factsAbout(permitted, permitted.action.act, 'refused', error.reason ?? error.code);
        await this.#options.audit.record(this.#options.store, facts);
      }
      throw error;
    }
  }
}

/** What a pod that claims or acknowledges has been given, for people to look at. */
function deliveryTo({ workload }: Caller, next: WrapRecord, barrier: Barrier): readonly Operation[] {
  const { claim, path, s: state, at } = next;
  if (claim === undefined || workload?.by !== 'svid' || (state !== 'CLAIMED' && state !== 'OPENED')) return [];
  const opened = state === 'OPENED' ? { opened: at } : {};
  return putDelivery(barrier, { path, podUid: workload.pod, at: claim.at, ...opened });
}

function nonceOf({ nonce }: Caller): { readonly nonce?: string } {
  return nonce === undefined ? {} : { nonce };
}

function factsAbout(
  { caller, action }: Permitted<WrapAct>,
  act: AuditAct,
  outcome: AuditFacts['outcome'],
  reason: string,
): AuditFacts {
  return {
    act,
    who: caller.id,
    factor: caller.factor,
    listener: caller.listener,
    cb: caller.binding,
    obj: `wrap/${action.id}`,
    outcome,
    reason,
    req: caller.requestId,
  };
}
