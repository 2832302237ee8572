/**
 * The hash over a run of one replica's audit records (protocol.md §9): SHA-256 of the SHA-256s of the records in the order of
 * their numbers, without the numbers that are void. It must never be given a record out of order.
 * @module
 */
import { createHash, type Hash } from 'node:crypto';
import { sha256 } from './bytes.ts';

/** SHA-256 of one record as it is stored and written to a sink. */
export function auditRecordDigest(record: Uint8Array | string): Buffer {
  return sha256(record);
}

/** Grows by one digest at a time and can be asked in between. */
export class AuditRun {
  readonly #hash: Hash = createHash('sha256');
  #records = 0;

  /** Records in the run. */
  get records(): number {
    return this.#records;
  }

  add(digest: Uint8Array): void {
    this.#records += 1;
    this.#hash.update(digest);
  }

  /** 43 characters. */
  value(): string {
    return this.#hash.copy().digest('base64url');
  }
}
