/**
 * The service's decisions: proof, policy, identities, wraps, seal, and the ports they stand on.
 * @module
 */
export * from './policy/index.ts';
export * from './proof/index.ts';
export * from './store/index.ts';
export * from './audit/index.ts';
export * from './identities/index.ts';
export * from './seal/index.ts';
export * from './wraps/index.ts';
export * from './secrets/index.ts';
export * from './injection/index.ts';
export * from './binding/index.ts';
export * from './ca/index.ts';
export * from './workloads/index.ts';
