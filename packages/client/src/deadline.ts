/**
 * The time that one call may take, from the caller's signal and a limit, shared by all requests of the call.
 * It must never let an await on the network go without a signal.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionError, type Outcome } from './errors.ts';

/** Last argument of every call. */
export interface CallOptions {
  /** Ends the call with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Limit of the whole call, milliseconds, retries included. Default 30 000: longer than a failing replica needs to be left. */
  readonly timeoutMilliseconds?: number | undefined;
}

export const defaultTimeoutMilliseconds = 30_000;

/** One call's deadline. */
export class Deadline {
  readonly #caller: AbortSignal | undefined;
  readonly #limit: AbortSignal;
  /** Aborts when the caller gives up or the time is over. */
  readonly signal: AbortSignal;

  constructor(options: CallOptions = {}) {
    const milliseconds = options.timeoutMilliseconds ?? defaultTimeoutMilliseconds;
    if (!Number.isFinite(milliseconds) || milliseconds <= 0) {
      throw new RangeError('Cannot use timeoutMilliseconds: expected a positive number');
    }
    this.#caller = options.signal;
    this.#limit = AbortSignal.timeout(milliseconds);
    this.signal = AbortSignal.any(this.#caller === undefined ? [this.#limit] : [this.#caller, this.#limit]);
  }

  /** A signal for one attempt, which may end before the whole call does. */
  attempt(milliseconds: number): AbortSignal {
    return AbortSignal.any([this.signal, AbortSignal.timeout(milliseconds)]);
  }

  /** Throws the caller's reason, or `timeout`, once the call is over. */
  throwIfOver(outcome: Outcome): void {
    this.#caller?.throwIfAborted();
    if (this.#limit.aborted) {
      throw new ConnectionError('timeout', 'Cannot finish the call: its time is over', outcome, this.#limit.reason);
    }
  }

  /** Waits before the next attempt. @param outcome - of the attempts so far */
  async pause(milliseconds: number, outcome: Outcome): Promise<void> {
    try {
      await delay(milliseconds, undefined, { signal: this.signal });
    } catch (error) {
      this.throwIfOver(outcome);
      throw error;
    }
  }
}
