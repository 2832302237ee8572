/**
 * Registered identities, grants, and the memory of applied operations.
 * @module
 */
export * from './apply-initial.ts';
export type { CertificateAuthorities } from './evidence.ts';
export * from './forget-changed.ts';
export * from './grant-registry.ts';
export * from './identity-registry.ts';
export * from './operation-ledger.ts';
