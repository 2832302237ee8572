/**
 * Counts and times the calls to the store, whichever it is.
 * It must never change a call, an answer or a failure.
 * @module
 */
import type { Store } from '@letterlock/core';
import { isProblemError } from '@letterlock/protocol';

/** Why a call failed: the reasons that a store gives (server/etcd). Others count as `store_failed`. */
export const storeFailureReasons = [
  'store_answer_invalid',
  'store_answer_too_large',
  'store_call_aborted',
  'store_compacted',
  'store_denied',
  'store_failed',
  'store_full',
  'store_overloaded',
  'store_request_too_large',
  'store_timeout',
  'store_unreachable',
] as const;
export type StoreFailureReason = (typeof storeFailureReasons)[number];

export interface StoreCallMetrics {
  storeAnswered(call: keyof Store, seconds: number): void;
  storeFailed(reason: StoreFailureReason): void;
}

/** A store that tells the metrics of every call. */
export function countCalls(store: Store, metrics: StoreCallMetrics): Store {
  const counted = async <T>(call: keyof Store, answer: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    try {
      return await answer;
    } catch (error) {
      metrics.storeFailed(reasonOf(error));
      throw error;
    } finally {
      metrics.storeAnswered(call, (performance.now() - startedAt) / 1000);
    }
  };
  return {
    range: (request, options) => counted('range', store.range(request, options)),
    transact: (transaction, options) => counted('transact', store.transact(transaction, options)),
  };
}

function reasonOf(error: unknown): StoreFailureReason {
  const reason = isProblemError(error) ? error.reason : undefined;
  return storeFailureReasons.find((each) => each === reason) ?? 'store_failed';
}
