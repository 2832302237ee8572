/**
 * What ends the program: exit statuses, the error type of the command line, and the one line on stderr.
 * It must never print a stack, a secret or a value that a server chose without escaping it.
 * @module
 */
import { isProblemError, problems, type ProblemCode, type ProblemError } from '@letterlock/protocol';
import { escapeForTerminal } from './escape-for-terminal.ts';

/** Exit statuses. @source bad-input table of docs/reference/errors.md */
export const exitStatus = {
  ok: 0,
  internal: 1,
  usage: 2,
  authentication: 3,
  denied: 4,
  gone: 5,
  sealed: 6,
  unavailable: 7,
  integrity: 8,
  interrupted: 130,
} as const;
export type ExitName = keyof typeof exitStatus;

/** An error with its exit status and what to do next; both sentences are ours and hold no secret. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exit: ExitName;
  readonly next: string | undefined;

  constructor(exit: ExitName, message: string, next?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exit = exit;
    this.next = next;
  }
}

/** A mistake in how the program was called. */
export function usage(message: string, next?: string): CommandError {
  return new CommandError('usage', message, next);
}

/** What to do next for each problem that the service answers with. */
const nextByCode: Partial<Record<ProblemCode, string>> = {
  bad_nonce: 'try again',
  bad_proof: 'check with "letterlock identity show" that this key is registered here',
  channel_required: 'connect to the service itself, without a proxy that terminates TLS',
  denied: 'ask an admin for a grant, or for the reason with "letterlock explain"',
  not_found: 'check the id, and that this key is its writer or its recipient',
  unknown_recipient: 'fetch the recipient again with "letterlock identity show"',
  rollback_quarantine: 'ask the admins, who decide about the rollback',
  sealed: 'ask an admin to run "letterlock unseal"',
  uninitialised: 'ask an admin to run "letterlock init"',
  unavailable: 'try again later',
  rate: 'wait and try again',
  internal: 'give the request id to who runs the service',
};

/** Names of the SDK's own errors: the end of the program, and what to do next. */
const byErrorName: Readonly<Record<string, { readonly exit: ExitName; readonly next: string }>> = {
  ConnectionError: {
    exit: 'unavailable',
    next: 'check the address and that the service runs; "letterlock doctor" helps',
  },
  TrustError: {
    exit: 'integrity',
    next: 'a restarted transient service is a new instance: compare the fingerprint with who runs it, then: letterlock trust add --replace',
  },
  IntegrityError: { exit: 'integrity', next: 'keep the claim and tell who runs the service' },
};

export interface Ending {
  readonly status: number;
  readonly line: string;
}

interface ErrorFacts {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  /** What TrustError compares. */
  readonly expected?: string;
  readonly actual?: string;
}

/** The exit status and the one line for anything thrown. */
export function endingOf(error: unknown): Ending {
  if (error instanceof CommandError) return ending(exitStatus[error.exit], error.message, error.next);
  if (isProblemError(error)) {
    return ending(problems[error.code].exit, problemMessage(error), nextByCode[error.code]);
  }
  const { name = '', message = '', code = '', expected, actual } = (error ?? {}) as ErrorFacts;
  if (Object.hasOwn(byErrorName, name)) {
    const { exit, next } = byErrorName[name]!;
    const facts = [expected && `expected was ${expected}`, actual && `shown was ${actual}`].filter(Boolean).join(', ');
    return ending(exitStatus[exit], facts === '' ? message : `${message} (${facts})`, next);
  }
  // A number or a length out of range is what the SDK was asked for.
  if (name === 'RangeError') return ending(exitStatus.usage, message, 'see --help');
  if (name === 'AbortError') return ending(exitStatus.interrupted, 'Interrupted');
  if (/^E[A-Z]+$/.test(code)) return ending(exitStatus.usage, `Cannot use a file: ${message}`);
  return ending(exitStatus.internal, `Unexpected failure: ${message}`, 'please report it');
}

function problemMessage(problem: ProblemError): string {
  const { title } = problems[problem.code];
  return problem.detail === undefined ? title : `${title}: ${problem.detail}`;
}

function ending(status: number, message: string, next?: string): Ending {
  const text = escapeForTerminal(message).replaceAll(/\s+/g, ' ').trim();
  return { status, line: `letterlock: ${text}${next === undefined ? '' : `; ${next}`}` };
}
