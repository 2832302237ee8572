/**
 * The store of the search: one wrap's keys as an immutable value, with the port's meaning written a second time.
 * It must never share code with the memory store: each is a witness for the other.
 * @module
 */
import type { Barrier } from '../../store/barrier.ts';
import type { Compare, Entry, Operation, Transaction } from '../../store/store.ts';

const text = new TextDecoder('latin1');

/** A barrier that hides nothing, so that equal states have equal bytes. */
export const plainBarrier: Barrier = {
  keyOf: (path) => path,
  seal: (path, plaintext) => Buffer.concat([Buffer.from(`${path}\n`), plaintext]),
  open: (path, record) => {
    const prefix = `${path}\n`;
    if (!text.decode(record).startsWith(prefix)) throw new Error('A record was opened under another path');
    return record.subarray(prefix.length);
  },
};

export interface ModelStore {
  readonly revision: number;
  /** Values and last changes of the state and the envelope, as far as they exist. */
  readonly keys: ReadonlyMap<string, { readonly value: string; readonly mod: number }>;
  /** Audit keys that exist and that somebody may still compare. They do not move the revision: nothing compares it with them. */
  readonly audits: readonly string[];
}
export const emptyStore: ModelStore = { revision: 1, keys: new Map(), audits: [] };

export interface ModelReply {
  readonly succeeded: boolean;
  readonly revision: number;
  readonly entries: readonly (Entry | undefined)[];
}

export function isAuditKey(key: string): boolean {
  return key.startsWith('au/');
}

/** The text of a value, without what the barrier put before it. */
export function plainTextOf(value: string): string {
  return value.slice(value.indexOf('\n') + 1);
}

/** Equal stores have equal keys. */
export function keyOfStore({ revision, keys, audits }: ModelStore): string {
  return JSON.stringify([revision, [...keys].toSorted(([a], [b]) => (a < b ? -1 : 1)), audits]);
}

/** Equal replies have equal keys; the revision counts only where the caller may use it. */
export function keyOfReply({ succeeded, revision, entries }: ModelReply): string {
  const read = entries.map((entry) => (entry === undefined ? '' : `${entry.modRevision}${text.decode(entry.value)}`));
  return JSON.stringify([succeeded, succeeded ? revision : 0, read]);
}

export function readKey(store: ModelStore, key: string): ModelReply {
  return { succeeded: true, revision: store.revision, entries: [entryAt(store, key)] };
}

function entryAt(store: ModelStore, key: string): Entry | undefined {
  if (isAuditKey(key)) {
    const isThere = store.audits.includes(key);
    return isThere ? { key, value: new Uint8Array(), createRevision: 1, modRevision: 1 } : undefined;
  }
  const found = store.keys.get(key);
  if (found === undefined) return undefined;
  return { key, value: Buffer.from(found.value, 'latin1'), createRevision: found.mod, modRevision: found.mod };
}

function holds(store: ModelStore, { key, field, is, revision }: Compare): boolean {
  if (field === 'create' && revision !== 0) throw new Error('The model knows creation only as present or absent');
  const actual = isAuditKey(key) ? Number(store.audits.includes(key)) : (store.keys.get(key)?.mod ?? 0);
  return is === '=' ? actual === revision : actual > revision;
}

export function applyTransaction(
  store: ModelStore,
  transaction: Transaction,
): { readonly store: ModelStore; readonly reply: ModelReply } {
  const succeeded = transaction.compare.every((compare) => holds(store, compare));
  const operations: readonly Operation[] = succeeded ? transaction.then : (transaction.otherwise ?? []);
  const entries = operations.flatMap((operation) => (operation.do === 'get' ? [entryAt(store, operation.key)] : []));
  const keys = new Map(store.keys);
  const audits = [...store.audits];
  let { revision } = store;
  for (const operation of operations) {
    if (operation.do === 'get') continue;
    const { key } = operation;
    if (isAuditKey(key)) {
      audits.push(key);
      continue;
    }
    revision = store.revision + 1;
    if (operation.do === 'put') keys.set(key, { value: text.decode(operation.value), mod: revision });
    else keys.delete(key);
  }
  return { store: { revision, keys, audits: audits.toSorted() }, reply: { succeeded, revision, entries } };
}
