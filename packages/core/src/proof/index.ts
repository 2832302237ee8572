/**
 * "Who asks?": nonces, request proofs, signed operations.
 * @module
 */
export * from './directory.ts';
export * from './nonce-authority.ts';
export { signaturesNeeded } from './operation-rules.ts';
export { RedeemedNonces } from './redeemed-nonces.ts';
export { SecondFactor, type SecondFactorOptions } from './second-factor.ts';
export {
  readTokenReview,
  type TokenFacts,
  type TokenReviewer,
  type TokenVerdict,
  type TokenViolation,
} from './token-review.ts';
export type { Caller, CallerWorkload, Channel, Proven, Received } from './proven.ts';
export * from './verify-operations.ts';
export * from './verify-proof.ts';
