/**
 * Audit records and the trail that numbers them.
 * @module
 */
export * from './audit-trail.ts';
export * from './record.ts';
