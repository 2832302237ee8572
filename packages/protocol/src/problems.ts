/**
 * The problem table: every code that may go on the wire, with its status and title (RFC 9457).
 * It must never carry a value that came from the caller; `reason` is for the log only.
 * @module
 */

/** Codes, HTTP status, constant title, and the process exit status of the CLI. */
export const problems = {
  bad_request: { status: 400, title: 'The request is not well formed', exit: 2 },
  bad_encoding: { status: 400, title: 'A document is not in its canonical form', exit: 2 },
  bad_key: { status: 400, title: 'A public key is not acceptable', exit: 2 },
  bad_envelope: { status: 400, title: 'The envelope is not acceptable', exit: 8 },
  unknown_recipient: { status: 400, title: 'A recipient is unknown or its key is not current', exit: 2 },
  bad_nonce: { status: 401, title: 'The nonce cannot be used', exit: 3 },
  bad_proof: { status: 401, title: 'The request proof is not valid', exit: 3 },
  channel_required: { status: 401, title: 'The proof is not bound to this connection', exit: 3 },
  denied: { status: 403, title: 'The caller may not do this', exit: 4 },
  image_not_listed: { status: 403, title: 'The admins have not listed the image of this replica', exit: 4 },
  not_found: { status: 404, title: 'Nothing is here for this caller', exit: 4 },
  method_not_allowed: { status: 405, title: 'The method is not allowed here', exit: 2 },
  already_claimed: { status: 409, title: 'Another claim holds this wrap', exit: 5 },
  conflict: { status: 409, title: 'The request contradicts the stored state', exit: 2 },
  rollback_quarantine: { status: 409, title: 'The store went backwards and is in quarantine', exit: 7 },
  gone: { status: 410, title: 'The wrap can no longer be opened', exit: 5 },
  too_large: { status: 413, title: 'The request is too large', exit: 2 },
  unsupported_media: { status: 415, title: 'The content type or encoding is not supported', exit: 2 },
  rate: { status: 429, title: 'Too many requests', exit: 7 },
  headers_too_large: { status: 431, title: 'The request headers are too large', exit: 2 },
  internal: { status: 500, title: 'The service failed', exit: 7 },
  sealed: { status: 503, title: 'The service is sealed', exit: 6 },
  uninitialised: { status: 503, title: 'The service is not initialised', exit: 6 },
  unavailable: { status: 503, title: 'The service cannot reach what it needs', exit: 7 },
} as const satisfies Record<string, { readonly status: number; readonly title: string; readonly exit: number }>;

export type ProblemCode = keyof typeof problems;

/** Members that a problem document may carry beside those of RFC 9457. */
export interface ProblemMembers {
  /** State of the wrap: `already_claimed`, `gone`. */
  readonly st?: string;
  /** Time of its last transition, seconds: `already_claimed`, `gone`. */
  readonly at?: number;
  /** Receipt (compact JWS) that proves `st`: `already_claimed`, `gone`. */
  readonly rcpt?: string;
  /** Identity that opened it: `gone`, to writer and recipient. */
  readonly kid?: string;
  /** The reader's own signed open request, or `mtls`: `gone`, to writer and recipient. */
  readonly proof?: string;
  /** Current version: `conflict` of a secret. */
  readonly ver?: number;
}

/** A problem document as it goes on the wire. */
export interface ProblemDocument extends ProblemMembers {
  readonly type: string;
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
  readonly instance?: string;
}

export interface ProblemOptions {
  /** What is wrong with the form of the request, where, and which limit; never a value. */
  readonly detail?: string;
  /** Finer name for the log, lower snake case; never on the wire. */
  readonly reason?: string;
  readonly members?: ProblemMembers;
  /** Seconds for a Retry-After header. */
  readonly retryAfterSeconds?: number;
  /** Methods for an Allow header. */
  readonly allow?: readonly string[];
  /** For the log, never for the wire. */
  readonly cause?: unknown;
}

/** An error that a client may see. Shape: code of the table, safe detail, members; `cause` and `reason` stay in the log. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly reason: string | undefined;
  readonly members: ProblemMembers;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.detail ?? problems[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = problems[code].status;
    this.detail = options.detail;
    this.reason = options.reason;
    this.members = options.members ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.allow = options.allow;
  }
}

/** Whether a thrown value is a ProblemError, also across module realms. */
export function isProblemError(error: unknown): error is ProblemError {
  return (
    typeof error === 'object' &&
    error !== null &&
    (error as { name?: unknown }).name === 'ProblemError' &&
    'code' in error
  );
}

/** The one place where anything thrown becomes a problem document; the unknown becomes `internal`. */
export function toProblemDocument(error: unknown, instance?: string): ProblemDocument {
  const problem = isProblemError(error) ? error : new ProblemError('internal');
  return {
    type: `urn:letterlock:error:${problem.code}`,
    code: problem.code,
    status: problem.status,
    title: problems[problem.code].title,
    ...(problem.detail === undefined ? {} : { detail: problem.detail }),
    ...(instance === undefined ? {} : { instance }),
    ...problem.members,
  };
}
