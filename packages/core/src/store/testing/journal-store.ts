/**
 * A store that remembers every transaction that happened, for tests that compare what was done with what was recorded.
 * It must never change anything about a call.
 * @module
 */
import type { CallOptions, RangeRequest, RangeResponse, Store, Transaction, TransactionResponse } from '../store.ts';

export interface JournalEntry {
  /** Keys put and deleted, in the order of the operations. */
  readonly puts: readonly string[];
  readonly deletes: readonly string[];
}

export class JournalStore implements Store {
  readonly #inner: Store;
  readonly journal: JournalEntry[] = [];

  constructor(inner: Store) {
    this.#inner = inner;
  }

  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    return this.#inner.range(request, options);
  }

  async transact(transaction: Transaction, options?: CallOptions): Promise<TransactionResponse> {
    const response = await this.#inner.transact(transaction, options);
    const done = response.succeeded ? transaction.then : (transaction.otherwise ?? []);
    const keysOf = (kind: string) => done.filter((operation) => operation.do === kind).map(({ key }) => key);
    const entry = { puts: keysOf('put'), deletes: keysOf('delete') };
    if (entry.puts.length + entry.deletes.length > 0) this.journal.push(entry);
    return response;
  }
}
