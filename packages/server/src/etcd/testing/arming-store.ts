/**
 * A store that strikes the first transaction of a run: by the proxy before it, or by itself.
 * It must never touch a range, nor a second transaction.
 * @module
 */
import type {
  CallOptions,
  RangeRequest,
  RangeResponse,
  Store,
  Transaction,
  TransactionResponse,
} from '@letterlock/core';

export class ArmingStore implements Store {
  readonly #inner: Store;
  #strike: (() => void) | undefined;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  /** To be called right before the next transaction is sent. */
  beforeNextTransaction(strike: () => void): void {
    this.#strike = strike;
  }

  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    return this.#inner.range(request, options);
  }

  transact(transaction: Transaction, options?: CallOptions): Promise<TransactionResponse> {
    this.#strike?.();
    this.#strike = undefined;
    return this.#inner.transact(transaction, options);
  }
}
