/**
 * How long what was written for a binding outlives it: one record for each binding that there was, and since when it is gone.
 * It must never purge by one look: a binding is gone only for who has just seen all that there are, and then its time begins.
 * @module
 */
import {
  array,
  canonicalBytes,
  integer,
  object,
  optional,
  parseCanonical,
  ProblemError,
  seconds,
  text,
} from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Entry, Store } from '../store/store.ts';

/** A binding as its keeper needs it. */
export interface RetainedBinding {
  readonly namespace: string;
  readonly name: string;
  /** 0: nothing outlives it. */
  readonly retainSeconds: number;
  /** Secrets that open once, which are found by their names alone. */
  readonly once: readonly string[];
}

export interface RetainedBindingsOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly clock: Clock;
}

export interface RetentionSweep {
  /** Of a caller who has just seen all bindings. */
  readonly isThere: (namespace: string, name: string) => boolean;
  /** Destroys keys and content; once more does nothing more. @throws 'unavailable' */
  readonly purge: (binding: RetainedBinding) => Promise<void>;
}

/** `binding/<namespace>/<name>` */
const retainedRecord = object({
  gone: optional(seconds),
  name: text(63),
  ns: text(63),
  once: array(text(63), 64),
  retain: integer(),
  v: integer(1, 1),
});
type RetainedRecord = ReturnType<typeof retainedRecord>;

/** Sealed for it, so that who lists records need not know their names; what is inside is compared with the key. */
const parent = 'binding';
const pageRecords = 500;

export class RetainedBindings {
  readonly #options: RetainedBindingsOptions;
  /** Store key → what this process has written or read there. */
  readonly #known = new Map<string, string>();

  constructor(options: RetainedBindingsOptions) {
    this.#options = options;
  }

  /** The binding is there, and says this. Without effect if that is known. @throws 'unavailable' */
  async note({ namespace: ns, name, retainSeconds: retain, once }: RetainedBinding): Promise<void> {
    const { store, barrier } = this.#options;
    const record: RetainedRecord = { name, ns, once: once.toSorted(), retain, v: 1 };
    const key = keyOf(barrier, record);
    const wanted = JSON.stringify(record);
    if (this.#known.get(key) === wanted) return;
    const [entry] = (await store.range({ key })).entries;
    const found = entry === undefined ? undefined : JSON.stringify(open(barrier, entry));
    if (found !== wanted) await this.#put(record);
    this.#known.set(key, wanted);
  }

  /** It was purged: nothing is left to be kept. @throws 'unavailable' */
  async forget({ namespace: ns, name }: Pick<RetainedBinding, 'namespace' | 'name'>): Promise<void> {
    const key = keyOf(this.#options.barrier, { ns, name });
    this.#known.delete(key);
    await this.#options.store.transact({ compare: [], then: [{ do: 'delete', key }] });
  }

  /**
   * Marks what is gone, and purges what has been gone for its time.
   * @returns `namespace/name` of what was purged. @throws 'unavailable'
   */
  async sweep({ isThere, purge }: RetentionSweep): Promise<readonly string[]> {
    const { store, barrier, clock } = this.#options;
    const purged: string[] = [];
    for (let after: string | undefined, hasMore = true; hasMore;) {
      const request = { prefix: `${barrier.keyOf(parent)}/`, limit: pageRecords };
      const page = await store.range({ ...request, ...(after === undefined ? {} : { after }) });
      for (const entry of page.entries) {
        const record = open(barrier, entry);
        const { ns: namespace, name, once, retain: retainSeconds, gone } = record;
        // Back again: what was written for it is its own. The next note writes that down.
        if (isThere(namespace, name)) continue;
        this.#known.delete(entry.key);
        const now = clock.nowSeconds();
        const since = gone ?? now;
        if (now - since < retainSeconds) {
          if (gone === undefined) await this.#put({ ...record, gone: now });
          continue;
        }
        await purge({ namespace, name, retainSeconds, once });
        await this.forget({ namespace, name });
        purged.push(`${namespace}/${name}`);
      }
      after = page.entries.at(-1)?.key;
      hasMore = page.hasMore && after !== undefined;
    }
    return purged;
  }

  async #put(record: RetainedRecord): Promise<void> {
    const { store, barrier } = this.#options;
    const { gone, ...rest } = record;
    const value = barrier.seal(
      parent,
      canonicalBytes({ ...rest, once: [...rest.once], ...(gone === undefined ? {} : { gone }) }),
    );
    await store.transact({ compare: [], then: [{ do: 'put', key: keyOf(barrier, record), value }] });
  }
}

function keyOf(barrier: Barrier, { ns, name }: Pick<RetainedRecord, 'ns' | 'name'>): string {
  return barrier.keyOf(`${parent}/${ns}/${name}`);
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or another binding's */
function open(barrier: Barrier, entry: Entry): RetainedRecord {
  try {
    const record = retainedRecord(parseCanonical(barrier.open(parent, entry.value)), '');
    if (keyOf(barrier, record) !== entry.key) throw new RangeError('retained binding');
    return record;
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'storage_integrity', cause });
  }
}
