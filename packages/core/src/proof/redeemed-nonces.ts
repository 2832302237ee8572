/**
 * Remembers which nonces were redeemed, in two generations, so that the memory ends by itself.
 * It must never forget a nonce that could still be valid: a generation lasts at least as long as a nonce.
 * @module
 */
import { lifetimes } from '@letterlock/protocol';

/** An entry is remembered for one to two generations, so one generation must last the whole life of a nonce. */
const generationSeconds = lifetimes.nonce;

/** The redeemed nonces of one process. Time is passed in, on a clock that cannot step back. */
export class RedeemedNonces {
  #current: Set<string> = new Set();
  #older: Set<string> = new Set();
  #sinceSeconds = 0;

  /** The younger generation, then the older. */
  get generations(): readonly [ReadonlySet<string>, ReadonlySet<string>] {
    return [this.#current, this.#older];
  }

  /** When the younger generation began. */
  get sinceSeconds(): number {
    return this.#sinceSeconds;
  }

  /** Adds a nonce; false if it was there. One synchronous step: nothing can come between the test and the addition. */
  add(nonce: string, nowSeconds: number): boolean {
    this.#rotate(nowSeconds);
    if (this.#current.has(nonce) || this.#older.has(nonce)) return false;
    this.#current.add(nonce);
    return true;
  }

  #rotate(nowSeconds: number): void {
    const age = nowSeconds - this.#sinceSeconds;
    if (age < generationSeconds) return;
    // After two generations of silence the younger one is as old as the older may get.
    this.#older = age < 2 * generationSeconds ? this.#current : new Set();
    this.#current = new Set();
    this.#sinceSeconds = nowSeconds;
  }
}
