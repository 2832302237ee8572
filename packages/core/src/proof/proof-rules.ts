/**
 * What can be wrong with a request proof (protocol.md §4), one rule each, named after its violation; the first one wins.
 * A rule must never wait for anything: rules after the signature and redeeming the nonce are one step.
 * @module
 */
import { hash43 } from '@letterlock/crypto';
import type { ParsedJws, ProblemCode, ProofClaims } from '@letterlock/protocol';
import { isSignatureAlgorithm } from './decoy-keys.ts';
import type { KnownKey } from './directory.ts';
import type { NonceAuthority } from './nonce-authority.ts';
import type { ChannelBindingKind } from '../audit/record.ts';
import type { Received } from './proven.ts';

/** A proof of right form, with what it is compared with. */
export interface Attempt {
  readonly received: Received;
  readonly jws: ParsedJws;
  readonly claims: ProofClaims;
  readonly nonces: NonceAuthority;
  readonly publicOrigins: readonly string[];
  /** Whose key it is, once that is known. */
  readonly known?: KnownKey;
}

/** What is wrong: the code on the wire, the finer reason for the log, and what may be said about the form. */
export interface Violation {
  readonly code: ProblemCode;
  readonly reason: string;
  readonly detail?: string;
}
export type ProofRule = (attempt: Attempt) => Violation | undefined;

const algorithmForbidden: ProofRule = ({ jws }) =>
  isSignatureAlgorithm(jws.header.alg) ? undefined : { code: 'bad_proof', reason: 'proof_alg' };

/** Unknown, foreign or past its life; whether it was used is asked last, when the signature is known to be good. */
const challengeExpired: ProofRule = ({ nonces, claims }) =>
  nonces.check(claims.nonce) === 'valid' ? undefined : { code: 'bad_nonce', reason: 'nonce_invalid' };

const bodyDiffers: ProofRule = ({ received, claims }) =>
  claims.bh === received.bodyHash
    ? undefined
    : { code: 'bad_proof', reason: 'proof_body_mismatch', detail: 'The proof is for another body' };

const methodDiffers: ProofRule = ({ received, claims }) =>
  claims.htm === received.method
    ? undefined
    : { code: 'bad_proof', reason: 'proof_target_mismatch', detail: 'The proof is for another method' };

/** The origins are those of the configuration: what a client writes into Host proves nothing. */
const targetDiffers: ProofRule = ({ received, claims, publicOrigins }) =>
  publicOrigins.some((origin) => claims.htu === origin + received.path)
    ? undefined
    : { code: 'bad_proof', reason: 'proof_target_mismatch', detail: 'The proof is for another origin or path' };

/** Where no token is taken, a proof that names one is for a request that this is not. */
const writerTokenDiffers: ProofRule = ({ received: { writerToken }, claims }) =>
  claims.th === (writerToken === undefined ? undefined : hash43(writerToken))
    ? undefined
    : { code: 'bad_proof', reason: 'proof_token_mismatch', detail: 'The proof is for another writer token' };

/** A workload's key is its certificate's: on the listener for agents, and by nothing but the handshake. */
const certificateElsewhere: ProofRule = (attempt) =>
  attempt.known?.workload?.by !== 'svid' ||
  (bindingOf(attempt) === 'key' && attempt.received.channel.listener === 'agent')
    ? undefined
    : { code: 'channel_required', reason: 'svid_channel' };

const keyNotBound: ProofRule = (attempt) => {
  if (bindingOf(attempt) !== undefined) return undefined;
  const { received, claims } = attempt;
  if (claims.cb !== undefined) return { code: 'channel_required', reason: 'channel_mismatch' };
  const reason = received.channel.clientKey === undefined ? 'channel_missing' : 'proof_key_mismatch';
  return { code: 'channel_required', reason };
};

/** A nonce is used up only by a proof that is good in every other respect: nobody can burn another's. */
const challengeUsed: ProofRule = ({ nonces, claims }) => {
  if (nonces.redeem(claims.nonce)) return undefined;
  const isUsed = nonces.check(claims.nonce) === 'valid';
  return { code: 'bad_nonce', reason: isUsed ? 'nonce_replayed' : 'nonce_invalid' };
};

/** Before a key is looked up. */
export const rulesBeforeSignature: readonly ProofRule[] = [algorithmForbidden, challengeExpired];
/** Once the signature is good; redeeming is the last. */
export const rulesAfterSignature: readonly ProofRule[] = [
  bodyDiffers,
  methodDiffers,
  targetDiffers,
  writerTokenDiffers,
  certificateElsewhere,
  keyNotBound,
  challengeUsed,
];

/** The first violation. */
export function firstViolation(rules: readonly ProofRule[], attempt: Attempt): Violation | undefined {
  for (const rule of rules) {
    const violation = rule(attempt);
    if (violation !== undefined) return violation;
  }
  return undefined;
}

/** What binds a proof to its connection (protocol.md §4.5): `cb` if there is one, else the equality of the two keys. */
export function bindingOf(attempt: Attempt): Exclude<ChannelBindingKind, 'none'> | undefined {
  const { exporter, clientKey } = attempt.received.channel;
  const { cb } = attempt.claims;
  if (cb !== undefined) return cb === exporter ? 'exporter' : undefined;
  return clientKey?.thumbprint === attempt.jws.header.kid ? 'key' : undefined;
}
