/**
 * Ends what is over and forgets what was kept long enough: one bounded page of the store per call.
 * It must never act on what it listed without the compare of the transition.
 * @module
 */
import type { AuditAct, AuditFacts } from '../audit/record.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { Barrier } from '../store/barrier.ts';
import type { CallOptions, Entry, Store } from '../store/store.ts';
import { isForBinding } from '../envelopes/binding-slot.ts';
import type { LiveCounts } from '../envelopes/live-counts.ts';
import { isLive } from './reduce-wrap.ts';
import { driveWrap, runWrap, type WrapParts } from './run-wrap.ts';
import { openPlace, openState, placePath, statePrefix, type SeenWrap, type WrapRecord } from './wrap-record.ts';

export interface SweepReport {
  /** Records looked at. */
  readonly visited: number;
  /** Transitions made, by the act in their audit record. */
  readonly burned: number;
  readonly expired: number;
  readonly purged: number;
  /** Records that could not be opened: their number is for an alarm, the sweep goes on. */
  readonly damaged: number;
  /** Whether this page was the last one: the next call begins again. */
  readonly isPassComplete: boolean;
}

export interface SweeperOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly parts: WrapParts;
  readonly live: LiveCounts;
  readonly tombstoneSeconds: number;
}

const counters: Partial<Record<AuditAct, 'burned' | 'expired' | 'purged'>> = {
  'wrap.burn': 'burned',
  'wrap.expire': 'expired',
  'wrap.purge': 'purged',
};

/** Facts of what the service does by itself. `req`: the request that came upon it, or `sweep`. */
export function serviceFacts(act: AuditAct, id: string, req: string): AuditFacts {
  return {
    act,
    who: 'service',
    factor: 'service',
    listener: 'none',
    cb: 'none',
    obj: `wrap/${id}`,
    outcome: 'ok',
    reason: 'ok',
    req,
  };
}

/** Keeps only its place between calls; whoever starts later begins at the front, which costs time and nothing else. */
export class Sweeper {
  readonly #options: SweeperOptions;
  #after: string | undefined;
  #isRunning = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** One page, one call at a time. @throws 'unavailable'; the next call begins at the same page. */
  async sweep(o: { readonly limit: number; readonly signal?: AbortSignal }): Promise<SweepReport> {
    if (this.#isRunning) throw new TypeError('Cannot sweep: the last call has not ended');
    this.#isRunning = true;
    try {
      return await this.#sweepPage(o);
    } finally {
      this.#isRunning = false;
    }
  }

  async #sweepPage(o: { readonly limit: number; readonly signal?: AbortSignal }): Promise<SweepReport> {
    const { store, barrier, audit, live } = this.#options;
    const call: CallOptions = o.signal === undefined ? {} : { signal: o.signal };
    await audit.resolve(store, { limit: o.limit, ...call });
    const after = this.#after;
    if (after === undefined) live.beginPass();
    const page = await store.range(
      { prefix: statePrefix(barrier), limit: o.limit, ...(after === undefined ? {} : { after }) },
      call,
    );
    const report = { visited: 0, burned: 0, expired: 0, purged: 0, damaged: 0 };
    for (const entry of page.entries) {
      const act = await this.#visit(entry, call);
      report.visited += 1;
      if (act === 'damaged') report.damaged += 1;
      else if (act !== undefined) report[act] += 1;
      this.#after = entry.key;
    }
    if (!page.hasMore) {
      this.#after = undefined;
      live.endPass();
    }
    return { ...report, isPassComplete: !page.hasMore };
  }

  /** A path whose wrap is no more has none, unless another was stored for it since. */
  async #forgetPlace({ id, path }: WrapRecord, call: CallOptions): Promise<void> {
    const { store, barrier } = this.#options;
    const key = barrier.keyOf(placePath(path));
    const found = openPlace(barrier, path, (await store.range({ key }, call)).entries[0]);
    if (found?.place.id !== id) return;
    const compare = [{ key, field: 'mod', is: '=', revision: found.revision }] as const;
    await store.transact({ compare: [...compare], then: [{ do: 'delete', key }], otherwise: [] }, call);
  }

  async #visit(entry: Entry, call: CallOptions): Promise<'burned' | 'expired' | 'purged' | 'damaged' | undefined> {
    const { store, barrier, parts, live, tombstoneSeconds } = this.#options;
    let seen: SeenWrap;
    try {
      seen = openState(barrier, entry.key, entry);
    } catch {
      return 'damaged';
    }
    const { record } = seen;
    if (record === undefined) return undefined;
    live.visit(entry.key, isLive(record.s) ? record.wrt : undefined);
    let act: AuditAct | undefined;
    const task = {
      id: record.id,
      event: { do: 'sweep', tombstoneSeconds },
      from: seen,
      factsOf: (chosen: AuditAct) => {
        act = chosen;
        return serviceFacts(chosen, record.id, 'sweep');
      },
    } as const;
    const outcome = await driveWrap(store, runWrap(task, parts), call);
    const isChanged = (outcome.is === 'answered' || outcome.is === 'done') && outcome.isChanged;
    if (isChanged && act === 'wrap.purge' && isForBinding({ rcp: [record.rcp] })) await this.#forgetPlace(record, call);
    return isChanged && act !== undefined ? counters[act] : undefined;
  }
}
