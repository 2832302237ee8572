/**
 * Writes ranges and transactions as etcd wants them.
 * It must never let a get see a write of its own transaction: etcd runs operations in order, so gets go first.
 * @module
 */
import type { Compare, Operation, Transaction } from '@letterlock/core';
import type { ICompare, IRangeRequest, IRequestOp, ITxnRequest } from 'etcd3';

/** Part of a prefix: from a key, or the key after one, to a boundary. */
export interface Window {
  readonly from: string;
  /** Whether `from` itself is left out. */
  readonly isAfter: boolean;
  /** First key that is left out; undefined: all that begin with the prefix. */
  readonly to: string | undefined;
}

export function keyRequestOf(key: string, place: string): IRangeRequest {
  return { key: bytesOf(place + key), limit: 1 };
}

/** @param place - put before every key */
export function windowRequestOf(
  { from, isAfter, to }: Window,
  prefix: string,
  place: string,
  limit: number,
): IRangeRequest {
  return {
    // The shortest key above another is that one with a zero byte behind it.
    key: bytesOf(isAfter ? `${place}${from}\0` : place + from),
    range_end: to === undefined ? endOf(place + prefix) : bytesOf(place + to),
    limit,
  };
}

/** A transaction as it is sent, and its operations in that order. */
export interface SentTransaction {
  readonly request: ITxnRequest;
  readonly then: readonly Operation[];
  readonly otherwise: readonly Operation[];
  /** Nobody asked for what these operations read. */
  readonly isOnlyCompared: boolean;
}

/** @param place - put before every key */
export function sentTransactionOf(transaction: Transaction, place: string): SentTransaction {
  const isOnlyCompared = transaction.then.length === 0 && (transaction.otherwise ?? []).length === 0;
  // A transaction without operations is answered by one member alone, from what it knew last; one that reads asks the others.
  const reading = isOnlyCompared ? transaction.compare.slice(0, 1).map(({ key }) => ({ do: 'get', key }) as const) : [];
  const then = isOnlyCompared ? reading : getsFirst(transaction.then);
  const otherwise = isOnlyCompared ? reading : getsFirst(transaction.otherwise ?? []);
  return {
    isOnlyCompared,
    request: {
      compare: transaction.compare.map((compare) => compareOf(compare, place)),
      success: then.map((operation) => operationOf(operation, place)),
      failure: otherwise.map((operation) => operationOf(operation, place)),
    },
    then,
    otherwise,
  };
}

function getsFirst(operations: readonly Operation[]): readonly Operation[] {
  return [
    ...operations.filter((operation) => operation.do === 'get'),
    ...operations.filter((operation) => operation.do !== 'get'),
  ];
}

const targets = {
  create: (revision: number) => ({ target: 'Create', create_revision: String(revision) }),
  mod: (revision: number) => ({ target: 'Mod', mod_revision: String(revision) }),
} as const satisfies Record<Compare['field'], (revision: number) => ICompare>;
const results = { '=': 'Equal', '>': 'Greater' } as const satisfies Record<Compare['is'], ICompare['result']>;

function compareOf({ key, field, is, revision }: Compare, place: string): ICompare {
  return { key: bytesOf(place + key), result: results[is], ...targets[field](revision) };
}

function operationOf(operation: Operation, place: string): IRequestOp {
  const key = bytesOf(place + operation.key);
  if (operation.do === 'get') return { request_range: { key } };
  if (operation.do === 'delete') return { request_delete_range: { key } };
  // A copy: the call is sent after this one has returned.
  return { request_put: { key, value: Buffer.from(operation.value) } };
}

/** The first key behind all that begin with a prefix. A prefix is printable ASCII, so that its last byte can be counted up. */
function endOf(prefix: string): Buffer {
  const end = bytesOf(prefix);
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return end;
}

function bytesOf(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}
