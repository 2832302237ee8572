/**
 * Whether what a watch of the API server has told is recent enough to deliver by (protocol.md §8.4).
 * It must never start out fresh: before the first list nothing is known.
 * @module
 */
import type { Clock } from '../store/clock.ts';

/** A watch that was silent for longer may have missed a deletion. */
const silentSeconds = 300;

export class WatchFreshness {
  readonly #clock: Pick<Clock, 'monotonicSeconds'>;
  #lastSeconds: number | undefined;

  constructor(clock: Pick<Clock, 'monotonicSeconds'>) {
    this.#clock = clock;
  }

  /** At each event, bookmark and complete list. */
  seen(): void {
    this.#lastSeconds = this.#clock.monotonicSeconds();
  }

  isCurrent(): boolean {
    return this.#lastSeconds !== undefined && this.#clock.monotonicSeconds() - this.#lastSeconds <= silentSeconds;
  }
}
