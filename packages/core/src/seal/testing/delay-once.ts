/**
 * Holds one store call back, so that a test can let something else happen in between.
 * It must never hold back more than one.
 * @module
 */
import type { FaultyStore, StoreCall } from '../../store/testing/faulty-store.ts';

/** @returns when the first matching call is being held; `store.release()` lets it go on. */
export function delayOnce(store: FaultyStore, matches: (call: StoreCall) => boolean): Promise<void> {
  return new Promise((resolve) => {
    store.choose = (call) => {
      if (!matches(call)) return 'none';
      store.choose = () => 'none';
      resolve();
      return 'delayed';
    };
  });
}
