/**
 * The server's time as its answers tell it, so that a wrong clock of our own does not spoil what we sign.
 * It must never be used to judge a key or a statement: the server could lie about it.
 * @module
 */

/** Takes the `Date` of each answer and goes on from there by the monotonic clock. */
export class ServerClock {
  readonly #monotonic: () => number;
  #observed: { readonly seconds: number; readonly atMilliseconds: number } | undefined;

  /** @param monotonic - milliseconds from any origin. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Notes the `Date` header of an answer; anything unreadable is left alone. */
  observe(date: string | undefined): void {
    const milliseconds = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isNaN(milliseconds) || milliseconds < 0) return;
    this.#observed = { seconds: Math.floor(milliseconds / 1000), atMilliseconds: this.#monotonic() };
  }

  /** Seconds since 1970, or undefined before the first answer. */
  get seconds(): number | undefined {
    if (this.#observed === undefined) return undefined;
    const { seconds, atMilliseconds } = this.#observed;
    return seconds + Math.floor((this.#monotonic() - atMilliseconds) / 1000);
  }
}
