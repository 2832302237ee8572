/**
 * The grants: who may do what below which path, kept by grantee, changed by admins' operations.
 * It must never decide: which grant covers what is policy's.
 * @module
 */
import { array, grant as grantReader, grantee, integer, object, ProblemError, type Grant } from '@letterlock/protocol';
import type { AuditFacts, AuditTrail } from '../audit/index.ts';
import type { Permitted } from '../policy/index.ts';
import type { Barrier, Clock, Store } from '../store/index.ts';
import { commit, configurationFacts, factsOf, type Change } from './commit.ts';
import { GenerationCache } from './generation-cache.ts';
import { NameIndex, segmentOf } from './name-index.ts';
import { OperationLedger, type OperationOnce } from './operation-ledger.ts';
import { putRecord, readRecord } from './sealed-record.ts';

/** Grants of one grantee: one record holds them all, and a decision reads them all. */
const grantsLimit = 256;
/** Grantees kept in each of the cache's two generations. */
const cachedGrantees = 10_000;
const attemptsLimit = 8;

const recordReader = object({ grants: array(grantReader, grantsLimit), v: integer(1, 1), who: grantee });

export interface GrantRegistryOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
}

/** Records `grant/<who>/0` of one installation. There is one grant for each grantee and path. */
export class GrantRegistry {
  readonly #options: GrantRegistryOptions;
  readonly #ledger: OperationLedger;
  readonly #index: NameIndex;
  readonly #cache = new GenerationCache<readonly Grant[]>(cachedGrantees);

  constructor(options: GrantRegistryOptions) {
    this.#options = options;
    this.#ledger = new OperationLedger(options);
    this.#index = new NameIndex(options.barrier, 'index/grant');
  }

  /** All grants of an identity or workload, also those that have ended. */
  async of(who: string): Promise<readonly Grant[]> {
    return (await this.#cache.load(who, async () => (await this.#read(who)).value?.grants ?? [])) ?? [];
  }

  /** Gives a grant; one of the same grantee and path is replaced. @throws 'conflict' operation applied, too many grants */
  async put(permitted: Permitted<'grant.put'>, grant: Grant, once: OperationOnce): Promise<void> {
    const { caller, action } = permitted;
    if (action.who !== grant.who || action.path !== grant.path) {
      throw new TypeError('Cannot put a grant: the permission is for another');
    }
    await this.#change(grant.who, withGrant(grant), factsOf(caller, 'grant.put', objectOf(grant.who)), once);
  }

  /** Takes a grant away; where there is none, nothing changes but the audit. @throws 'conflict' operation applied */
  async delete(permitted: Permitted<'grant.delete'>, once: OperationOnce): Promise<void> {
    const { who, path } = permitted.action;
    const facts = factsOf(permitted.caller, 'grant.delete', objectOf(who));
    await this.#change(who, (grants) => grants.filter((grant) => grant.path !== path), facts, once);
  }

  /** All grants, by grantee and path, with an audit record. */
  async list(permitted: Permitted<'grant.list'>): Promise<readonly Grant[]> {
    const { store, audit } = this.#options;
    await audit.record(store, factsOf(permitted.caller, 'grant.list', 'grant'));
    const all: Grant[] = [];
    for (const who of (await this.#index.names(store)).toSorted())
      all.push(...((await this.#read(who)).value?.grants ?? []));
    return all;
  }

  /** Gives a grant that stands in the configuration, unless there is one of that grantee and path; for initialisation only. */
  async applyConfigured(grant: Grant): Promise<void> {
    const { value } = await this.#read(grant.who);
    if (value?.grants.some(({ path }) => path === grant.path) === true) return;
    await this.#change(grant.who, withGrant(grant), configurationFacts('grant.put', objectOf(grant.who)), undefined);
  }

  /** Forgets what was read before: one grantee, or all after another replica wrote. */
  invalidate(who?: string): void {
    this.#cache.invalidate(who);
  }

  async #read(who: string): ReturnType<typeof readRecord<ReturnType<typeof recordReader>>> {
    const { store, barrier } = this.#options;
    const stored = await readRecord(store, barrier, recordPath(who), recordReader);
    if (stored.value !== undefined && stored.value.who !== who) {
      throw new ProblemError('internal', { reason: 'storage_integrity' });
    }
    return stored;
  }

  async #change(
    who: string,
    change: (grants: readonly Grant[]) => readonly Grant[],
    facts: AuditFacts,
    once: OperationOnce | undefined,
  ): Promise<void> {
    const { store, barrier, audit } = this.#options;
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      const { value, unchanged } = await this.#read(who);
      const grants = change(value?.grants ?? []);
      if (grants.length > grantsLimit) {
        throw new ProblemError('conflict', {
          reason: 'grants_limit',
          detail: `A grantee has at most ${grantsLimit} grants`,
        });
      }
      const put = putRecord(barrier, recordPath(who), { grants: grants.map(writable), v: 1, who });
      const names = value === undefined ? [this.#index.put(who)] : [];
      try {
        // Also what another replica applied counts here from its answer on.
        const claim: Change = once === undefined ? { compare: [], then: [] } : await this.#ledger.claim(once);
        const then = [put, ...names, ...claim.then];
        if (await commit(store, audit, facts, { compare: [unchanged, ...claim.compare], then })) return;
      } finally {
        this.#cache.invalidate(who);
      }
    }
    throw new ProblemError('unavailable', { reason: 'store_contention' });
  }
}

function objectOf(who: string): string {
  return `grant/${who}`;
}

/** One record for each grantee, number 0: the number leaves room for pages. */
function recordPath(who: string): string {
  return `grant/${segmentOf(who)}/0`;
}

function withGrant(grant: Grant): (grants: readonly Grant[]) => readonly Grant[] {
  return (grants) =>
    [...grants.filter(({ path }) => path !== grant.path), grant].toSorted((one, other) =>
      one.path < other.path ? -1 : 1,
    );
}

/** Member by member, so that nothing else gets into the record; an absent `until` stays absent. */
function writable({ who, verbs, path, until }: Grant): Record<string, string | number | readonly string[]> {
  return { path, verbs, who, ...(until === undefined ? {} : { until }) };
}
