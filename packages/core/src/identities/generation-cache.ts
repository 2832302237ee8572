/**
 * A bounded cache in two generations: one lookup for what is in use, and what is not used is dropped in bulk.
 * It must never keep an answer that was read before an invalidation.
 * @module
 */

/** Keeps at most twice `entriesPerGeneration` answers. */
export class GenerationCache<V extends object> {
  readonly #entriesPerGeneration: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  /** Grows with each invalidation: an answer read before it is not kept. */
  #epoch = 0;

  constructor(entriesPerGeneration: number) {
    this.#entriesPerGeneration = entriesPerGeneration;
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#keep(key, old);
    return old;
  }

  /** The kept answer, or that of `read`, which is kept unless something was invalidated while it was read. */
  async load(key: string, read: () => Promise<V | undefined>): Promise<V | undefined> {
    const kept = this.get(key);
    if (kept !== undefined) return kept;
    const epoch = this.#epoch;
    const value = await read();
    if (value !== undefined && epoch === this.#epoch) this.#keep(key, value);
    return value;
  }

  /** Forgets one answer, or all. */
  invalidate(key?: string): void {
    this.#epoch += 1;
    if (key === undefined) {
      this.#young = new Map();
      this.#old = new Map();
      return;
    }
    this.#young.delete(key);
    this.#old.delete(key);
  }

  #keep(key: string, value: V): void {
    if (this.#young.size >= this.#entriesPerGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
