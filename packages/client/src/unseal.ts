/**
 * Admins and the seal: the own share is opened here and leaves only encrypted to the booting process (protocol.md §10).
 * It must never believe the server about a share (T-23, T-35): what counts is the local pin.
 * @module
 */
import {
  bootFingerprint,
  importSealingKey,
  openJws,
  openShare,
  randomIdentifier,
  sealUnsealShare,
  shareAcknowledgement,
  shareCommitment,
  signJws,
  signOperation as signClaims,
  type Share,
  type VerifyingKey,
} from '@letterlock/crypto';
import {
  canonicalize,
  operations,
  progressResponse,
  transcriptClaims,
  transcriptResponse,
  typ,
  unsealStatusResponse,
  type Operation,
  type TranscriptClaims,
  type UnsealClaims,
  type UnsealStatusResponse,
} from '@letterlock/protocol';
import { signOperation, submitOperations } from './administration.ts';
import { readDocument } from './answers.ts';
import { Deadline, type CallOptions } from './deadline.ts';
import { IntegrityError, integrityOf, TrustError } from './errors.ts';
import type { Reply, Session } from './session.ts';
import { noInstanceKey } from './trust.ts';

/** What an admin pins about its share; `commitment` is compared before the share is given (T-35). */
export interface SharePin {
  readonly instance: string;
  readonly generation: number;
  readonly commitment: string;
}

/** The keys of one start of a server. */
export interface Boot {
  readonly boot: string;
  readonly trustDomain: string;
  /** Who vouches for `boot`: see `readBootStatement`; absent where nobody does. */
  readonly token: string | undefined;
}

export interface GiveShareOptions extends CallOptions {
  /** The pin of `checkShare`. Without one the server's word must be taken, which a person has to say. */
  readonly pin: SharePin | { readonly acceptUnpinned: true };
  /** The boot fingerprint to expect (as the server printed it), or the attestation check; false refuses. */
  readonly boot: string | ((boot: Boot) => boolean | Promise<boolean>);
}

/** Progress, or the verified transcript of the ceremony. `pin` is what this share showed, for who had none. */
export type ShareOutcome =
  | { readonly isUnsealed: false; readonly have: number; readonly k: number; readonly pin: SharePin }
  | { readonly isUnsealed: true; readonly transcript: TranscriptClaims; readonly pin: SharePin };

/** The unseal state; `verifiedTranscript` is set once the pinned instance key has signed the ceremony of this boot. */
export interface UnsealStatus extends UnsealStatusResponse {
  readonly verifiedTranscript: TranscriptClaims | undefined;
  /** Whether the pinned instance key has signed for the very connection that this came by; false while sealed. */
  readonly isVouched: boolean;
  readonly trustDomain: string;
}

/** Asks for the unseal state; the client's identity must be an admin of the stored configuration. @throws TrustError, IntegrityError */
export async function unsealStatus(session: Session, deadline: Deadline): Promise<UnsealStatus> {
  const { status, instanceKey, isVouched, trustDomain } = await readStatus(session, deadline);
  const { transcript, boot, gen, given } = status;
  const common = { ...status, isVouched, trustDomain };
  if (transcript === undefined) return { ...common, verifiedTranscript: undefined };
  const verifiedTranscript = await checkTranscript(transcript, requireKey(instanceKey), { boot, gen });
  if (verifiedTranscript.admins.join() !== given.join()) {
    throw new IntegrityError(
      'transcript_admins',
      'Cannot accept the transcript: it names other admins than the server',
    );
  }
  return { ...common, verifiedTranscript };
}

/**
 * Gives the own share to the booting process that `boot` names.
 * @throws TrustError for another server or boot, IntegrityError for a share that is not the pinned one, LetterlockError 'conflict'
 */
export async function giveShare(session: Session, options: GiveShareOptions): Promise<ShareOutcome> {
  const deadline = new Deadline(options);
  const admin = session.requireIdentity();
  const { status, instanceKey, tlsThumbprint, trustDomain } = await readStatus(session, deadline);
  const key = requireKey(instanceKey);
  const { boot, benc, token } = status;
  await confirmBoot(options.boot, { boot, trustDomain, token });
  const pin = 'commitment' in options.pin ? options.pin : undefined;
  const inst = pin?.instance ?? status.inst;
  const gen = pin?.generation ?? status.gen;
  const opened = await openOwnShare(session, status, { inst, gen });
  using share = opened.share;
  const shown: SharePin = { instance: inst, generation: gen, commitment: shareCommitment(inst, gen, share) };
  if (pin !== undefined && shown.commitment !== pin.commitment) {
    throw new IntegrityError('share_commitment', 'Cannot give the share: it is not the one that is pinned');
  }
  const purpose = 'unseal';
  const sealed = await sealUnsealShare({
    to: importSealingKey(benc),
    adminId: admin.id,
    boot,
    inst,
    gen,
    purpose,
    share,
  });
  const iat = session.clock.seconds ?? session.now();
  const { value } = await session.call(
    {
      route: 'unseal',
      body: ({ nonce, tlsThumbprint: current }) => {
        // Another process would not be able to read the share; it must not even learn that there is one.
        if (current !== tlsThumbprint) throw bootMismatch();
        const claims: UnsealClaims = { boot, c: shown.commitment, gen, iat, inst, nonce, purpose, s: sealed };
        return canonicalize({ jws: signJws({ typ: typ.unseal, key: admin.signingKey, claims: { ...claims } }) });
      },
      read: (body, code) =>
        code === 202 ? readDocument(progressResponse, body) : readDocument(transcriptResponse, body),
    },
    deadline,
  );
  if ('have' in value) return { isUnsealed: false, have: value.have, k: value.k, pin: shown };
  const transcript = await checkTranscript(value.transcript, key, { boot, gen });
  if (!transcript.admins.includes(admin.id)) {
    throw new IntegrityError('transcript_admins', 'Cannot accept the transcript: the own share is not in it');
  }
  return { isUnsealed: true, transcript, pin: shown };
}

/**
 * Opens the own share, compares it with a pin if there is one, and proves to the service that it opens.
 * @returns the pin to keep. @throws IntegrityError, TrustError, LetterlockError
 */
export async function checkShare(session: Session, pin: SharePin | undefined, deadline: Deadline): Promise<SharePin> {
  const { instance } = await session.server(deadline);
  const { status } = await readStatus(session, deadline);
  const inst = pin?.instance ?? instance;
  if (inst !== instance)
    throw new IntegrityError('share_instance', 'Cannot check the share: it is of another instance');
  const gen = pin?.generation ?? status.gen;
  const opened = await openOwnShare(session, status, { inst, gen });
  using share = opened.share;
  const commitment = shareCommitment(inst, gen, share);
  if (pin !== undefined && commitment !== pin.commitment) {
    throw new IntegrityError('share_commitment', 'Cannot accept the share: it is not the one that is pinned');
  }
  const ack = shareAcknowledgement(share, inst);
  await submitOperations(session, [await signOperation(session, 'share.ack', { ack }, undefined, deadline)], deadline);
  return { instance: inst, generation: gen, commitment };
}

export interface InitialiseOptions extends CallOptions {
  /** Boot fingerprint of the process, compared by the server. */
  readonly boot: string;
  /** Admin certificates, DER as base64url. */
  readonly admins: readonly string[];
  /** Shares that unseal. */
  readonly k: number;
}

/** Initialises a service that waits for it; the client's identity must be one of the admins. @throws LetterlockError 'denied', 'conflict' */
export async function initialise(session: Session, options: InitialiseOptions): Promise<void> {
  const { signingKey } = session.requireIdentity();
  const deadline = new Deadline(options);
  const args = operations.init({ admins: [...options.admins], boot: options.boot, k: options.k }, 'args');
  const exp = (await session.serverSeconds(deadline)) + 300;
  const operation: Operation = { args, exp, nonce: randomIdentifier(), op: 'init' };
  await session.call(
    {
      route: 'init',
      body: () => canonicalize({ jws: signClaims(signingKey, operation) }),
      read: () => undefined,
    },
    deadline,
  );
}

interface StatusOfBoot {
  readonly status: UnsealStatusResponse;
  /** The instance key that the server names and that the pin admits. */
  readonly instanceKey: VerifyingKey | undefined;
  readonly tlsThumbprint: string;
  readonly trustDomain: string;
  readonly isVouched: boolean;
}

/** The status, whose `boot` must name the keys of this very connection. */
async function readStatus(session: Session, deadline: Deadline): Promise<StatusOfBoot> {
  if (session.trust.pinned === undefined) {
    throw new TrustError('not_pinned', 'Cannot ask for the unseal state: pin the instance key first');
  }
  const { instanceKey, trustDomain } = await session.state(deadline);
  const reply: Reply<UnsealStatusResponse> = await session.call(
    { route: 'unsealStatus', read: (body) => readDocument(unsealStatusResponse, body) },
    deadline,
  );
  const { tlsThumbprint } = reply.connection;
  const enc = await integrityOf('boot key', () => importSealingKey(reply.value.benc));
  if (bootFingerprint(tlsThumbprint, enc.thumbprint) !== reply.value.boot) throw bootMismatch();
  return { status: reply.value, instanceKey, tlsThumbprint, trustDomain, isVouched: reply.server !== undefined };
}

/** `typ`, instance and generation are compared by openShare before the key is used. */
function openOwnShare(
  session: Session,
  status: UnsealStatusResponse,
  expected: { readonly inst: string; readonly gen: number },
): Promise<Share> {
  return integrityOf('share', () => openShare(status.share, session.requireIdentity().openingKeys[0], expected));
}

async function confirmBoot(expected: GiveShareOptions['boot'], shown: Boot): Promise<void> {
  const isRight = typeof expected === 'string' ? expected === shown.boot : await expected(shown);
  if (isRight) return;
  throw new TrustError('boot_mismatch', 'Cannot give the share: the server is not the attested process', {
    expected: typeof expected === 'string' ? expected : undefined,
    actual: shown.boot,
  });
}

async function checkTranscript(
  jws: string,
  key: VerifyingKey,
  expected: { readonly boot: string; readonly gen: number },
): Promise<TranscriptClaims> {
  const claims = await integrityOf('transcript', () =>
    openJws(jws, { typ: typ.transcript, key, claims: transcriptClaims }),
  );
  if (claims.boot === expected.boot && claims.gen === expected.gen) return claims;
  throw new IntegrityError('transcript_boot', 'Cannot accept the transcript: it is of another boot or generation');
}

function requireKey(key: VerifyingKey | undefined): VerifyingKey {
  if (key !== undefined) return key;
  throw noInstanceKey();
}

function bootMismatch(): TrustError {
  return new TrustError('boot_mismatch', 'Cannot trust the server: its boot fingerprint is not of this connection');
}
