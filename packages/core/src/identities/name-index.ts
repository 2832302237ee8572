/**
 * Lists names that the store keys hide: one entry for each name, readable without knowing it.
 * It must never be trusted: an entry is a hint where to look, and the record that it points to is the truth.
 * @module
 */
import { integer, object, text } from '@letterlock/protocol';
import type { Barrier, Operation, Store } from '../store/index.ts';
import { openValue, putRecord } from './sealed-record.ts';

const entryReader = object({ name: text(1024), v: integer(1, 1) });
const pageEntries = 500;

/** A name as one path segment. */
export function segmentOf(name: string): string {
  return encodeURIComponent(name);
}

/** The names of one kind of record. Entries are bound to the index, not to their own key, so that they can be read by who does not know the names. */
export class NameIndex {
  readonly #barrier: Barrier;
  readonly #path: string;

  /** @param path - logical path of the index, such as `index/id`. */
  constructor(barrier: Barrier, path: string) {
    this.#barrier = barrier;
    this.#path = path;
  }

  /** Adds a name; for the transaction that writes the record. */
  put(name: string): Operation {
    return putRecord(this.#barrier, `${this.#path}/${segmentOf(name)}`, { name, v: 1 }, this.#path);
  }

  /** All names, in no particular order, each once. */
  async names(store: Store): Promise<readonly string[]> {
    const names = new Set<string>();
    const prefix = `${this.#barrier.keyOf(this.#path)}/`;
    for (let after: string | undefined, hasMore = true; hasMore;) {
      const page = await store.range({ prefix, limit: pageEntries, ...(after === undefined ? {} : { after }) });
      for (const { value } of page.entries) names.add(openValue(this.#barrier, this.#path, value, entryReader).name);
      after = page.entries.at(-1)?.key;
      hasMore = page.hasMore && after !== undefined;
    }
    return [...names];
  }
}
