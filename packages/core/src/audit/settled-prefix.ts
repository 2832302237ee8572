/**
 * The records of one replica whose place is certain: numbers 1 to n, each stored or listed as void by a stored record.
 * It must never pass a number of which it is not certain: what it has passed is written to sinks and signed.
 * @module
 */
import { auditRecordDigest, AuditRun } from '@letterlock/crypto';

/** One stored record: its number and its bytes as they were sealed. */
export interface SettledRecord {
  readonly seq: number;
  readonly bytes: Uint8Array;
}
export type SettledListener = (record: SettledRecord) => void;

/** What a checkpoint says of one replica. */
export interface CoveredRun {
  readonly seq: number;
  /** 43 characters. */
  readonly hash: string;
}

export class SettledPrefix {
  readonly #listeners: SettledListener[] = [];
  /** Numbers after the prefix that are certain, and those whose record must be read first. */
  readonly #waiting = new Map<number, Uint8Array | 'void' | 'unread'>();
  #through = 0;
  /** All since the last signed run. */
  #run = new AuditRun();
  /** Where the last signed run ends. */
  #signedThrough = 0;
  /** Digests since the run is being made again. */
  #since: { readonly seq: number; readonly digest: Uint8Array }[] | undefined;
  /** All since a run that is being signed. */
  #next: { readonly seq: number; readonly run: AuditRun } | undefined;

  /** Last number of the prefix. */
  get through(): number {
    return this.#through;
  }

  /** Last number that a checkpoint covers. */
  get signedThrough(): number {
    return this.#signedThrough;
  }

  /** Called for every record in the order of numbers; it must not throw nor wait. */
  onRecord(listener: SettledListener): void {
    this.#listeners.push(listener);
  }

  /** @param voids - numbers that the record declares void; its own may be among them */
  stored(seq: number, bytes: Uint8Array, voids: readonly number[]): void {
    for (const number of voids) if (number > this.#through && number !== seq) this.#waiting.set(number, 'void');
    if (seq === this.#through + 1) this.#pass(seq, bytes);
    else this.#waiting.set(seq, bytes);
    this.#advance();
  }

  /** The number is stored, but it is not certain by which of two records. */
  unread(seq: number): void {
    this.#waiting.set(seq, 'unread');
  }

  /** Numbers whose records must be read, lowest first. */
  unreadNumbers(limit: number): readonly number[] {
    return [...this.#waiting]
      .filter(([, what]) => what === 'unread')
      .map(([seq]) => seq)
      .toSorted((a, b) => a - b)
      .slice(0, limit);
  }

  /** The run since the last signed one; undefined if nothing is new. One at a time: `signed` or `notSigned` follows. */
  beginSigning(): CoveredRun | undefined {
    if (this.#next !== undefined) throw new TypeError('Cannot sign two runs at once');
    if (this.#run.records === 0) return undefined;
    this.#next = { seq: this.#through, run: new AuditRun() };
    return { seq: this.#through, hash: this.#run.value() };
  }

  /** The checkpoint is stored. */
  signed(): void {
    if (this.#next === undefined) throw new TypeError('Cannot end a run: none was begun');
    this.#signedThrough = this.#next.seq;
    this.#run = this.#next.run;
    this.#next = undefined;
  }

  /** The checkpoint is not stored and never will be. */
  notSigned(): void {
    this.#next = undefined;
  }

  /** Another process has signed for this one: the run is to be made again, over what follows. `remade` or `notRemade` follows. */
  beginRemaking(): { readonly through: number } {
    if (this.#since !== undefined || this.#next !== undefined) throw new TypeError('Cannot make two runs at once');
    this.#since = [];
    return { through: this.#through };
  }

  /** @param digests - of the records after `signedThrough` that were passed when the remaking began */
  remade(signedThrough: number, digests: readonly Uint8Array[]): void {
    const run = new AuditRun();
    for (const digest of digests) run.add(digest);
    for (const { seq, digest } of this.#since ?? []) if (seq > signedThrough) run.add(digest);
    this.#run = run;
    this.#signedThrough = signedThrough;
    this.#since = undefined;
  }

  notRemade(): void {
    this.#since = undefined;
  }

  #advance(): void {
    for (;;) {
      const seq = this.#through + 1;
      const what = this.#waiting.get(seq);
      if (what === undefined || what === 'unread') return;
      this.#waiting.delete(seq);
      if (what === 'void') this.#through = seq;
      else this.#pass(seq, what);
    }
  }

  #pass(seq: number, bytes: Uint8Array): void {
    this.#through = seq;
    const digest = auditRecordDigest(bytes);
    // What another process has signed in advance is in its run.
    if (seq > this.#signedThrough) {
      this.#run.add(digest);
      this.#next?.run.add(digest);
      this.#since?.push({ seq, digest });
    }
    for (const listener of this.#listeners) listener({ seq, bytes });
  }
}
