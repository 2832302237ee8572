/**
 * What may be sent again after a failure, to the same replica or another: always the same `id` or `cid`, under a new nonce,
 * a new proof and the binding of another connection. It must never repeat a request that could act twice.
 * @module
 */
import { randomInt } from 'node:crypto';
import type { RouteName } from '@letterlock/protocol';
import type { Deadline } from './deadline.ts';
import { ConnectionError, LetterlockError, type Outcome } from './errors.ts';
import type { Replica, Replicas } from './replicas.ts';

/** Routes that may be sent again after a lost connection: reading, or naming by an id or a nonce what must happen once. */
const repeatable: Readonly<Partial<Record<RouteName, true>>> = {
  state: true,
  nonce: true,
  identity: true,
  register: true,
  wrap: true,
  open: true,
  acknowledge: true,
  // The same key may enrol again, and gets a certificate again.
  enrol: true,
  bindingKey: true,
  revoke: true,
  status: true,
  writeSecret: true,
  readSecret: true,
  listSecrets: true,
  secretVersions: true,
  destroySecret: true,
  grants: true,
  explain: true,
  unsealStatus: true,
  operation: true,
};
const nonceRetries = 2;
/** Another replica may be able to do what the one that says this cannot. */
const elsewhere: ReadonlySet<string> = new Set(['sealed', 'uninitialised', 'unavailable']);
/** Where there is another replica, one that does not shake hands for so long is left; longer each time round. */
const dialMilliseconds = 2000;

/** A failure after which another replica may be asked. */
type Failure = ConnectionError | LetterlockError;

/** Carries out one request at one replica. */
export type Run<T> = (at: Attempting) => Promise<T>;
export interface Attempting {
  readonly replica: Replica;
  readonly signal: AbortSignal;
  readonly dialMilliseconds: number | undefined;
}

export interface RetryOptions {
  /** How often each replica is tried. */
  readonly attempts: number;
  readonly attemptTimeoutMilliseconds: number;
  readonly retryDelayMilliseconds: number;
}

/** The retries of one client's calls. */
export class Retries {
  readonly #replicas: Replicas;
  readonly #options: RetryOptions;

  constructor(replicas: Replicas, options: RetryOptions) {
    this.#replicas = replicas;
    this.#options = options;
  }

  /** Asks one replica after the other as long as that is allowed; after each time round it pauses. */
  async run<T>(route: RouteName, deadline: Deadline, run: Run<T>): Promise<T> {
    let refusedNonces = 0;
    let failures = 0;
    let rounds = 0;
    let refusal: LetterlockError | undefined;
    let outcome: Outcome = 'not_sent';
    for (;;) {
      const signal = deadline.attempt(this.#options.attemptTimeoutMilliseconds);
      let replica: Replica | undefined;
      try {
        replica = await this.#replica(signal);
        const isAlone = this.#replicas.count === 1;
        return await run({ replica, signal, dialMilliseconds: isAlone ? undefined : dialMilliseconds * 2 ** rounds });
      } catch (error) {
        if (isBadNonce(error) && refusedNonces < nonceRetries) {
          refusedNonces += 1;
          continue;
        }
        if (!isFailure(error)) throw error;
        if (error.outcome === 'unknown') outcome = 'unknown';
        deadline.throwIfOver(outcome);
        if (replica !== undefined) this.#leave(replica, error);
        const mayRepeat = error.outcome === 'not_sent' || isRepeatable(route);
        if (!mayRepeat || error.code === 'bad_answer') throw error;
        // What a replica says tells more than that another one was not there.
        refusal ??= isConnectionError(error) ? undefined : error;
        failures += 1;
        if (failures < this.#replicas.count) continue;
        failures = 0;
        rounds += 1;
        if (refusal !== undefined || rounds >= this.#options.attempts) throw withOutcome(refusal ?? error, outcome);
        await deadline.pause(backoffMilliseconds(this.#options.retryDelayMilliseconds, rounds), outcome);
      }
    }
  }

  async #replica(signal: AbortSignal): Promise<Replica> {
    try {
      return await this.#replicas.current(signal);
    } catch (error) {
      if (signal.aborted && !isConnectionError(error)) throw timeout('not_sent', error);
      throw error;
    }
  }

  #leave(replica: Replica, failure: Failure): void {
    if (failure.code === 'connect_failed') this.#replicas.notReached(replica);
    else this.#replicas.failed(replica);
  }
}

/** Whether a request of this route may be sent again after its outcome was lost. */
export function isRepeatable(route: RouteName): boolean {
  return repeatable[route] === true;
}

function isBadNonce(error: unknown): boolean {
  return error instanceof LetterlockError && error.code === 'bad_nonce';
}

export function isConnectionError(error: unknown): error is ConnectionError {
  return error instanceof ConnectionError;
}

function isFailure(error: unknown): error is Failure {
  return isConnectionError(error) || (error instanceof LetterlockError && elsewhere.has(error.code));
}

/** The last failure must not say that nothing was sent when an earlier attempt was. */
function withOutcome(error: Failure, outcome: Outcome): Failure {
  if (error.outcome === outcome) return error;
  return isConnectionError(error)
    ? new ConnectionError(error.code, error.message, outcome, error.cause)
    : new LetterlockError(error.code, { outcome });
}

/** A deadline that passed before there was a connection. */
export function timeout(outcome: Outcome, cause: unknown): ConnectionError {
  return new ConnectionError('timeout', 'Cannot get a connection in time', outcome, cause);
}

/** Doubles with each attempt, with up to as much again by chance, so that clients do not return together. */
function backoffMilliseconds(delayMilliseconds: number, attempt: number): number {
  const base = delayMilliseconds * 2 ** (attempt - 1);
  return base + (base > 0 ? randomInt(base + 1) : 0);
}
