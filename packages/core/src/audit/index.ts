/**
 * Audit records, the trail that numbers them, the checkpoints over it, what other replicas hear, and the port of its sinks.
 * @module
 */
export * from './audit-sink.ts';
export * from './audit-trail.ts';
export * from './checkpoints.ts';
export * from './follow-news.ts';
export { LeftRecords, quietSeconds } from './left-records.ts';
export { newsParent } from './news.ts';
export * from './record.ts';
export * from './settled-prefix.ts';
export { commitChange, type Change, type ChangeOutcome } from './commit-change.ts';
