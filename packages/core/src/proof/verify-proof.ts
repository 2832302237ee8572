/**
 * "Who asks?": turns a received request into a proven one (protocol.md §4). The order of its steps is part of the protocol.
 * It must never use up a nonce before the signature is known to be good, nor tell an unknown key from a bad signature.
 * @module
 */
import { parseProof } from '@letterlock/crypto';
import { isProblemError, lifetimes, ProblemError } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import type { Directory, KnownKey } from './directory.ts';
import type { NonceAuthority } from './nonce-authority.ts';
import {
  bindingOf,
  firstViolation,
  rulesAfterSignature,
  rulesBeforeSignature,
  type Attempt,
  type Violation,
} from './proof-rules.ts';
import { prove, type Proven, type Received } from './proven.ts';
import { isSignedBy } from './verify-signature.ts';

export interface VerifyProofContext {
  /** What the route allows. */
  readonly authentication: 'proof' | 'proof-or-mtls';
  readonly nonces: NonceAuthority;
  /** `https://` and host, `:port` unless 443; as configured, never from the request. */
  readonly publicOrigins: readonly string[];
  readonly directory: Directory;
  readonly clock: Clock;
}

/** What the form of a proof may be faulted for; every other fault is `proof_malformed`. */
const reasonsOfForm: Readonly<Record<string, string>> = {
  wrong_typ: 'proof_type',
  header_members: 'proof_header_forbidden',
  header_member_type: 'proof_header_forbidden',
};

/**
 * Proves the caller of a request, by its proof or, where the route allows, by its TLS client key.
 * @throws 'bad_nonce', 'bad_proof', 'channel_required', 'too_large'. @source protocol.md §4.2, §4.4, §4.5
 */
export async function verifyProof<T>(received: Received, request: T, context: VerifyProofContext): Promise<Proven<T>> {
  const { clientKey } = received.channel;
  if (received.proof !== undefined) return verifyByProof(received, received.proof, request, context);
  if (context.authentication === 'proof' || clientKey === undefined) throw refusal('proof_missing');
  // The TLS handshake proved possession; names, issuer and dates of the certificate count for nothing.
  const known = await context.directory.find(clientKey.thumbprint);
  if (known === undefined) throw refusal(unknownReason(context.directory, clientKey.thumbprint));
  // A pod's keys prove each request by itself, so that what it asked for can be shown.
  if (known.workload !== undefined) throw refusal('proof_missing');
  return prove(callerOf(known, received, { factor: 'mtls', binding: 'key' }), request);
}

async function verifyByProof<T>(
  received: Received,
  compact: string,
  request: T,
  context: VerifyProofContext,
): Promise<Proven<T>> {
  const { nonces, publicOrigins, directory } = context;
  const attempt: Attempt = { received, ...parse(compact), nonces, publicOrigins };
  refuse(firstViolation(rulesBeforeSignature, attempt));
  const { kid } = attempt.jws.header;
  const known = await directory.find(kid);
  const isSigned = await isSignedBy(attempt.jws, known?.verifyingKey);
  if (known === undefined) throw refusal(unknownReason(directory, kid));
  if (!isSigned) throw refusal('signature_invalid');
  // No await from here on: a redeemed nonce belongs to exactly this call.
  refuse(firstViolation(rulesAfterSignature, { ...attempt, known }));
  const { claims } = attempt;
  const isSkewed = Math.abs(claims.iat - context.clock.nowSeconds()) > lifetimes.proofSkewLogged;
  const caller = callerOf(known, received, {
    factor: known.workload?.by ?? 'proof',
    binding: bindingOf(attempt) ?? 'none',
    proof: compact,
    nonce: claims.nonce,
    ...(isSkewed ? { note: 'clock_skewed' } : {}),
  });
  return prove(caller, request);
}

function parse(compact: string): Pick<Attempt, 'jws' | 'claims'> {
  try {
    return parseProof(compact);
  } catch (error) {
    if (!isProblemError(error) || error.code !== 'bad_encoding') throw error;
    const { reason = '', detail } = error;
    // A kid of impossible form is answered exactly as one that is merely unknown.
    if (reason === 'bad_kid') throw refusal('key_unknown');
    throw new ProblemError('bad_proof', {
      reason: reasonsOfForm[reason] ?? 'proof_malformed',
      ...(detail === undefined ? {} : { detail }),
    });
  }
}

function callerOf(
  known: KnownKey,
  received: Received,
  how: Pick<Proven<unknown>['caller'], 'factor' | 'binding'> &
    Partial<Pick<Proven<unknown>['caller'], 'proof' | 'nonce' | 'note'>>,
): Proven<unknown>['caller'] {
  return {
    id: known.id,
    isAdmin: known.isAdmin,
    keyset: known.keyset,
    ...(known.workload === undefined ? {} : { workload: known.workload }),
    listener: received.channel.listener,
    proof: undefined,
    nonce: undefined,
    bodyHash: received.bodyHash,
    requestId: received.requestId,
    ...how,
  };
}

function unknownReason(directory: Directory, id: string): string {
  return directory.wasRevoked?.(id) === true ? 'key_revoked' : 'key_unknown';
}

function refuse(violation: Violation | undefined): void {
  if (violation !== undefined) throw new ProblemError(violation.code, violation);
}

/** One answer for a missing proof, an unknown key and a bad signature; only the log tells them apart. */
function refusal(reason: string): ProblemError {
  return new ProblemError('bad_proof', { reason });
}
