/**
 * A set of keys in order: a list of short sorted runs, so that adding costs a binary search and a move within one run.
 * It must never hold a key twice, nor an empty run beside others.
 * @module
 */

/** A run is cut in two when it grows beyond this; half of it is moved on average, which at this length is one short memmove. */
const longestRun = 512;

/** Index of the first item that is not smaller than `key`, or the length. */
function firstNotBelow(run: readonly string[], key: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (run[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Keys are compared by UTF-16 code unit, which for ASCII is byte order. */
export class SortedKeys {
  #runs: string[][] = [[]];
  #size = 0;

  /** Adds keys that are sorted and not in the set. */
  addAll(keys: readonly string[]): void {
    // From here on, merging everything costs less than finding each place.
    if (keys.length * 8 > this.#size) this.#merge(keys);
    else for (const key of keys) this.add(key);
  }

  /** Adds a key that is not in the set. */
  add(key: string): void {
    const index = this.#runOf(key);
    const run = this.#runs[index]!;
    const at = firstNotBelow(run, key);
    this.#size += 1;
    if (at === run.length) run.push(key);
    else run.splice(at, 0, key);
    if (run.length > longestRun) this.#runs.splice(index + 1, 0, run.splice(longestRun / 2));
  }

  /** Removes a key; false if it is not in the set. */
  remove(key: string): boolean {
    const index = this.#runOf(key);
    const run = this.#runs[index]!;
    const at = firstNotBelow(run, key);
    if (run[at] !== key) return false;
    run.splice(at, 1);
    this.#size -= 1;
    if (run.length === 0 && this.#runs.length > 1) this.#runs.splice(index, 1);
    return true;
  }

  /** At most `limit` keys that start with `prefix`, in order, after (not including) `after`. */
  page(prefix: string, after: string | undefined, limit: number): string[] {
    const start = after === undefined || after < prefix ? prefix : after;
    const found: string[] = [];
    let index = this.#runOf(start);
    let at = firstNotBelow(this.#runs[index]!, start);
    while (index < this.#runs.length && found.length < limit) {
      const run = this.#runs[index]!;
      for (; at < run.length && found.length < limit; at += 1) {
        const key = run[at]!;
        if (key === after) continue;
        if (!key.startsWith(prefix)) return found;
        found.push(key);
      }
      index += 1;
      at = 0;
    }
    return found;
  }

  #merge(keys: readonly string[]): void {
    const runs: string[][] = [[]];
    let next = 0;
    const append = (key: string): void => {
      if (runs.at(-1)!.length >= longestRun / 2) runs.push([]);
      runs.at(-1)!.push(key);
    };
    for (const run of this.#runs) {
      for (const key of run) {
        while (next < keys.length && keys[next]! < key) append(keys[next++]!);
        append(key);
      }
    }
    while (next < keys.length) append(keys[next++]!);
    this.#runs = runs;
    this.#size += keys.length;
  }

  /** Index of the last run whose first key is not above `key`, else of the first run. */
  #runOf(key: string): number {
    let low = 1;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]![0]! <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
