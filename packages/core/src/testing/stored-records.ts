/**
 * What reads the records of an installation beside it, for harnesses that run without Jest.
 * @module
 */
export { openWithShares } from '../seal/testing/open-with-shares.ts';
export { openState, statePrefix } from '../wraps/wrap-record.ts';
