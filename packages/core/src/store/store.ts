/**
 * The store port: linearizable reads and single compare-and-swap transactions over revisions, as etcd has them.
 * It must never retry, lock or lease: an unknown outcome is resolved by reading.
 * @module
 */

/** One stored key; revisions are of the whole store and only grow. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the transaction that created the key, after its last deletion. */
  readonly createRevision: number;
  /** Revision of the last transaction that put the key. */
  readonly modRevision: number;
}

/** One key, or a page of the keys with a prefix in byte order, after (not including) a key. */
export type RangeRequest =
  { readonly key: string } | { readonly prefix: string; readonly limit: number; readonly after?: string };
export interface RangeResponse {
  readonly entries: readonly Entry[];
  readonly hasMore: boolean;
  readonly revision: number;
}

/** A key that does not exist has revision 0 in both fields. */
export interface Compare {
  readonly key: string;
  readonly field: 'create' | 'mod';
  readonly is: '=' | '>';
  readonly revision: number;
}
export type Operation =
  | { readonly do: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'get'; readonly key: string };
/** All compares hold: `then`; otherwise: `otherwise`. Atomic; a key may be written once in it; a `get` sees the state before. */
export interface Transaction {
  readonly compare: readonly Compare[];
  readonly then: readonly Operation[];
  readonly otherwise?: readonly Operation[];
}
export interface TransactionResponse {
  readonly succeeded: boolean;
  readonly revision: number;
  /** One for each `get` that ran, in order; undefined for a key that does not exist. */
  readonly entries: readonly (Entry | undefined)[];
}
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** @throws 'unavailable' when the store does not answer; the outcome of a transaction is then unknown. */
export interface Store {
  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse>;
  transact(transaction: Transaction, options?: CallOptions): Promise<TransactionResponse>;
}
