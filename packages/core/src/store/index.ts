/**
 * The store, barrier and clock ports, and the memory store.
 * @module
 */
export type * from './barrier.ts';
export type * from './clock.ts';
export type * from './store.ts';
