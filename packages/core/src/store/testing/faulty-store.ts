/**
 * A store that fails as networks do: before, after, late, or by telling of a second attempt.
 * It must never change what the store inside it means; only whether and when the caller hears of it.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import type { CallOptions, RangeRequest, RangeResponse, Store, Transaction, TransactionResponse } from '../store.ts';

/**
 * `lost`: nothing happens, the caller hears nothing. `answer_lost`: it happens, the caller hears nothing.
 * `late`: the caller hears nothing, and it happens at `deliverLate`. `delayed`: it happens and is answered at `release`.
 * `sent_twice`: it happens, is sent again, and the caller hears the second answer.
 */
export const faults = ['lost', 'answer_lost', 'late', 'delayed', 'sent_twice'] as const;
export type Fault = (typeof faults)[number] | 'none';

export interface StoreCall {
  /** Counts calls from 0. */
  readonly index: number;
  readonly transaction: Transaction | undefined;
}

function noAnswer(): ProblemError {
  return new ProblemError('unavailable', { reason: 'store_no_answer' });
}

/** Wraps a store; `choose` decides for every call. A range can be lost or delayed; the other faults leave it alone. */
export class FaultyStore implements Store {
  readonly #inner: Store;
  #calls = 0;
  readonly #late: Transaction[] = [];
  readonly #waiting: (() => void)[] = [];
  choose: (call: StoreCall) => Fault;

  constructor(inner: Store, choose: (call: StoreCall) => Fault = () => 'none') {
    this.#inner = inner;
    this.choose = choose;
  }

  /** Calls so far. */
  get calls(): number {
    return this.#calls;
  }

  async range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    const fault = this.#next(undefined);
    if (fault === 'lost') throw noAnswer();
    if (fault === 'delayed') await this.#wait();
    return this.#inner.range(request, options);
  }

  async transact(transaction: Transaction, options?: CallOptions): Promise<TransactionResponse> {
    const fault = this.#next(transaction);
    if (fault === 'lost') throw noAnswer();
    if (fault === 'late') {
      this.#late.push(transaction);
      throw noAnswer();
    }
    if (fault === 'delayed') await this.#wait();
    const response = await this.#inner.transact(transaction, options);
    if (fault === 'answer_lost') throw noAnswer();
    return fault === 'sent_twice' ? this.#inner.transact(transaction, options) : response;
  }

  /** Lets all late transactions arrive, in the order in which they were sent. */
  async deliverLate(): Promise<void> {
    for (const transaction of this.#late.splice(0)) await this.#inner.transact(transaction);
  }

  /** Lets all delayed calls go on. */
  release(): void {
    for (const goOn of this.#waiting.splice(0)) goOn();
  }

  #next(transaction: Transaction | undefined): Fault {
    const index = this.#calls;
    this.#calls += 1;
    return this.choose({ index, transaction });
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
