/**
 * The words that both ends of the wire share.
 * @module
 */
export * from './agent-contract.ts';
export * from './base64url.ts';
export * from './bodies.ts';
export * from './claims.ts';
export * from './duration.ts';
export * from './grpc-messages.ts';
export * from './jcs.ts';
export * from './jose.ts';
export * from './limits.ts';
export * from './names.ts';
export * from './nearest.ts';
export * from './problems.ts';
export * from './registry.ts';
export * from './routes.ts';
export * from './shape.ts';
export * from './workload.ts';
