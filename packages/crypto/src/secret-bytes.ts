/**
 * Bytes that must not be seen: prints as "[redacted]", compares in constant time, is filled with zeros when disposed.
 * It must never hand its content to a string, a log or JSON.
 * @module
 */
import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const redacted = '[redacted]';

/** Secret bytes with a lifetime; `using key = SecretBytes.random(32)` zeroes them at the end of the block. */
export class SecretBytes implements Disposable {
  #bytes: Uint8Array | undefined;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Fresh random bytes in memory of their own, outside Node's shared pool. */
  static random(lengthBytes: number): SecretBytes {
    return new SecretBytes(randomFillSync(new Uint8Array(lengthBytes)));
  }

  /** Takes ownership without a copy: the caller must not use the array afterwards. */
  static take(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(bytes);
  }

  /** Copies; the original stays the caller's to erase. */
  static copy(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(new Uint8Array(bytes));
  }

  get lengthBytes(): number {
    return this.expose().length;
  }

  /** The live bytes, not a copy. @throws TypeError after disposal. */
  expose(): Uint8Array {
    if (this.#bytes === undefined) throw new TypeError('Cannot use secret bytes: they were disposed of');
    return this.#bytes;
  }

  /** Compares content in constant time; the length is not a secret. */
  equals(other: SecretBytes): boolean {
    const mine = this.expose();
    const theirs = other.expose();
    return mine.length === theirs.length && timingSafeEqual(mine, theirs);
  }

  toJSON(): string {
    return redacted;
  }

  toString(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }

  [Symbol.dispose](): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }
}
