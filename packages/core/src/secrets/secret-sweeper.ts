/**
 * Deletes the envelopes of versions that have expired, and counts those that have not: one bounded page of the store per call.
 * It must never act on what it listed without comparing its revision, nor delete anything without a record of it.
 * @module
 */
import type { AuditTrail } from '../audit/audit-trail.ts';
import { commitChange } from '../audit/commit-change.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { LiveCounts } from '../envelopes/live-counts.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Entry, Store } from '../store/store.ts';
import { envelopePath, everyVersionPrefix, openAnyVersion, putVersion, type VersionRecord } from './secret-record.ts';
import { stateOf } from './version-state.ts';

export interface SecretSweepReport {
  /** Versions looked at. */
  readonly visited: number;
  /** Versions whose envelope was deleted. */
  readonly expired: number;
  /** Records that could not be opened: their number is for an alarm, the sweep goes on. */
  readonly damaged: number;
  /** Whether this page was the last one: the next call begins again. */
  readonly isPassComplete: boolean;
}

export interface SecretSweeperOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly live: LiveCounts;
}

/** Keeps only its place between calls, as the sweeper of wraps does. */
export class SecretSweeper {
  readonly #o: SecretSweeperOptions;
  #after: string | undefined;

  constructor(options: SecretSweeperOptions) {
    this.#o = options;
  }

  /** One page; the caller waits for each. @throws 'unavailable'; the next call begins at the same page. */
  async sweep(o: { readonly limit: number; readonly signal?: AbortSignal }): Promise<SecretSweepReport> {
    const { store, barrier, live } = this.#o;
    const call: CallOptions = o.signal === undefined ? {} : { signal: o.signal };
    const after = this.#after;
    if (after === undefined) live.beginPass();
    const page = await store.range(
      { prefix: everyVersionPrefix(barrier), limit: o.limit, ...(after === undefined ? {} : { after }) },
      call,
    );
    const report = { visited: 0, expired: 0, damaged: 0 };
    for (const entry of page.entries) {
      const found = await this.#visit(entry);
      report.visited += 1;
      if (found !== undefined) report[found] += 1;
      this.#after = entry.key;
    }
    if (!page.hasMore) {
      this.#after = undefined;
      live.endPass();
    }
    return { ...report, isPassComplete: !page.hasMore };
  }

  async #visit(entry: Entry): Promise<'expired' | 'damaged' | undefined> {
    const { barrier, clock, live } = this.#o;
    let record: VersionRecord;
    try {
      ({ record } = openAnyVersion(barrier, entry));
    } catch {
      return 'damaged';
    }
    const isStored = record.s === 'STORED';
    live.visit(entry.key, isStored ? record.wrt : undefined);
    const { st, at } = stateOf(record, clock.nowSeconds());
    if (!isStored || st !== 'EXPIRED') return undefined;
    return (await this.#expire(entry, { ...record, at, s: 'EXPIRED' })) ? 'expired' : undefined;
  }

  /** What is left proves it, as after a destruction. @returns false if somebody changed the version meanwhile */
  async #expire({ key, modRevision }: Entry, record: VersionRecord & { readonly s: 'EXPIRED' }): Promise<boolean> {
    const { store, barrier, audit, live } = this.#o;
    const { wkey: _, ...expired } = record;
    const { path, ver, wrt } = expired;
    const { isApplied } = await commitChange(store, audit, factsOf(path, ver), {
      compare: [{ key, field: 'mod', is: '=', revision: modRevision }],
      then: [putVersion(barrier, expired), { do: 'delete', key: barrier.keyOf(envelopePath(path, ver)) }],
    });
    if (isApplied) live.release(wrt, key);
    return isApplied;
  }
}

function factsOf(path: string, ver: number): AuditFacts {
  return {
    act: 'secret.expire',
    who: 'service',
    factor: 'service',
    listener: 'none',
    cb: 'none',
    obj: `secret/${path}#${ver}`,
    outcome: 'ok',
    reason: 'ok',
    req: 'sweep',
  };
}
