/**
 * The store, barrier and clock ports, and the memory store.
 * @module
 */
export type * from './barrier.ts';
export { checkRange, checkTransaction, maximumOperations } from './check-request.ts';
export type * from './clock.ts';
export * from './memory-store.ts';
export type * from './store.ts';
