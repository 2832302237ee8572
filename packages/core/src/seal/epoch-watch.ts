/**
 * What `sys/epoch` says to a replica: it moves when an admin seals the installation, wherever that was.
 * It must never take a look that was overtaken for news.
 * @module
 */
import type { CallOptions, Store } from '../store/store.ts';
import { systemPaths } from './system-records.ts';

/**
 * Remembers at which revision the epoch was seen. A revision says more than the number in it: whoever writes there,
 * or puts an older store in its place, seals.
 */
export class EpochWatch {
  readonly #store: Store;
  #seen: number | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** As it was last remembered. */
  get revision(): number | undefined {
    return this.#seen;
  }

  /** @param revision - undefined: whatever is found next is not news */
  remember(revision: number | undefined): void {
    this.#seen = revision;
  }

  /** Whether the epoch has moved since it was remembered; the first look remembers. @throws 'unavailable' */
  async hasMoved(options?: CallOptions): Promise<boolean> {
    const before = this.#seen;
    const [entry] = (await this.#store.range({ key: systemPaths.epoch }, options)).entries;
    // An unseal or a seal of this process came in between: it knows better.
    if (this.#seen !== before) return false;
    const revision = entry?.modRevision ?? 0;
    // What is news stays news until somebody acts on it.
    if (before !== undefined) return before !== revision;
    this.#seen = revision;
    return false;
  }
}
