/**
 * Cuts a crowded prefix into windows: etcd counts every key up to the end of a range, however few are asked for, so that a page
 * of a million keys costs half a second of its time.
 * It must never skip a key: windows touch each other, and the last one ends where the prefix does.
 * @module
 */

/** Characters of hashed names, in the order of their bytes: a window ends before one of them. */
const boundaries: readonly string[] = Array.from('-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz');

/**
 * The next boundary after a key, at a depth below the prefix: 64 windows for each character.
 * @param start - a key that begins with the prefix, or the prefix. @returns undefined: the window is the rest of the prefix
 */
export function boundaryAfter(start: string, prefix: string, depth: number): string | undefined {
  const name = start.slice(prefix.length, prefix.length + depth).padEnd(depth, boundaries[0]);
  for (let at = depth - 1; at >= 0; at -= 1) {
    const next = boundaries.find((character) => character > name.charAt(at));
    if (next !== undefined) return prefix + name.slice(0, at) + next;
  }
  return undefined;
}

/** Keys of a window from which on the next are cut finer, and from which down they are cut coarser. */
const crowdedKeys = 4096;
const sparseKeys = 64;
const deepest = 8;
/** Prefixes that are remembered: the crowded ones are few. */
const rememberedPrefixes = 64;

/** How deep each prefix is cut, learned from what was found in its windows. */
export class WindowDepths {
  readonly #depths = new Map<string, number>();

  of(prefix: string): number {
    return this.#depths.get(prefix) ?? 0;
  }

  /** @param count - keys from where the window was read. @param isWhole - that was where it begins */
  learn(prefix: string, count: number, isWhole: boolean): void {
    const depth = this.of(prefix);
    let next = depth;
    if (count > crowdedKeys) next = Math.min(deepest, depth + 1);
    // What is left of a window that was read in part tells nothing about the next.
    if (isWhole && count < sparseKeys) next = Math.max(0, depth - 1);
    this.#depths.delete(prefix);
    if (next === 0) return;
    this.#depths.set(prefix, next);
    const [oldest] = this.#depths.keys();
    if (this.#depths.size > rememberedPrefixes && oldest !== undefined) this.#depths.delete(oldest);
  }
}
