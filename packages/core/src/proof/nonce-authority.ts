/**
 * Issues and redeems the nonces of one process (protocol.md §4.2): each is good for one proof, at this process, for two minutes.
 * It must never store or export its key, nor await between testing a nonce and adding it.
 * @module
 */
import {
  equalConstantTime,
  fillPublicRandom,
  hmacSha256,
  importMacKey,
  SecretBytes,
  type MacKey,
} from '@letterlock/crypto';
import { decodeBase64url, domains, encodeBase64url, encodeUtf8, isBase64url, lifetimes } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import { RedeemedNonces } from './redeemed-nonces.ts';

/** Layout, bytes: replica id ‖ random ‖ expiry ‖ MAC. */
const replicaIdBytes = 8;
const randomBytes = 12;
const expiryBytes = 4;
const macBytes = 16;
const expiryOffset = replicaIdBytes + randomBytes;
const macOffset = expiryOffset + expiryBytes;
const nonceBytes = macOffset + macBytes;
/** Length of a nonce, characters. */
export const nonceCharacters = Math.ceil((nonceBytes * 4) / 3);

const keyBytes = 32;
const domain = encodeUtf8(domains.nonce);

/** What a look at a nonce tells, before it is redeemed. `foreign`: of another process or another start of this one. */
export type NonceVerdict = 'valid' | 'malformed' | 'foreign' | 'forged' | 'expired';

export interface NonceAuthorityOptions {
  /** First 8 bytes of the boot TLS key's thumbprint: new at every start. */
  readonly replicaId: Uint8Array;
  readonly clock: Clock;
  /** Default random, which is the only safe choice outside tests: a key that outlives the process or is shared breaks single use. */
  readonly key?: SecretBytes;
  readonly redeemed?: RedeemedNonces;
}

/** The nonces of one process start. Single use holds because the key, the memory and the clock all live and die with it. */
export class NonceAuthority {
  readonly #replicaId: Uint8Array;
  readonly #key: MacKey;
  readonly #clock: Clock;
  readonly #startSeconds: number;
  readonly #redeemed: RedeemedNonces;
  /** The last nonce whose MAC was found good: a proof's nonce is looked at twice, and its MAC cannot change in between. */
  #authentic: string | undefined;

  constructor(options: NonceAuthorityOptions) {
    if (options.replicaId.length !== replicaIdBytes) throw new RangeError(`A replica id has ${replicaIdBytes} bytes`);
    this.#replicaId = options.replicaId.slice();
    this.#key = importMacKey(options.key ?? SecretBytes.random(keyBytes));
    this.#clock = options.clock;
    this.#startSeconds = options.clock.monotonicSeconds();
    this.#redeemed = options.redeemed ?? new RedeemedNonces();
  }

  /** A fresh nonce, 54 characters. */
  issue(): string {
    const nonce = new Uint8Array(nonceBytes);
    nonce.set(this.#replicaId);
    fillPublicRandom(nonce, replicaIdBytes, randomBytes);
    new DataView(nonce.buffer).setUint32(expiryOffset, this.#elapsedSeconds() + lifetimes.nonce);
    nonce.set(this.#mac(nonce), macOffset);
    return encodeBase64url(nonce);
  }

  /** Whether a nonce is ours and in time; says nothing about an earlier use. */
  check(nonce: string): NonceVerdict {
    if (nonce.length !== nonceCharacters || !isBase64url(nonce)) return 'malformed';
    const bytes = decodeBase64url(nonce);
    if (!equalConstantTime(bytes.subarray(0, replicaIdBytes), this.#replicaId)) return 'foreign';
    if (nonce !== this.#authentic) {
      if (!equalConstantTime(bytes.subarray(macOffset), this.#mac(bytes))) return 'forged';
      this.#authentic = nonce;
    }
    const expirySeconds = new DataView(bytes.buffer, bytes.byteOffset).getUint32(expiryOffset);
    return this.#elapsedSeconds() < expirySeconds ? 'valid' : 'expired';
  }

  /** Uses a nonce up: true exactly once for each nonce of this process. Synchronous from beginning to end. */
  redeem(nonce: string): boolean {
    return this.check(nonce) === 'valid' && this.#redeemed.add(nonce, this.#elapsedSeconds());
  }

  #mac(nonce: Uint8Array): Uint8Array {
    const input = new Uint8Array(domain.length + macOffset);
    input.set(domain);
    input.set(nonce.subarray(0, macOffset), domain.length);
    return hmacSha256(this.#key, input).subarray(0, macBytes);
  }

  #elapsedSeconds(): number {
    return this.#clock.monotonicSeconds() - this.#startSeconds;
  }
}
