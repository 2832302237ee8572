/**
 * Reads what other replicas changed: each piece of news once, and takes it away when every replica has had the time to see it.
 * It must never be silent about a look that may have missed something.
 * @module
 */
import { auditRecordClaims, isProblemError, readClaims, type AuditRecordClaims } from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Entry, Store } from '../store/store.ts';
import { newsParent } from './news.ts';

/** News of one page, and of one look: beyond, whoever reads must forget everything. */
const pageEntries = 256;
const lookEntries = 4096;
/** Deletions of one transaction; etcd takes 128 operations. */
const deletedAtOnce = 100;
/** So long does news stand, by the clock of whoever takes it away, since it first saw it. */
const standsSeconds = 10;
/**
 * Looks further apart than this may have missed news. Half of its life: a clock that runs at less than half the speed of
 * another is not one.
 */
const pauseSeconds = 5;

/** What a look found. */
export interface News {
  /** Records of other replicas that were not seen before. */
  readonly records: readonly AuditRecordClaims[];
  /** There may have been more than these. */
  readonly mayHaveMissed: boolean;
}

export interface NewsFollowerOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly clock: Clock;
  /** Its own news is none. */
  readonly replica: string;
}

/** Follows from its construction on. */
export class NewsFollower {
  readonly #o: NewsFollowerOptions;
  /** Store key → when it was first seen, monotonic seconds. */
  #seen = new Map<string, number>();
  #lookedAt: number;

  constructor(options: NewsFollowerOptions) {
    this.#o = options;
    this.#lookedAt = options.clock.monotonicSeconds();
  }

  /** To be called at least every second, one call at a time. @throws 'unavailable', 'sealed': forget everything, some news may not be told again */
  async look(options: CallOptions = {}): Promise<News> {
    const beganAt = this.#o.clock.monotonicSeconds();
    const { entries, isComplete } = await this.#list(options);
    const seen = new Map<string, number>();
    const records: AuditRecordClaims[] = [];
    let mayHaveMissed = !isComplete || beganAt - this.#lookedAt > pauseSeconds;
    for (const entry of entries) {
      const before = this.#seen.get(entry.key);
      seen.set(entry.key, before ?? beganAt);
      if (before !== undefined) continue;
      const record = this.#read(entry);
      if (record === undefined) mayHaveMissed = true;
      else if (record.rep !== this.#o.replica) records.push(record);
    }
    this.#seen = seen;
    this.#lookedAt = beganAt;
    await this.#takeAway(beganAt, options);
    return { records, mayHaveMissed };
  }

  async #list(options: CallOptions): Promise<{ readonly entries: readonly Entry[]; readonly isComplete: boolean }> {
    const { store, barrier } = this.#o;
    const prefix = `${barrier.keyOf(newsParent)}/`;
    const entries: Entry[] = [];
    for (let hasMore = true; hasMore;) {
      if (entries.length >= lookEntries) return { entries, isComplete: false };
      const after = entries.at(-1)?.key;
      const page = await store.range(
        { prefix, limit: pageEntries, ...(after === undefined ? {} : { after }) },
        options,
      );
      entries.push(...page.entries);
      hasMore = page.hasMore && page.entries.length > 0;
    }
    return { entries, isComplete: true };
  }

  /** @returns undefined for what cannot be read: changed in the store, or by a later version */
  #read({ value }: Entry): AuditRecordClaims | undefined {
    try {
      return readClaims(auditRecordClaims, this.#o.barrier.open(newsParent, value));
    } catch (error) {
      if (isProblemError(error) && error.code !== 'sealed') return undefined;
      throw error;
    }
  }

  /** Every replica does, and none needs to: what fails is taken away by the next look. */
  async #takeAway(nowSeconds: number, options: CallOptions): Promise<void> {
    const old = [...this.#seen].flatMap(([key, at]) => (nowSeconds - at >= standsSeconds ? [key] : []));
    for (let start = 0; start < old.length; start += deletedAtOnce) {
      const keys = old.slice(start, start + deletedAtOnce);
      await this.#o.store.transact({ compare: [], then: keys.map((key) => ({ do: 'delete', key })) }, options);
    }
  }
}
