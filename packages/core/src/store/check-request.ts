/**
 * What every store asks of a request before it looks at its data: the limits that etcd has, so that the memory store has them too.
 * It must never depend on what is stored.
 * @module
 */
import type { RangeRequest, Transaction } from './store.ts';

/** Operations and compares of one transaction, each list. @source etcd's default --max-txn-ops */
export const maximumOperations = 128;

const keyForm = /^[\x21-\x7e]{1,1024}$/;

/** @throws TypeError for a key that is empty, longer than 1,024 or not printable ASCII (then byte order and string order agree). */
export function checkKey(key: string): void {
  if (!keyForm.test(key))
    throw new TypeError('Cannot use a store key: it is not 1 to 1,024 printable ASCII characters');
}

/** @throws RangeError for a limit below 1. */
export function checkRange(request: RangeRequest): void {
  if ('key' in request) checkKey(request.key);
  else if (!Number.isSafeInteger(request.limit) || request.limit < 1) {
    throw new RangeError('Cannot range: the limit is not a positive integer');
  }
}

/** @throws TypeError when a branch writes a key twice, RangeError for too many operations; a caller's bug in both cases. */
export function checkTransaction(transaction: Transaction): void {
  const { compare, then, otherwise = [] } = transaction;
  if (Math.max(compare.length, then.length, otherwise.length) > maximumOperations) {
    throw new RangeError(`Cannot transact: more than ${maximumOperations} operations`);
  }
  for (const { key } of compare) checkKey(key);
  for (const branch of [then, otherwise]) {
    const written = new Set<string>();
    for (const operation of branch) {
      checkKey(operation.key);
      if (operation.do === 'get') continue;
      if (written.has(operation.key)) throw new TypeError('Cannot transact: a key is written twice in one branch');
      written.add(operation.key);
    }
  }
}
