/**
 * How long to wait before the next attempt: doubling with a limit, and a share by chance so that pods do not come at once.
 * It must never wait past an abort.
 * @module
 */
import { randomInt } from 'node:crypto';

export class Backoff {
  readonly #first: number;
  readonly #most: number;
  #failures = 0;

  constructor(o: { readonly firstMilliseconds: number; readonly mostMilliseconds: number }) {
    this.#first = o.firstMilliseconds;
    this.#most = o.mostMilliseconds;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Counts a failure. @returns milliseconds: half fixed, half by chance */
  failed(): number {
    const whole = Math.min(this.#most, this.#first * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.ceil(whole / 2) + randomInt(Math.floor(whole / 2) + 1);
  }
}

/** Resolves after the time or at the abort, whichever comes first. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}
