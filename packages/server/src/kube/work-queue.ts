/**
 * A queue of keys: each waits at most once, runs at most once a second, and again after a while when it failed.
 * It must never run one key twice at once, nor let one key hold up the others.
 * @module
 */

export interface WorkQueueOptions {
  /** @returns seconds until the key is looked at again; undefined: not before something changes */
  readonly run: (key: string) => Promise<number | undefined>;
  readonly failed: (key: string, error: unknown) => void;
  readonly nowMilliseconds: () => number;
  /** Whether anything may be started now; asked again at each end of a run. */
  readonly isOpen: () => boolean;
}

const everyMilliseconds = 1000;
const shortestBackoffMilliseconds = 1000;
const longestBackoffMilliseconds = 300_000;
const mostAtOnce = 4;

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Key → when it is due. */
  readonly #due = new Map<string, number>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, number>();
  readonly #lastRun = new Map<string, number>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#due.size + this.#running.size;
  }

  /** Makes a key due, once a second at most. */
  add(key: string, delayMilliseconds = 0): void {
    const now = this.#options.nowMilliseconds();
    const earliest = (this.#lastRun.get(key) ?? -Infinity) + everyMilliseconds;
    const at = Math.max(now + delayMilliseconds, earliest);
    this.#due.set(key, Math.min(at, this.#due.get(key) ?? Infinity));
  }

  /** Forgets a key whose object is gone. */
  forget(key: string): void {
    this.#due.delete(key);
    this.#failures.delete(key);
    this.#lastRun.delete(key);
  }

  /** Starts what is due; to be called often. */
  turn(): void {
    if (!this.#options.isOpen()) return;
    const now = this.#options.nowMilliseconds();
    for (const [key, at] of this.#due) {
      if (this.#running.size >= mostAtOnce) return;
      if (at > now || this.#running.has(key)) continue;
      this.#due.delete(key);
      this.#lastRun.set(key, now);
      this.#running.set(key, this.#run(key));
    }
  }

  async settle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #run(key: string): Promise<void> {
    try {
      const seconds = await this.#options.run(key);
      this.#failures.delete(key);
      if (seconds !== undefined) this.add(key, seconds * 1000);
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      this.#options.failed(key, error);
      this.add(key, Math.min(shortestBackoffMilliseconds * 2 ** (failures - 1), longestBackoffMilliseconds));
    } finally {
      this.#running.delete(key);
      // Whoever waits for a place need not wait for the next call.
      this.turn();
    }
  }
}
