/**
 * A store around a store that fails, waits or lies as a test says.
 * It must never trouble a call before it is told to.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Entry, RangeRequest, Store } from '@letterlock/core';
import { ProblemError } from '@letterlock/protocol';

export class TroubledStore {
  /** Reason of the failure of every read. */
  readsFail: string | undefined;
  /** Reason of the failure of every transaction. */
  transactionsFail: string | undefined;
  /** Before each answer. */
  delayMilliseconds = 0;
  /** Whether the entry of a key is changed before it is handed on. @param request - undefined in a transaction */
  damages: (key: string, request: RangeRequest | undefined) => boolean = () => false;

  /** The store itself, behind the back of who uses it. */
  inner: Store | undefined;

  readonly around = (store: Store): Store => {
    this.inner = store;
    return this.#troubled(store);
  };

  readonly #troubled = (store: Store): Store => ({
    range: async (request, options) => {
      await this.#trouble(this.readsFail);
      const response = await store.range(request, options);
      const entries = response.entries.map((entry) => (this.damages(entry.key, request) ? damaged(entry) : entry));
      return { ...response, entries };
    },
    transact: async (transaction, options) => {
      await this.#trouble(this.transactionsFail);
      const response = await store.transact(transaction, options);
      const entries = response.entries.map((entry) =>
        entry !== undefined && this.damages(entry.key, undefined) ? damaged(entry) : entry,
      );
      return { ...response, entries };
    },
  });

  async #trouble(reason: string | undefined): Promise<void> {
    if (this.delayMilliseconds > 0) await pause(this.delayMilliseconds);
    if (reason !== undefined) throw new ProblemError('unavailable', { reason });
  }
}

/** Flips one bit in the middle. */
function damaged(entry: Entry): Entry {
  const value = entry.value.slice();
  const middle = value.length >> 1;
  value[middle] = (value[middle] ?? 0) ^ 1;
  return { ...entry, value };
}
