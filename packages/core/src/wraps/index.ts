/**
 * Open-once wraps.
 * @module
 */
export type { SweepReport } from './sweeper.ts';
export { Wraps, type ObservedWrap, type WrapsOptions } from './wraps.ts';
export { reduceWrap, type WrapDecision, type WrapEvent } from './reduce-wrap.ts';
export type { WrapRecord } from './wrap-record.ts';
