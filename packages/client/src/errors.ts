/**
 * What a call may throw, one class for each thing that a caller can do about it.
 * It must never carry a secret, nor text of the server that could steer a terminal.
 * @module
 */
import {
  isProblemError,
  ProblemError,
  type ProblemCode,
  type ProblemOptions,
  type ReceiptClaims,
} from '@letterlock/protocol';

/** The service refused: a problem document of its answer. Shape: ProblemError, and the verified receipt where it has one. */
export class LetterlockError extends ProblemError {
  /** The server's id of the request, for its log. */
  readonly requestId: string | undefined;
  /** Verified receipt that proves `members.st`; without it a refusal is only the server's word (protocol.md §5.6). */
  readonly receipt: ReceiptClaims | undefined;
  /** `not_sent`: the state of the server was reason enough not to send the request. */
  readonly outcome: Outcome;

  constructor(
    code: ProblemCode,
    options: ProblemOptions & {
      readonly requestId?: string | undefined;
      readonly receipt?: ReceiptClaims | undefined;
      /** Default `unknown`. */
      readonly outcome?: Outcome;
    },
  ) {
    super(code, options);
    this.requestId = options.requestId;
    this.receipt = options.receipt;
    this.outcome = options.outcome ?? 'unknown';
  }

  /** Whether the refusal is signed by the pinned instance key. */
  get isProven(): boolean {
    return this.receipt !== undefined;
  }
}

/** `connect_failed`: no connection; `connection_lost`: it ended; `timeout`: a deadline passed; `bad_answer`: not this protocol. */
export type ConnectionFailure = 'connect_failed' | 'connection_lost' | 'timeout' | 'bad_answer';
/** Whether the request can have had an effect: `not_sent` cannot. */
export type Outcome = 'not_sent' | 'unknown';

/** The network failed, or something else than the service answered. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ConnectionFailure;
  readonly outcome: Outcome;

  constructor(code: ConnectionFailure, message: string, outcome: Outcome, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.outcome = outcome;
  }
}

/**
 * `fingerprint_mismatch`: another instance key than the pinned one; `tls_key_mismatch`: the state is for another
 * connection; `state_invalid`: not a valid signed state; `not_accepted`: the first contact was declined;
 * `not_pinned`: the call needs a pinned instance key; `boot_mismatch`: another process than the attested one;
 * `attestation_invalid`: what should attest the process does not.
 */
export type TrustFailure =
  | 'fingerprint_mismatch'
  | 'tls_key_mismatch'
  | 'state_invalid'
  | 'not_accepted'
  | 'not_pinned'
  | 'boot_mismatch'
  | 'attestation_invalid';

/** The server is not the one that is trusted; no proof and no content was sent to it. */
export class TrustError extends Error {
  override readonly name = 'TrustError';
  readonly code: TrustFailure;
  /** What is pinned. */
  readonly expected: string | undefined;
  /** What the server showed. */
  readonly actual: string | undefined;

  constructor(
    code: TrustFailure,
    message: string,
    facts: {
      readonly expected?: string | undefined;
      readonly actual?: string | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.expected = facts.expected;
    this.actual = facts.actual;
  }
}

/** An object is not what its maker signed or what was asked for; nothing of it may be used. */
export class IntegrityError extends Error {
  override readonly name = 'IntegrityError';
  /** Finer name for a log, lower snake case. */
  readonly reason: string;

  constructor(reason: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** Runs a local check; whatever it refuses as a ProblemError becomes an IntegrityError, so that it cannot pass for a refusal of the service. */
export async function integrityOf<T>(what: string, check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (!isProblemError(error)) throw error;
    throw new IntegrityError(error.reason ?? error.code, `Cannot accept the ${what}: ${error.message}`, error);
  }
}
