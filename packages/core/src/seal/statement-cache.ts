/**
 * State statements (protocol.md §4.7), signed at most once a minute for each TLS key.
 * It must never outlive the unseal that made it.
 * @module
 */
import { signState, type SigningKey } from '@letterlock/crypto';
import { lifetimes } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';

/** A statement is good for five minutes; a minute's age leaves the client four. */
const cachedSeconds = 60;

export class StatementCache {
  readonly #key: SigningKey;
  readonly #names: { readonly inst: string; readonly td: string };
  readonly #clock: Clock;
  #latest: { readonly tls: string; readonly madeAt: number; readonly jws: string } | undefined;

  constructor(o: {
    readonly key: SigningKey;
    readonly names: { readonly inst: string; readonly td: string };
    readonly clock: Clock;
  }) {
    this.#key = o.key;
    this.#names = o.names;
    this.#clock = o.clock;
  }

  /** @param tls - thumbprint of the key served on the connection. @returns a `letterlock-state+jws` */
  statementFor(tls: string): string {
    const now = this.#clock.monotonicSeconds();
    if (this.#latest?.tls === tls && now - this.#latest.madeAt < cachedSeconds) return this.#latest.jws;
    const iat = this.#clock.nowSeconds();
    const jws = signState(this.#key, { exp: iat + lifetimes.stateStatement, iat, ...this.#names, tls });
    this.#latest = { tls, madeAt: now, jws };
    return jws;
  }
}
