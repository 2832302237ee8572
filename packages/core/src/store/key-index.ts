/**
 * Which keys there are, in order, sorted only where somebody asks: finding a place among a million keys costs more than
 * all the rest of a write, and most parents are never listed.
 * It must never be asked about a key that it was not told of.
 * @module
 */
import { SortedKeys } from './sorted-keys.ts';

/** The keys with one parent: everything up to the last slash. */
interface Group {
  readonly sorted: SortedKeys;
  /** Added since the last listing; may hold keys that are gone, and keys that came again, twice. */
  fresh: string[];
  gone: number;
}

/** So few keys that are gone are not worth a look. */
const toleratedGone = 1024;

function parentOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

export class KeyIndex {
  readonly #groups = new Map<string, Group>();
  readonly #isThere: (key: string) => boolean;

  /** @param isThere - whether a key exists now. */
  constructor(isThere: (key: string) => boolean) {
    this.#isThere = isThere;
  }

  /** A key came into being. */
  add(key: string): void {
    const parent = parentOf(key);
    const group = this.#groups.get(parent);
    if (group === undefined) this.#groups.set(parent, { sorted: new SortedKeys(), fresh: [key], gone: 0 });
    else group.fresh.push(key);
  }

  /** A key has ceased to be. */
  remove(key: string): void {
    const group = this.#groups.get(parentOf(key));
    if (group === undefined || group.sorted.remove(key)) return;
    group.gone += 1;
    if (group.gone > toleratedGone + group.fresh.length / 2) {
      group.fresh = this.#presentOnce(group.fresh);
      group.gone = 0;
    }
  }

  /** At most `limit` keys that start with `prefix`, in order, after (not including) `after`. */
  page(prefix: string, after: string | undefined, limit: number): string[] {
    const found: string[] = [];
    let groups = 0;
    for (const [parent, group] of this.#groups) {
      if (!parent.startsWith(prefix) && !prefix.startsWith(parent)) continue;
      this.#sort(group);
      found.push(...group.sorted.page(prefix, after, limit));
      groups += 1;
    }
    // The keys of one parent may lie among those of another, as a/b/1 between a/b and a/c.
    return groups < 2 ? found : found.toSorted((a, b) => (a < b ? -1 : 1)).slice(0, limit);
  }

  #sort(group: Group): void {
    if (group.fresh.length === 0) return;
    group.sorted.addAll(this.#presentOnce(group.fresh).toSorted((a, b) => (a < b ? -1 : 1)));
    group.fresh = [];
    group.gone = 0;
  }

  #presentOnce(keys: readonly string[]): string[] {
    return [...new Set(keys)].filter((key) => this.#isThere(key));
  }
}
