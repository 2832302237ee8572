/**
 * Writers without an agent (kubernetes.md §3.6): a fresh key that a pod's writer token has registered, for ten minutes.
 * It must never let the token itself stand for a request, nor outlive the time that it was registered for.
 * @module
 */
import { verifyKeyset, type Keyset } from '@letterlock/crypto';
import {
  canonicalBytes,
  hash,
  isProblemError,
  jws,
  lifetimes,
  limits,
  object,
  optional,
  parseCanonical,
  ProblemError,
  seconds,
  text,
  workloadUri,
  type TokenWriterResponse,
} from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { commitChange } from '../audit/commit-change.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Permitted } from '../policy/permitted.ts';
import type { Directory, KnownKey, SecondFactor } from '../proof/index.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Entry, Store } from '../store/store.ts';
import { readLivePod } from './live-pod.ts';
import type { WorkloadWitness } from './workload-witness.ts';

export interface TokenWritersOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly trustDomain: string;
  readonly witness: Pick<WorkloadWitness, 'readPod'>;
  /** Reviews the token. */
  readonly secondFactor: Pick<SecondFactor, 'review'>;
}

/** `tokenkey/<kid>`. */
const tokenWriter = object({
  keyset: jws(limits.keysetBytes),
  kid: hash,
  node: optional(text(36)),
  ns: text(63),
  sa: text(253),
  uid: text(36),
  until: seconds,
});
type TokenWriter = ReturnType<typeof tokenWriter>;

const parent = 'tokenkey';
const pageRecords = 500;

export class TokenWriters implements Directory {
  readonly #options: TokenWritersOptions;

  constructor(options: TokenWritersOptions) {
    this.#options = options;
  }

  /**
   * Registers the caller's key for the pod that the token is of, which must live. Again: the ten minutes begin anew.
   * @throws 'denied', 'bad_key', 'unavailable'
   */
  async register(
    permitted: Permitted<'workload.token'>,
    { token, keyset }: { readonly token: string; readonly keyset: Keyset },
  ): Promise<TokenWriterResponse> {
    const { caller } = permitted;
    const { store, audit } = this.#options;
    if (caller.id !== keyset.id) throw new TypeError('Cannot register: the keyset is not the caller’s');
    const facts: AuditFacts = {
      act: 'workload.token',
      who: caller.id,
      factor: caller.factor,
      listener: caller.listener,
      cb: caller.binding,
      obj: 'wl',
      outcome: 'ok',
      reason: 'ok',
      req: caller.requestId,
    };
    try {
      return await this.#register(token, keyset, facts);
    } catch (error) {
      if (isProblemError(error) && error.status < 500) {
        await audit.record(store, { ...facts, outcome: 'refused', reason: error.reason ?? error.code });
      }
      throw error;
    }
  }

  async find(id: string): Promise<KnownKey | undefined> {
    const { store, barrier, clock, trustDomain } = this.#options;
    const key = keyOf(barrier, id);
    const [entry] = (await store.range({ key })).entries;
    const record = entry === undefined ? undefined : open(barrier, entry);
    if (record === undefined || clock.nowSeconds() >= record.until) return undefined;
    const keyset = verifyKeyset(record.keyset);
    const { ns, sa, uid, node } = record;
    const onNode = node === undefined ? {} : { nodeUid: node };
    const workload = { td: trustDomain, ns, sa, pod: uid, by: 'token', ...onNode } as const;
    return { id, verifyingKey: keyset.sig, keyset, isAdmin: false, workload };
  }

  /** Deletes those whose time has ended. @throws 'unavailable' */
  async sweep(): Promise<void> {
    const now = this.#options.clock.nowSeconds();
    await this.#deleteWhere(({ until }) => now >= until);
  }

  /** An event of the watch: a pod that ends writes no more. @throws 'unavailable' */
  async podChanged(value: unknown): Promise<void> {
    const pod = readLivePod(value);
    if (pod !== undefined && (pod.isTerminating || pod.hasEnded)) await this.podGone(pod.uid);
  }

  /** The keys that a pod has registered go with it. @throws 'unavailable' */
  podGone(podUid: string): Promise<void> {
    return this.#deleteWhere(({ uid }) => uid === podUid);
  }

  /**
   * After a complete list of pods: the keys of every pod that is not in it go.
   * @param listedAtSeconds - when the list was asked for: who registered later may be missing in it. @throws 'unavailable'
   */
  keepOnly(podUids: ReadonlySet<string>, listedAtSeconds: number): Promise<void> {
    return this.#deleteWhere(({ uid, until }) => !podUids.has(uid) && until - lifetimes.tokenWriter < listedAtSeconds);
  }

  /** Each as it was seen: one that registered again meanwhile stays. */
  async #deleteWhere(isOver: (record: TokenWriter) => boolean): Promise<void> {
    const { store, barrier } = this.#options;
    for (let after: string | undefined, hasMore = true; hasMore;) {
      const request = { prefix: `${barrier.keyOf(parent)}/`, limit: pageRecords };
      const page = await store.range({ ...request, ...(after === undefined ? {} : { after }) });
      for (const entry of page.entries) {
        if (!isOver(open(barrier, entry))) continue;
        const { key, modRevision: revision } = entry;
        await store.transact({ compare: [{ key, field: 'mod', is: '=', revision }], then: [{ do: 'delete', key }] });
      }
      after = page.entries.at(-1)?.key;
      hasMore = page.hasMore && after !== undefined;
    }
  }

  async #register(token: string, keyset: Keyset, facts: AuditFacts): Promise<TokenWriterResponse> {
    const { store, barrier, audit, clock, witness, secondFactor, trustDomain } = this.#options;
    const now = clock.nowSeconds();
    if (keyset.exp !== undefined && keyset.exp <= now) {
      throw new ProblemError('bad_key', { reason: 'keyset_expired', detail: 'The keyset has expired' });
    }
    const { namespace: ns, serviceAccount: sa, podUid: uid, podName, nodeUid } = await secondFactor.review(token);
    const pod = readLivePod(await witness.readPod(ns, podName));
    const isLive = pod?.uid === uid && pod.serviceAccount === sa && !pod.isTerminating && !pod.hasEnded;
    if (!isLive) throw new ProblemError('denied', { reason: 'pod_gone' });
    const until = now + lifetimes.tokenWriter;
    const node = nodeUid === undefined ? {} : { node: nodeUid };
    const record: TokenWriter = { keyset: keyset.jws, kid: keyset.id, ...node, ns, sa, uid, until };
    const key = keyOf(barrier, keyset.id);
    const obj = workloadUri({ td: trustDomain, ns, sa, pod: uid });
    const { isApplied } = await commitChange(
      store,
      audit,
      { ...facts, obj },
      { compare: [], then: [{ do: 'put', key, value: barrier.seal(parent, canonicalBytes({ ...record })) }] },
    );
    if (!isApplied) throw new ProblemError('unavailable', { reason: 'store_contention' });
    return { id: keyset.id, until };
  }
}

function keyOf(barrier: Barrier, id: string): string {
  return barrier.keyOf(`${parent}/${id}`);
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or another key's */
function open(barrier: Barrier, entry: Entry): TokenWriter {
  try {
    const record = tokenWriter(parseCanonical(barrier.open(parent, entry.value)), '');
    if (keyOf(barrier, record.kid) !== entry.key) throw new RangeError('token writer record');
    return record;
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'storage_integrity', cause });
  }
}
