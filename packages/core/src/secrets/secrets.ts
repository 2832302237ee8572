/**
 * Secrets: paths with versions, for callers who are proven and permitted.
 * It must never deliver before the audit record of the read is stored, nor tell who may not read that a secret exists.
 * @module
 */
import {
  hash43,
  sealDeliverySlot,
  signDelivery,
  signReceipt,
  slotIndexOf,
  type Keyset,
  type ReadEnvelope,
  type SigningKey,
} from '@letterlock/crypto';
import {
  isProblemError,
  limits,
  ProblemError,
  type DestroySecretRequest,
  type ListSecretsRequest,
  type ListSecretsResponse,
  type ReadSecretRequest,
  type ReceiptClaims,
  type ReceiptResponse,
  type SecretVersionsRequest,
  type SecretVersionsResponse,
} from '@letterlock/protocol';
import { commitChange, type Change, type ChangeOutcome } from '../audit/commit-change.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import {
  bindingOfPath,
  findOpenableSlot,
  isForBinding,
  openBindingSlot,
  type BindingSupport,
} from '../envelopes/binding-slot.ts';
import { checkEnvelope } from '../envelopes/check-envelope.ts';
import { readStoredEnvelope, writeDelivery, type StoredEnvelope } from '../envelopes/delivery-answer.ts';
import { deliveryKey } from '../envelopes/delivery-key.ts';
import { putDelivery } from '../envelopes/delivery-record.ts';
import { LiveCounts } from '../envelopes/live-counts.ts';
import type { ActionName, Permitted } from '../policy/permitted.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Store } from '../store/store.ts';
import { listChildren, listVersions } from './list-secrets.ts';
import { purgeBelow } from './purge-secrets.ts';
import {
  envelopePath,
  latestKey,
  openLatest,
  openVersion,
  putFolders,
  putLatest,
  putVersion,
  versionKey,
  type Seen,
  type VersionRecord,
} from './secret-record.ts';
import { SecretSweeper, type SecretSweepReport } from './secret-sweeper.ts';
import { stateOf } from './version-state.ts';

type SecretAct = Extract<ActionName, `secret.${string}`>;
type Caller = Permitted<SecretAct>['caller'];

/** Each try fails only because somebody else's change came first, or its answer was lost. */
const attemptsLimit = 8;
/** When a writer at its quota should look again: a version may have expired by then. */
const quotaRetrySeconds = 60;

export interface SecretsOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Signs receipts and deliveries. */
  readonly instanceKey: SigningKey;
  readonly directory: { readonly currentKeyset: (id: string) => Promise<Keyset | undefined> };
  readonly quota: { readonly liveSecretVersionsPerIdentity: number };
  /** Absent outside Kubernetes. */
  readonly bindings?: BindingSupport;
}

/** Holds no state of any secret between calls; refusals of proven callers are recorded here, one record each. */
export class Secrets {
  readonly #options: SecretsOptions;
  readonly #live: LiveCounts;
  readonly #sweeper: SecretSweeper;

  constructor(options: SecretsOptions) {
    this.#options = options;
    this.#live = new LiveCounts(options.quota.liveSecretVersionsPerIdentity);
    this.#sweeper = new SecretSweeper({ ...options, live: this.#live });
  }

  /** Versions with an envelope as far as this process knows: exact after the first pass of the sweeper. */
  get live(): number {
    return this.#live.total;
  }

  /** One bounded page of the sweeper. @throws 'unavailable' */
  sweep(o: { readonly limit: number; readonly signal?: AbortSignal }): Promise<SecretSweepReport> {
    return this.#sweeper.sweep(o);
  }

  /**
   * Stores a version that is higher than the latest. `created` is false when the same writer had stored the same before.
   * @param envelope - in canonical form, as it was received; `read` is what stands in it.
   * @throws 'bad_envelope', 'unknown_recipient', 'denied', 'conflict' with the latest version, 'rate', 'unavailable'
   */
  write(
    permitted: Permitted<'secret.write'>,
    envelope: Uint8Array,
    read: ReadEnvelope,
  ): Promise<{ readonly created: boolean } & ReceiptResponse> {
    return this.#recordingRefusal(permitted, async () => {
      const { barrier, clock, directory, bindings } = this.#options;
      const nowSeconds = clock.nowSeconds();
      const currentKeyset = (id: string) => directory.currentKeyset(id);
      const { header, writerKey } = await checkEnvelope('kv', permitted, read, nowSeconds, currentKeyset, bindings);
      const { path, ver } = header;
      const wanted = versionRecord(header, {
        eh: read.eh,
        ph: read.ph,
        wkey: writerKey,
        at: nowSeconds,
        ...writtenBy(permitted.caller),
      });
      const key = versionKey(barrier, path, ver);
      let isPlaceTaken = false;
      return this.#retrying(async () => {
        const latest = openLatest(barrier, path, await this.#read(latestKey(barrier, path)));
        const current = latest.record?.ver ?? 0;
        // What is stored already is answered as ever, also to a writer at its quota.
        if (ver <= current) return { created: false, rcpt: await this.#writtenBefore(permitted, wanted, current) };
        isPlaceTaken ||= this.#live.reserve(wanted.wrt, key);
        if (!isPlaceTaken) {
          throw new ProblemError('rate', { reason: 'live_secrets_quota', retryAfterSeconds: quotaRetrySeconds });
        }
        const outcome = await this.#commit(permitted, `${path}#${ver}`, {
          compare: [
            { key: latestKey(barrier, path), field: 'mod', is: '=', revision: latest.revision },
            { key, field: 'create', is: '=', revision: 0 },
          ],
          then: [
            putLatest(barrier, path, ver),
            putVersion(barrier, wanted),
            {
              do: 'put',
              key: barrier.keyOf(envelopePath(path, ver)),
              value: barrier.seal(envelopePath(path, ver), envelope),
            },
            ...(latest.record === undefined ? putFolders(barrier, path) : []),
          ],
        });
        if (!outcome.isApplied) return undefined;
        isPlaceTaken = false;
        const stored = await this.#changed(outcome, wanted);
        return { created: true, rcpt: this.#receipt(permitted.caller, stored) };
      }).finally(() => {
        if (isPlaceTaken) this.#live.release(wanted.wrt, key);
      });
    });
  }

  /**
   * Delivers one version, the latest unless the request names another, to who may read and is a recipient.
   * @returns a DeliveryResponse in canonical form. @throws 'bad_key', 'not_found', 'gone', 'unavailable'
   */
  read(permitted: Permitted<'secret.read'>, request: ReadSecretRequest): Promise<string> {
    return this.#recordingRefusal(permitted, async () => {
      const { barrier, directory, clock } = this.#options;
      const { caller } = permitted;
      const { path } = request;
      requireSamePath(permitted, path);
      const to = await deliveryKey(caller, request, (id) => directory.currentKeyset(id));
      if (to === undefined) throw new ProblemError('not_found', { reason: 'reader_not_registered' });
      return this.#retrying(async () => {
        const ver = request.ver ?? (await this.#latestOf(path));
        const seen = await this.#version(path, ver);
        const nowSeconds = clock.nowSeconds();
        const { record, slotIndex } = this.#deliverable(permitted, seen, nowSeconds);
        const envelopeKey = barrier.keyOf(envelopePath(path, ver));
        // The envelope comes from the very transaction that stores the record of its delivery.
        const outcome = await this.#commit(permitted, `${path}#${ver}`, {
          compare: [
            { key: versionKey(barrier, path, ver), field: 'mod', is: '=', revision: seen.revision },
            { key: envelopeKey, field: 'create', is: '>', revision: 0 },
          ],
          then: [
            { do: 'get', key: envelopeKey },
            // A pod's agent asks with a key that it made for this one request: what it is given, it opens.
            ...putDelivery(barrier, {
              path,
              ver,
              at: nowSeconds,
              opened: nowSeconds,
              podUid: caller.workload?.by === 'svid' ? caller.workload.pod : undefined,
            }),
          ],
        });
        if (!outcome.isApplied) {
          await this.#requireEnvelope(path, seen, envelopeKey);
          return undefined;
        }
        // Recorded, but its answer was lost with the envelope: the next try records again, and too much is not too little.
        if (outcome.response === undefined) return undefined;
        const entry = outcome.response.entries[0];
        if (entry === undefined) throw new ProblemError('internal', { reason: 'storage_integrity' });
        const envelope = barrier.open(envelopePath(path, ver), entry.value);
        return this.#deliver(permitted, { record, envelope, slotIndex, to, nowSeconds });
      });
    });
  }

  /** Number of the latest version for who may read it; 0 for none. It tells nothing else, and leaves no record. @throws 'unavailable' */
  async latest({ action }: Permitted<'secret.read'>): Promise<number> {
    const { barrier } = this.#options;
    return openLatest(barrier, action.path, await this.#read(latestKey(barrier, action.path))).record?.ver ?? 0;
  }

  /** What lies directly below a path, as far as the caller may see it. A page can be short although there are more. @throws 'unavailable' */
  list(permitted: Permitted<'secret.list'>, request: ListSecretsRequest): Promise<ListSecretsResponse> {
    return this.#recordingRefusal(permitted, async () => {
      requireSamePath(permitted, request.path);
      await this.#recordReading(permitted, request.path ?? '');
      return listChildren(this.#options, permitted, { ...request, limit: request.limit ?? limits.itemsPerPage });
    });
  }

  /** Which versions there are and what has become of them, in no particular order. @throws 'not_found', 'unavailable' */
  versions(permitted: Permitted<'secret.versions'>, request: SecretVersionsRequest): Promise<SecretVersionsResponse> {
    return this.#recordingRefusal(permitted, async () => {
      const { path } = request;
      requireSamePath(permitted, path);
      await this.#latestOf(path);
      await this.#recordReading(permitted, path);
      return listVersions(this.#options, { ...request, limit: request.limit ?? limits.itemsPerPage });
    });
  }

  /** The latest version of a path, for the service's own controller: nothing of its content. Undefined: never written. @throws 'unavailable' */
  async observe(path: string): Promise<VersionRecord | undefined> {
    const { barrier } = this.#options;
    const { record } = openLatest(barrier, path, await this.#read(latestKey(barrier, path)));
    return record === undefined ? undefined : (await this.#version(path, record.ver)).record;
  }

  /** Destroys every version of what lies directly below a path, for the service's own controller. @throws 'unavailable' */
  purge(parent: string): Promise<void> {
    return purgeBelow({ ...this.#options, live: this.#live }, parent);
  }

  /** Deletes the envelope of one version, and with it every key slot; what is left proves it. @throws 'not_found', 'unavailable' */
  destroy(permitted: Permitted<'secret.destroy'>, request: DestroySecretRequest): Promise<ReceiptResponse> {
    return this.#recordingRefusal(permitted, async () => {
      const { barrier, clock } = this.#options;
      const { path, ver } = request;
      requireSamePath(permitted, path);
      return this.#retrying(async () => {
        const seen = await this.#version(path, ver);
        if (seen.record === undefined) throw new ProblemError('not_found', { reason: 'absent' });
        if (seen.record.s === 'DESTROYED') return { rcpt: this.#receipt(permitted.caller, requireRecord(seen)) };
        const { wkey: _, ...kept } = seen.record;
        const destroyed: VersionRecord = { ...kept, at: clock.nowSeconds(), s: 'DESTROYED' };
        const outcome = await this.#commit(permitted, `${path}#${ver}`, {
          compare: [{ key: versionKey(barrier, path, ver), field: 'mod', is: '=', revision: seen.revision }],
          then: [putVersion(barrier, destroyed), { do: 'delete', key: barrier.keyOf(envelopePath(path, ver)) }],
        });
        if (!outcome.isApplied) return undefined;
        if (kept.s === 'STORED') this.#live.release(kept.wrt, versionKey(barrier, path, ver));
        return { rcpt: this.#receipt(permitted.caller, await this.#changed(outcome, destroyed)) };
      });
    });
  }

  /** Decides again, on what is there now, until an answer is definite. @throws 'unavailable' */
  async #retrying<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    for (let attempts = 0; attempts < attemptsLimit; attempts += 1) {
      const answer = await attempt();
      if (answer !== undefined) return answer;
    }
    throw new ProblemError('unavailable', { reason: 'store_contention' });
  }

  /** The retry after a lost answer is the same envelope by the same writer; anything else came too late. */
  async #writtenBefore(permitted: Permitted<'secret.write'>, wanted: VersionRecord, current: number): Promise<string> {
    const seen = await this.#version(wanted.path, wanted.ver);
    const { record } = seen;
    const isSame = record?.wrt === wanted.wrt && record.eh === wanted.eh && record.ph === wanted.ph;
    if (!isSame) throw new ProblemError('conflict', { reason: 'version_not_higher', members: { ver: current } });
    return this.#receipt(permitted.caller, requireRecord(seen));
  }

  /** Who may have it, and whether it still can be had. To who is no recipient it looks as if it did not exist. */
  #deliverable(
    { caller, receivesAs }: Permitted<'secret.read'>,
    seen: Seen<VersionRecord>,
    nowSeconds: number,
  ): { readonly record: VersionRecord; readonly slotIndex: number | 'binding' } {
    const { record } = seen;
    if (record === undefined) throw new ProblemError('not_found', { reason: 'absent' });
    const mode = isForBinding(record) ? 'svc' : 'e2e';
    const readerSlot = slotIndexOf({ mode, rcp: record.rcp }, caller.id);
    const slotIndex = mode === 'svc' && readerSlot === -1 ? 'binding' : readerSlot;
    const selector = slotIndex === 'binding' ? receivesAs(bindingOfPath(record.path) ?? '') : undefined;
    const isRecipient =
      slotIndex === 'binding' ? selector !== undefined && record.rcp.includes(selector) : slotIndex >= 0;
    if (!isRecipient) throw new ProblemError('not_found', { reason: 'not_a_recipient' });
    const { st, at } = stateOf(record, nowSeconds);
    if (st !== 'STORED') {
      const rcpt = this.#receipt(caller, requireRecord(seen), { st, at });
      throw new ProblemError('gone', { reason: 'gone', members: { st, at, rcpt } });
    }
    return { record, slotIndex };
  }

  /** A read was not applied: somebody changed the version, or the envelope is missing, which is damage. */
  async #requireEnvelope(path: string, seen: Seen<VersionRecord>, envelopeKey: string): Promise<void> {
    const now = await this.#version(path, requireRecord(seen).record.ver);
    if (now.revision === seen.revision && (await this.#read(envelopeKey)) === undefined) {
      throw new ProblemError('internal', { reason: 'storage_integrity' });
    }
  }

  async #deliver(
    { caller, receivesAs }: Permitted<'secret.read'>,
    o: {
      readonly record: VersionRecord;
      readonly envelope: Uint8Array;
      readonly slotIndex: number | 'binding';
      readonly to: Parameters<typeof sealDeliverySlot>[0]['to'];
      readonly nowSeconds: number;
    },
  ): Promise<string> {
    const { id, eh, ph, wkey } = o.record;
    const stored = readStoredEnvelope(o.envelope);
    if (wkey === undefined) throw new ProblemError('internal', { reason: 'storage_integrity' });
    const dslot =
      o.slotIndex === 'binding'
        ? await this.#bindingSlot(stored, receivesAs, o)
        : await this.#readerSlot(stored, o.slotIndex, o);
    const dlv = signDelivery(this.#options.instanceKey, {
      at: o.nowSeconds,
      ds: hash43(dslot),
      eh,
      id,
      kid: caller.id,
      ...nonceOf(caller),
      ph,
      st: 'READ',
    });
    return writeDelivery({ dlv, dslot, stored, wkey });
  }

  async #readerSlot({ slots }: StoredEnvelope, index: number, { to, record }: DeliveryOf): Promise<string> {
    const slot = slots[index];
    if (slot === undefined) throw new ProblemError('internal', { reason: 'storage_integrity' });
    return sealDeliverySlot({ to, eh: record.eh, content: 'slot', plaintext: slot });
  }

  /** Mode svc: the service opens the binding's slot, and seals the file key in it to the reader. */
  async #bindingSlot(
    stored: StoredEnvelope,
    receivesAs: (bnd: string) => string | undefined,
    { to, record }: DeliveryOf,
  ): Promise<string> {
    const { bindings } = this.#options;
    if (bindings === undefined) throw new ProblemError('not_found', { reason: 'not_a_recipient' });
    const openable = await findOpenableSlot(stored, receivesAs, bindings);
    if (openable.eh !== record.eh) throw new ProblemError('internal', { reason: 'storage_integrity' });
    using fileKey = await openBindingSlot(openable);
    return await sealDeliverySlot({ to, eh: record.eh, content: 'fk', plaintext: fileKey.expose() });
  }

  #receipt(
    caller: Caller,
    { record, revision }: StoredVersion,
    state: Pick<ReceiptClaims, 'st' | 'at'> = { st: record.s, at: record.at },
  ): string {
    const { eh, id, ph } = record;
    return signReceipt(this.#options.instanceKey, { ...state, eh, id, ...nonceOf(caller), ph, rev: revision });
  }

  /** A version as a change of ours has left it, also where the answer to the change was lost. */
  async #changed(
    outcome: Extract<ChangeOutcome, { readonly isApplied: true }>,
    record: VersionRecord,
  ): Promise<StoredVersion> {
    if (outcome.response !== undefined) return { record, revision: outcome.response.revision };
    return requireRecord(await this.#version(record.path, record.ver));
  }

  /** @throws 'not_found' */
  async #latestOf(path: string): Promise<number> {
    const { barrier } = this.#options;
    const { record } = openLatest(barrier, path, await this.#read(latestKey(barrier, path)));
    if (record === undefined) throw new ProblemError('not_found', { reason: 'absent' });
    return record.ver;
  }

  async #version(path: string, ver: number): Promise<Seen<VersionRecord>> {
    const { barrier } = this.#options;
    return openVersion(barrier, path, await this.#read(versionKey(barrier, path, ver)));
  }

  async #read(key: string) {
    return (await this.#options.store.range({ key })).entries[0];
  }

  #commit(permitted: Permitted<SecretAct>, object: string, change: Change): Promise<ChangeOutcome> {
    const { store, audit } = this.#options;
    return commitChange(store, audit, factsAbout(permitted, object, 'ok', 'ok'), change);
  }

  #recordReading(permitted: Permitted<SecretAct>, object: string): Promise<void> {
    const { store, audit } = this.#options;
    return audit.record(store, factsAbout(permitted, object, 'ok', 'ok'));
  }

  async #recordingRefusal<T>(permitted: Permitted<SecretAct>, answer: () => Promise<T>): Promise<T> {
    try {
      return await answer();
    } catch (error) {
      if (isProblemError(error) && error.status < 500) {
        const facts = factsAbout(permitted, permitted.action.path ?? '', 'refused', error.reason ?? error.code);
        await this.#options.audit.record(this.#options.store, facts);
      }
      throw error;
    }
  }
}

interface DeliveryOf {
  readonly to: Parameters<typeof sealDeliverySlot>[0]['to'];
  readonly record: VersionRecord;
}

interface StoredVersion {
  readonly record: VersionRecord;
  readonly revision: number;
}

function requireRecord({ record, revision }: Seen<VersionRecord>): StoredVersion {
  if (record === undefined) throw new ProblemError('internal', { reason: 'storage_integrity' });
  return { record, revision };
}

/** @throws TypeError: a handler asked for one path and passes another */
function requireSamePath({ action }: Permitted<SecretAct>, path: string | undefined): void {
  if (action.path !== path) throw new TypeError('Cannot use the permission: it is for another path');
}

function versionRecord(
  header: Awaited<ReturnType<typeof checkEnvelope<'kv'>>>['header'],
  o: Pick<VersionRecord, 'at' | 'by' | 'eh' | 'ph'> & Required<Pick<VersionRecord, 'wkey'>>,
): VersionRecord {
  const { id, path, rcp, ver, wrt, exp } = header;
  return { ...o, id, path, rcp, s: 'STORED', v: 1, ver, wrt, ...(exp === undefined ? {} : { exp }) };
}

/** The name of a pod's key ends with the pod. */
function writtenBy({ workload }: Caller): Pick<VersionRecord, 'by'> {
  return workload === undefined ? {} : { by: `sa:${workload.ns}/${workload.sa}` };
}

function nonceOf({ nonce }: Caller): { readonly nonce?: string } {
  return nonce === undefined ? {} : { nonce };
}

function factsAbout(
  { caller, action }: Permitted<SecretAct>,
  object: string,
  outcome: AuditFacts['outcome'],
  reason: string,
): AuditFacts {
  return {
    act: action.act,
    who: caller.id,
    factor: caller.factor,
    listener: caller.listener,
    cb: caller.binding,
    obj: `secret/${object}`,
    outcome,
    reason,
    req: caller.requestId,
  };
}
