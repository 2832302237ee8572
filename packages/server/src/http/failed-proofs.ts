/**
 * Counts failed proofs per source address, and refuses an address that has too many in a minute.
 * It must never grow with the number of addresses that attack, nor count by key: a key id is public.
 * @module
 */
import type { Clock } from '@letterlock/core';
import { failedProofsPerMinute, ProblemError } from '@letterlock/protocol';

const windowSeconds = 60;
const mostAddresses = 10_000;

interface Count {
  readonly since: number;
  failures: number;
}

export class FailedProofs {
  readonly #clock: Clock;
  /** In order of their first failure, so that the oldest is the first. */
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws 'rate' while the address is over its limit */
  check(address: string): void {
    if (this.#counts.size === 0) return;
    const source = sourceOf(address);
    const count = this.#counts.get(source);
    if (count === undefined) return;
    const remaining = count.since + windowSeconds - this.#clock.monotonicSeconds();
    if (remaining <= 0) this.#counts.delete(source);
    else if (count.failures >= failedProofsPerMinute) {
      throw new ProblemError('rate', {
        reason: 'failed_proofs',
        detail: `More than ${failedProofsPerMinute} failed proofs in a minute came from this address`,
        retryAfterSeconds: remaining,
      });
    }
  }

  /** Counts one failure. */
  add(address: string): void {
    const source = sourceOf(address);
    const now = this.#clock.monotonicSeconds();
    const count = this.#counts.get(source);
    if (count !== undefined && now < count.since + windowSeconds) {
      count.failures += 1;
      return;
    }
    this.#counts.delete(source);
    if (this.#counts.size >= mostAddresses) this.#forgetOldest(now);
    this.#counts.set(source, { since: now, failures: 1 });
  }

  /** Ended windows go first; if none has ended, the oldest goes. */
  #forgetOldest(now: number): void {
    for (const [source, { since }] of this.#counts) {
      if (now < since + windowSeconds && this.#counts.size < mostAddresses) return;
      this.#counts.delete(source);
    }
  }
}

/** An IPv6 address counts by its /64, which one host can have for itself. */
function sourceOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('%', 1)[0]!.split('::');
  const before = head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
