/**
 * Shares that are waiting for the others: one of each admin, each for a quarter of an hour, in memory of this process only.
 * It must never hold a share whose commitment was not checked, nor let one go without filling it with zeros.
 * @module
 */
import type { SecretBytes } from '@letterlock/crypto';
import { lifetimes } from '@letterlock/protocol';
import type { AuditFacts } from '../audit/record.ts';

export interface CollectedShare {
  readonly adminId: string;
  readonly share: SecretBytes;
  /** For the audit record, which is written when there is a barrier. */
  readonly facts: AuditFacts;
}

interface Waiting extends CollectedShare {
  /** On the monotonic clock, seconds. */
  readonly until: number;
}

/** Owns the shares that it keeps. */
export class CollectedShares implements Disposable {
  #waiting: readonly Waiting[] = [];

  /** In the order in which they came. */
  get all(): readonly CollectedShare[] {
    return this.#waiting;
  }

  get givers(): readonly string[] {
    return this.#waiting.map(({ adminId }) => adminId);
  }

  /** The admin must not have one here. */
  keep(share: CollectedShare, monotonicSeconds: number): void {
    this.#waiting = [...this.#waiting, { ...share, until: monotonicSeconds + lifetimes.collectedShares }];
  }

  /** Forgets those that waited too long. @returns them, without their bytes. @source protocol.md §10.4 */
  forgetExpired(monotonicSeconds: number): readonly CollectedShare[] {
    const expired = this.#waiting.filter(({ until }) => monotonicSeconds >= until);
    if (expired.length > 0) this.#waiting = this.#waiting.filter((each) => !expired.includes(each));
    zero(expired);
    return expired;
  }

  /** Forgets all; more may come afterwards. */
  [Symbol.dispose](): void {
    zero(this.#waiting);
    this.#waiting = [];
  }
}

function zero(shares: readonly CollectedShare[]): void {
  for (const { share } of shares) share[Symbol.dispose]();
}
