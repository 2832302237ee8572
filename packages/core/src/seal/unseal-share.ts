/**
 * Judges what an admin sends to unseal: who signed it, whether it is for this process and this generation, and whether
 * the share is the right one. It must never use the boot key on anything that one of these checks has not passed.
 * @module
 */
import { openUnsealShare, shareCommitment, verifyJws, type SecretBytes } from '@letterlock/crypto';
import { limits, parseJws, ProblemError, readClaims, typ, unsealClaims, type UnsealClaims } from '@letterlock/protocol';
import type { Admin } from './admin-certificate.ts';
import type { BootKeys } from './boot-keys.ts';
import type { SealConfiguration, ShareHolder } from './seal-configuration.ts';
import { alarm, conflict, strangerProblem } from './seal-problems.ts';

/** The part of the nonce authority that is needed here: true exactly once for each nonce of this process. */
export interface NonceRedeemer {
  redeem(nonce: string): boolean;
}

/** A share whose sender is known and whose content is not yet looked at. */
export interface GivenShare {
  readonly claims: UnsealClaims;
  readonly admin: Admin;
}

const purpose = 'unseal';
const masterKeyBytes = 32;

/**
 * Reads and verifies a `letterlock-unseal+jws` and uses up its nonce.
 * @throws 'bad_encoding' for its form, 'bad_proof' for a stranger, 'conflict' for another boot, 'bad_nonce'
 */
export function receiveShare(o: {
  readonly jws: string;
  readonly admins: ReadonlyMap<string, Admin>;
  readonly boot: BootKeys;
  readonly nonces: NonceRedeemer;
}): GivenShare {
  const parsed = parseJws(o.jws, typ.unseal, limits.operationBytes);
  const admin = o.admins.get(parsed.header.kid);
  if (admin === undefined) throw strangerProblem();
  if (!verifyJws(parsed, admin.verifyingKey)) throw new ProblemError('bad_proof', { reason: 'signature_invalid' });
  const claims = readClaims(unsealClaims, parsed.payload);
  if (claims.boot !== o.boot.boot) {
    throw conflict('share_boot', 'The share was made for another process or an earlier start of this one');
  }
  // Last, so that only an admin of this installation can use up a nonce.
  if (!o.nonces.redeem(claims.nonce)) throw new ProblemError('bad_nonce', { reason: 'nonce_invalid' });
  return { claims, admin };
}

/**
 * Opens a share and compares it with the sender's commitment: who sent a bad one is known before anything is combined.
 * @throws 'conflict' with the reason that the audit record names, 'bad_encoding' for its form, 'bad_envelope' if it does not
 * open; 'internal' when it is the configuration that is wrong
 */
export async function openGivenShare(
  { claims, admin }: GivenShare,
  configuration: SealConfiguration,
  boot: BootKeys,
): Promise<SecretBytes> {
  if (claims.purpose !== purpose) throw conflict('share_purpose', 'The share was given for another purpose');
  if (claims.inst !== configuration.inst) throw conflict('share_instance', 'The share is of another installation');
  if (claims.gen !== configuration.gen) throw conflict('share_generation', 'The share is of another generation');
  const { inst, gen } = configuration;
  const holder = configuration.admins.find(({ id }) => id === admin.id)!;
  const share = await openUnsealShare(claims.s, boot.enc, { adminId: admin.id, boot: boot.boot, inst, gen, purpose });
  const problem = faultOf(share, holder, claims, configuration);
  if (problem === undefined) return share;
  share[Symbol.dispose]();
  throw problem;
}

function faultOf(
  share: SecretBytes,
  holder: ShareHolder,
  claims: UnsealClaims,
  configuration: SealConfiguration,
): ProblemError | undefined {
  const isFormed = isWellFormed(share, configuration);
  if (isCommitted(share, holder, claims, configuration)) {
    // Its sender is not to blame: the configuration that names this very share says that shares look otherwise.
    return isFormed ? undefined : alarm('shares_inconsistent', 'The shares do not fit the seal configuration');
  }
  return isFormed
    ? conflict('share_commitment', 'The share is not the one that was made for its sender')
    : new ProblemError('bad_encoding', { reason: 'share_malformed', detail: 'The share has not the form of one' });
}

/** The last byte of a share of a quorum is its place on the curve, of which 0 is the master key's. */
function isWellFormed(share: SecretBytes, { scheme }: SealConfiguration): boolean {
  if (scheme === 'any') return share.lengthBytes === masterKeyBytes;
  return share.lengthBytes === masterKeyBytes + 1 && share.expose().at(-1) !== 0;
}

function isCommitted(
  share: SecretBytes,
  holder: ShareHolder,
  claims: UnsealClaims,
  { inst, gen }: SealConfiguration,
): boolean {
  return shareCommitment(inst, gen, share) === holder.c && claims.c === holder.c;
}
