/**
 * A store that can end its process before, while or after one kind of transaction is carried out, and that notices false replies.
 * It must never be part of the product: only server-with-failpoints.ts puts it around a store.
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

/**
 * `store`: a wrap is stored. `claim`: opened, or delivered again. `end`: acknowledged, revoked or burned. `read`: a secret is
 * delivered. `write`: a version is written. `audit`: a record alone, of a refusal.
 */
export const transactionKinds = ['store', 'claim', 'end', 'read', 'write', 'audit'] as const;
export type TransactionKind = (typeof transactionKinds)[number];

export const failpointMoments = ['before', 'during', 'after'] as const;
export interface Failpoint {
  readonly at: (typeof failpointMoments)[number];
  readonly transaction: TransactionKind;
}

/** Operations, compares → kind. Names are hidden in keys, so a transaction is known by its shape. */
const shapes: Readonly<Record<string, TransactionKind>> = {
  'put put put, 2': 'store',
  'get put put, 3': 'claim',
  'delete put put, 2': 'end',
  'get put, 3': 'read',
  'put put put put, 3': 'write',
  'put put put put put, 3': 'write',
  'put put put put put put, 3': 'write',
  'put, 1': 'audit',
};

/** @returns undefined for a transaction of another kind */
export function kindOf({ then, compare }: Transaction): TransactionKind | undefined {
  const operations = then.map((operation) => operation.do).toSorted();
  return shapes[`${operations.join(' ')}, ${compare.length}`];
}

/** Long enough for the request to leave, short enough for the answer not to be back. */
const underWayMilliseconds = 1;

export interface FailpointStoreOptions {
  /** Ends the process at once. */
  readonly die: () => void;
  /** Told of a transaction that was answered as not done although it was. */
  readonly onMisreported: (kind: TransactionKind | undefined) => void;
}

export class FailpointStore implements Store {
  readonly #inner: Store;
  readonly #options: FailpointStoreOptions;
  #armed: Failpoint | undefined;

  constructor(inner: Store, options: FailpointStoreOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  arm(failpoint: Failpoint): void {
    this.#armed = failpoint;
  }

  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    return this.#inner.range(request, options);
  }

  async transact(transaction: Transaction, options?: CallOptions): Promise<TransactionResponse> {
    const kind = kindOf(transaction);
    const armed = this.#armed?.transaction === kind ? this.#armed : undefined;
    const { die, onMisreported } = this.#options;
    if (armed?.at === 'before') die();
    const answer = this.#inner.transact(transaction, options);
    if (armed?.at === 'during') setTimeout(die, underWayMilliseconds);
    const response = await answer;
    if (armed?.at === 'after') die();
    if (isMisreported(transaction, response)) onMisreported(kind);
    return response;
  }
}

/** Each record is sealed with a salt of its own: the same bytes are this very transaction's. */
function isMisreported({ then }: Transaction, { succeeded, entries }: TransactionResponse): boolean {
  if (succeeded) return false;
  const puts = new Map(then.flatMap((each) => (each.do === 'put' ? [[each.key, each.value]] : [])));
  return entries.some((entry) => {
    const own = entry === undefined ? undefined : puts.get(entry.key);
    return own !== undefined && Buffer.compare(entry!.value, own) === 0;
  });
}
