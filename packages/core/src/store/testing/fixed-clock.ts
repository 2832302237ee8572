/**
 * A clock for tests, moved by hand. It must never move by itself.
 * @module
 */
import type { Clock } from '../clock.ts';

/** Starts at a fixed time; the wall clock may be stepped back, the monotonic clock only runs forward. */
export class FixedClock implements Clock {
  #now: number;
  #monotonic = 0;

  constructor(startSeconds = 1_790_000_000) {
    this.#now = startSeconds;
  }

  nowSeconds(): number {
    return this.#now;
  }

  monotonicSeconds(): number {
    return this.#monotonic;
  }

  /** Lets time pass on both clocks. */
  advance(seconds: number): void {
    if (seconds < 0) throw new RangeError('Cannot advance a clock backwards');
    this.#now += seconds;
    this.#monotonic += seconds;
  }

  /** Steps the wall clock alone, in either direction. */
  step(seconds: number): void {
    this.#now += seconds;
  }
}
