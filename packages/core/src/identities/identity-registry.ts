/**
 * The registered identities: looked up on every request, registered with evidence, rotated by their owner, revoked by admins.
 * It must never answer for a revoked identity, nor change a record without its audit record in the same transaction.
 * @module
 */
import { verifyKeyset, type Keyset } from '@letterlock/crypto';
import { ProblemError, type RegisterRequest } from '@letterlock/protocol';
import type { AuditFacts, AuditTrail } from '../audit/index.ts';
import type { LiveBindings, Permitted } from '../policy/index.ts';
import type { Directory, KnownKey, Proven } from '../proof/index.ts';
import type { Barrier, Clock, Compare, Store } from '../store/index.ts';
import { commit, configurationFacts, factsOf, type Change } from './commit.ts';
import { checkEvidence, type CertificateAuthorities, type GoodEvidence } from './evidence.ts';
import { GenerationCache } from './generation-cache.ts';
import {
  decideAllowance,
  decideRegistration,
  decideRevocation,
  identityRecord,
  type AcceptedEvidence,
  type IdentityDecision,
  type IdentityRecord,
  type IdentityState,
} from './identity-state.ts';
import { NameIndex } from './name-index.ts';
import { OperationLedger, type OperationOnce } from './operation-ledger.ts';
import { putRecord, readRecord } from './sealed-record.ts';

/** Identities kept in each of the cache's two generations: some 3 KiB each, so at most 60 MiB. */
const cachedIdentities = 10_000;
/** A change that loses this often to others is given up. */
const attemptsLimit = 8;

export interface IdentityRegistryOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Instance id: operations that stand as evidence must name it. */
  readonly inst: string;
  readonly admins: ReadonlyMap<string, KnownKey>;
  /** For evidence by certificate; empty means that there is none. */
  readonly authorities: CertificateAuthorities;
  /** For evidence by a binding; absent outside Kubernetes. */
  readonly bindings?: LiveBindings | undefined;
}

/** One identity as admins see it. */
export interface IdentitySummary {
  readonly id: string;
  readonly st: IdentityRecord['st'];
  /** Time of the last change, seconds. */
  readonly at: number;
  readonly seq?: number;
  readonly name?: string;
}

type CachedStanding = { readonly known: KnownKey } | { readonly known: undefined };
const revoked: CachedStanding = { known: undefined };

/** Records `id/<id>` of one installation; admins are known without a record. */
export class IdentityRegistry implements Directory {
  readonly #options: IdentityRegistryOptions;
  readonly #ledger: OperationLedger;
  readonly #index: NameIndex;
  readonly #cache = new GenerationCache<CachedStanding>(cachedIdentities);

  constructor(options: IdentityRegistryOptions) {
    this.#options = options;
    this.#ledger = new OperationLedger(options);
    this.#index = new NameIndex(options.barrier, 'index/id');
  }

  /** The key of an active identity or of an admin. Synchronous when it was used lately. */
  find(id: string): Promise<KnownKey | undefined> | KnownKey | undefined {
    const admin = this.#options.admins.get(id);
    if (admin !== undefined) return admin;
    const cached = this.#cache.get(id);
    return cached === undefined ? this.#load(id) : cached.known;
  }

  /** Whether the id is known to be revoked; as of the last `find`. */
  wasRevoked(id: string): boolean {
    return this.#cache.get(id) === revoked;
  }

  /** The keyset with the highest `seq` of an active identity; admins have none. */
  async currentKeyset(id: string): Promise<Keyset | undefined> {
    return (await this.find(id))?.keyset;
  }

  /** Gives a keyset to a registered caller, with an audit record. @throws 'not_found' */
  async read(permitted: Permitted<'identity.read'>): Promise<{ readonly keyset: string }> {
    const keyset = await this.currentKeyset(permitted.action.id);
    if (keyset === undefined) throw new ProblemError('not_found', { reason: 'identity_unknown' });
    const { store, audit } = this.#options;
    await audit.record(store, factsOf(permitted.caller, 'identity.read', objectOf(keyset.id)));
    return { keyset: keyset.jws };
  }

  /**
   * Registers a new identity with evidence, or a higher keyset of a known one; the same keyset again changes nothing.
   * @throws 'denied' evidence or revocation, 'conflict' `seq` not higher, 'bad_key' expired. @source protocol.md §3
   */
  async register(
    permitted: Permitted<'identity.register'>,
    proven: Proven<RegisterRequest>,
    keyset: Keyset,
  ): Promise<{ readonly created: boolean; readonly id: string; readonly seq: number }> {
    const { id } = keyset;
    if (permitted.action.id !== id || proven.request.keyset !== keyset.jws) {
      throw new TypeError('Cannot register: the permission, the request and the keyset are not of one identity');
    }
    this.#refuseAdmin(id);
    const { caller } = permitted;
    const applied = await this.#change(id, async (state) => {
      const asked = this.#decideRegistration(state, keyset, undefined);
      const evidence = asked.do === 'ask_evidence' ? await this.#checkEvidence(proven.request, id) : undefined;
      const decision = evidence === undefined ? asked : this.#decideRegistration(state, keyset, evidence.kind);
      return planOf(decision, (act) => factsOf(caller, act, objectOf(id)), evidence?.once);
    });
    return { created: applied?.facts.act === 'identity.register', id, seq: keyset.seq };
  }

  /** Lets an id register without further evidence. @throws 'conflict' (reason operation_applied) */
  async allow(permitted: Permitted<'identity.put'>, once: OperationOnce): Promise<void> {
    const { caller, action } = permitted;
    const { id } = action;
    this.#refuseAdmin(id);
    await this.#change(id, (state) => ({
      record: decideAllowance(state, id, this.#nowSeconds()),
      facts: factsOf(caller, 'identity.put', objectOf(id)),
      once,
    }));
  }

  /** Makes an id unknown everywhere, until an admin allows it again. @throws 'conflict' (reason operation_applied) */
  async revoke(permitted: Permitted<'identity.revoke'>, once: OperationOnce): Promise<void> {
    const { caller, action } = permitted;
    const { id } = action;
    this.#refuseAdmin(id);
    await this.#change(id, (state) => ({
      record: decideRevocation(state, id, this.#nowSeconds()),
      facts: factsOf(caller, 'identity.revoke', objectOf(id)),
      once,
    }));
  }

  /** All identities that were ever allowed or registered, with an audit record. */
  async list(permitted: Permitted<'identity.list'>): Promise<readonly IdentitySummary[]> {
    const { store, audit } = this.#options;
    await audit.record(store, factsOf(permitted.caller, 'identity.list', 'id'));
    const summaries: IdentitySummary[] = [];
    for (const id of await this.#index.names(store)) {
      const { state } = await this.#read(id);
      if (state === undefined) continue;
      const { keyset, record } = state;
      summaries.push({
        id,
        st: record.st,
        at: record.at,
        ...(keyset === undefined ? {} : { seq: keyset.seq }),
        ...(keyset?.name === undefined ? {} : { name: keyset.name }),
      });
    }
    return summaries;
  }

  /** Registers a keyset that stands in the configuration, unless an admin has revoked it since; for initialisation only. @throws as `register` */
  async applyConfigured(jws: string): Promise<void> {
    const keyset = verifyKeyset(jws);
    this.#refuseAdmin(keyset.id);
    await this.#change(keyset.id, (state) =>
      state?.record.st === 'revoked'
        ? undefined
        : planOf(
            this.#decideRegistration(state, keyset, 'configuration'),
            (act) => configurationFacts(act, objectOf(keyset.id)),
            undefined,
          ),
    );
  }

  /** Forgets what was read before: one id, or all after another replica wrote. */
  invalidate(id?: string): void {
    this.#cache.invalidate(id);
  }

  async #load(id: string): Promise<KnownKey | undefined> {
    const standing = await this.#cache.load(id, async () => {
      const { state } = await this.#read(id);
      if (state?.record.st === 'revoked') return revoked;
      const { keyset, record } = state ?? {};
      if (keyset === undefined || record?.st !== 'active') return undefined;
      return { known: { id, verifyingKey: keyset.sig, keyset, isAdmin: false } };
    });
    return standing?.known;
  }

  async #read(id: string): Promise<{ readonly state: IdentityState | undefined; readonly unchanged: Compare }> {
    const { store, barrier } = this.#options;
    const { value, unchanged } = await readRecord(store, barrier, objectOf(id), identityRecord);
    if (value === undefined) return { state: undefined, unchanged };
    const keyset = value.keyset === undefined ? undefined : verifyKeyset(value.keyset);
    if (value.id !== id || (keyset !== undefined && keyset.id !== id)) {
      throw new ProblemError('internal', { reason: 'storage_integrity' });
    }
    return { state: { record: value, keyset }, unchanged };
  }

  /** Reads, plans and commits until nothing came between; undefined when there was nothing to do. */
  async #change(
    id: string,
    plan: (state: IdentityState | undefined) => MaybePromise<Plan | undefined>,
  ): Promise<Plan | undefined> {
    const { store, barrier, audit } = this.#options;
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      const { state, unchanged } = await this.#read(id);
      const planned = await plan(state);
      if (planned === undefined) return undefined;
      const { record, facts, once } = planned;
      const puts = record === undefined ? [] : [putRecord(barrier, objectOf(id), record)];
      const names = state === undefined && record !== undefined ? [this.#index.put(id)] : [];
      try {
        // Also what another replica applied counts here from its answer on.
        const claim: Change = once === undefined ? { compare: [], then: [] } : await this.#ledger.claim(once);
        const change = { compare: [unchanged, ...claim.compare], then: [...puts, ...names, ...claim.then] };
        if (await commit(store, audit, facts, change)) return planned;
      } finally {
        this.#cache.invalidate(id);
      }
    }
    throw new ProblemError('unavailable', { reason: 'store_contention' });
  }

  #decideRegistration(
    state: IdentityState | undefined,
    keyset: Keyset,
    evidence: AcceptedEvidence | undefined,
  ): IdentityDecision {
    return decideRegistration(state, keyset, evidence, this.#nowSeconds());
  }

  async #checkEvidence({ evidence }: RegisterRequest, id: string): Promise<GoodEvidence> {
    const { admins, inst, clock, authorities, bindings } = this.#options;
    const keys = new Map([...admins].map(([adminId, { verifyingKey }]) => [adminId, verifyingKey]));
    const good = await checkEvidence(evidence, { id, admins: keys, inst, clock, authorities, bindings });
    if (good.once !== undefined && (await this.#ledger.isApplied(good.once))) {
      throw new ProblemError('denied', { reason: 'evidence_used' });
    }
    return good;
  }

  /** Admins change only by a rekey, and have no keyset: no admin role can open or read. */
  #refuseAdmin(id: string): void {
    if (this.#options.admins.has(id)) {
      throw new ProblemError('conflict', { reason: 'identity_is_admin', detail: 'The identity is an admin' });
    }
  }

  #nowSeconds(): number {
    return this.#options.clock.nowSeconds();
  }
}

/** What one change writes: nothing but the audit record and the operation when the record is already as wanted. */
interface Plan {
  readonly record: IdentityRecord | undefined;
  readonly facts: AuditFacts;
  readonly once: OperationOnce | undefined;
}
type MaybePromise<T> = Promise<T> | T;

function objectOf(id: string): string {
  return `id/${id}`;
}

function planOf(
  decision: IdentityDecision,
  factsOfAct: (act: AuditFacts['act']) => AuditFacts,
  once: OperationOnce | undefined,
): Plan | undefined {
  if (decision.do === 'nothing') return undefined;
  if (decision.do === 'put') return { record: decision.record, facts: factsOfAct(decision.act), once };
  if (decision.do === 'refuse') throw new ProblemError(decision.code, decision);
  throw new ProblemError('denied', { reason: 'evidence_missing' });
}
