/**
 * The memory store: the port's meaning in one file, for transient installations, tests and as the reference for others.
 * It must never hand out or keep an array that its caller can reach: values are copied on the way in and on the way out.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import { checkRange, checkTransaction } from './check-request.ts';
import { KeyIndex } from './key-index.ts';
import { ValueArena, type Place } from './value-arena.ts';
import type {
  CallOptions,
  Compare,
  Entry,
  Operation,
  RangeRequest,
  RangeResponse,
  Store,
  Transaction,
  TransactionResponse,
} from './store.ts';

function checkSignal(options: CallOptions | undefined): void {
  if (options?.signal?.aborted === true) {
    throw new ProblemError('unavailable', { reason: 'store_call_aborted', cause: options.signal.reason });
  }
}

interface Kept {
  readonly place: Place;
  readonly length: number;
  readonly createRevision: number;
  readonly modRevision: number;
}

/** One thread and no await between test and write: every call is atomic. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Kept>();
  readonly #values = new ValueArena();
  readonly #keys = new KeyIndex((key) => this.#entries.has(key));
  /** An empty etcd is at revision 1, so that 0 always means "no such key". */
  #revision = 1;

  /** Revision of the last transaction that changed something. */
  get revision(): number {
    return this.#revision;
  }

  /** Keys stored now. */
  get size(): number {
    return this.#entries.size;
  }

  async range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    checkSignal(options);
    checkRange(request);
    if ('key' in request) {
      const entry = this.#entryAt(request.key);
      return { entries: entry === undefined ? [] : [entry], hasMore: false, revision: this.#revision };
    }
    const keys = this.#keys.page(request.prefix, request.after, request.limit + 1);
    const hasMore = keys.length > request.limit;
    if (hasMore) keys.pop();
    return { entries: keys.map((key) => this.#entryAt(key)!), hasMore, revision: this.#revision };
  }

  async transact(transaction: Transaction, options?: CallOptions): Promise<TransactionResponse> {
    checkSignal(options);
    checkTransaction(transaction);
    const succeeded = transaction.compare.every((compare) => this.#holds(compare));
    const operations = succeeded ? transaction.then : (transaction.otherwise ?? []);
    const entries = this.#read(operations);
    this.#write(operations);
    return { succeeded, revision: this.#revision, entries };
  }

  /** All entries in key order, bytes as they are kept. */
  *dump(): Generator<Entry> {
    let after: string | undefined;
    for (;;) {
      const keys = this.#keys.page('', after, 1000);
      if (keys.length === 0) return;
      for (const key of keys) {
        const entry = this.#entryAt(key);
        if (entry !== undefined) yield entry;
      }
      after = keys.at(-1);
    }
  }

  #entryAt(key: string): Entry | undefined {
    const kept = this.#entries.get(key);
    if (kept === undefined) return undefined;
    const { place, length, createRevision, modRevision } = kept;
    return { key, value: this.#values.get(place, length), createRevision, modRevision };
  }

  #holds(compare: Compare): boolean {
    const entry = this.#entries.get(compare.key);
    const revision = (compare.field === 'create' ? entry?.createRevision : entry?.modRevision) ?? 0;
    return compare.is === '=' ? revision === compare.revision : revision > compare.revision;
  }

  /** Before any write of the same transaction, so that a get sees the state before it. */
  #read(operations: readonly Operation[]): (Entry | undefined)[] {
    const found: (Entry | undefined)[] = [];
    for (const operation of operations) {
      if (operation.do !== 'get') continue;
      found.push(this.#entryAt(operation.key));
    }
    return found;
  }

  #write(operations: readonly Operation[]): void {
    const revision = this.#revision + 1;
    for (const operation of operations) {
      if (operation.do === 'get') continue;
      const { key } = operation;
      const before = this.#entries.get(key);
      if (operation.do === 'put') {
        if (before === undefined) this.#keys.add(key);
        else this.#values.free(before.place, before.length);
        this.#entries.set(key, {
          place: this.#values.put(operation.value),
          length: operation.value.length,
          createRevision: before?.createRevision ?? revision,
          modRevision: revision,
        });
      } else {
        // As in etcd: deleting what is not there changes nothing, not even the revision.
        if (before === undefined) continue;
        this.#entries.delete(key);
        this.#keys.remove(key);
        this.#values.free(before.place, before.length);
      }
      this.#revision = revision;
    }
  }
}
