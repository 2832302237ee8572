/**
 * A store whose process is killed at one of its calls: before the call reaches the store, or before its answer comes back.
 * It must never let the killed process go on: its calls end neither well nor badly, so that no catch and no finally runs.
 * @module
 */
import type { CallOptions, RangeRequest, RangeResponse, Store, Transaction, TransactionResponse } from '../store.ts';

/** `before`: the store never hears of the call. `after`: it was done, but nobody heard the answer. */
export interface CrashPoint {
  /** Counts calls from 0. */
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** What a run ends with when the process was killed in it. */
export const killed = Symbol('killed');

/** The store as one process sees it, up to its death. */
export class CrashingStore implements Store {
  readonly #inner: Store;
  readonly #at: CrashPoint;
  readonly #death = Promise.withResolvers<typeof killed>();
  #calls = 0;
  #isDead = false;

  constructor(inner: Store, at: CrashPoint) {
    this.#inner = inner;
    this.#at = at;
  }

  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    return this.#pass(() => this.#inner.range(request, options));
  }

  transact(transaction: Transaction, options?: CallOptions): Promise<TransactionResponse> {
    return this.#pass(() => this.#inner.transact(transaction, options));
  }

  /** Lets the process run until it is through or killed. */
  async run<T>(work: () => Promise<T>): Promise<T | typeof killed> {
    return Promise.race([work(), this.#death.promise]);
  }

  async #pass<T>(call: () => Promise<T>): Promise<T> {
    const index = this.#calls;
    this.#calls += 1;
    if (index === this.#at.call && this.#at.when === 'before') this.#die();
    if (this.#isDead) return nothing();
    const answer = await call();
    if (index === this.#at.call && this.#at.when === 'after') this.#die();
    return this.#isDead ? nothing() : answer;
  }

  #die(): void {
    this.#isDead = true;
    this.#death.resolve(killed);
  }
}

function nothing(): Promise<never> {
  return new Promise(() => {});
}
