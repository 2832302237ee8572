/**
 * The problems of this folder that more than one file throws.
 * It must never tell a stranger whether a key is that of an admin.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';

/** What everything that needs the barrier answers while there is none. */
export function sealedProblem(): ProblemError {
  return new ProblemError('sealed', { reason: 'sealed' });
}

/** A request that contradicts the state, by a known admin. */
export function conflict(reason: string, detail: string): ProblemError {
  return new ProblemError('conflict', { reason, detail });
}

/** Tampering or damage of the store; `reason` becomes the alarm. */
export function alarm(reason: string, detail: string, cause?: unknown): ProblemError {
  return new ProblemError('internal', { reason, detail, ...(cause === undefined ? {} : { cause }) });
}

/** The signer is no admin of this installation; the same answer as for a bad signature. */
export function strangerProblem(): ProblemError {
  return new ProblemError('bad_proof', { reason: 'init_cert' });
}

export function notLoaded(): ProblemError {
  return new ProblemError('unavailable', { reason: 'store_not_read' });
}

export function alreadyInitialised(): ProblemError {
  return conflict('already_initialised', 'The service is initialised');
}

export function alreadyUnsealed(): ProblemError {
  return conflict('already_unsealed', 'The service was unsealed or sealed meanwhile');
}

export function configurationChanged(): ProblemError {
  return conflict('seal_configuration_changed', 'The seal configuration was replaced: ask for it again');
}
