/**
 * Stands between the trail and one writer: a bounded queue, a deadline, a breaker, and a memory of what did not fit.
 * It must never make a request wait, nor lose its place: lines that do not fit are read again from the store.
 * @module
 */
import type { AuditLine, AuditPlace, AuditSink } from '@letterlock/core';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LineWriter } from './line-writer.ts';

export interface SinkQueueOptions {
  readonly writer: LineWriter;
  /** A line as it is in the store; undefined for a number without a record. Throws while it cannot be read. */
  readonly reread: (place: AuditPlace) => Promise<string | undefined>;
  readonly onError: (error: unknown) => void;
  readonly limits?: Partial<SinkLimits>;
}

export interface SinkLimits {
  /** Lines kept in memory: some 6 MB. */
  readonly lines: number;
  readonly linesPerBatch: number;
  readonly deadlineMilliseconds: number;
  /** Failures in a row after which the breaker is open and the sink counts as failing. */
  readonly failuresToOpen: number;
  readonly firstPauseMilliseconds: number;
  readonly longestPauseMilliseconds: number;
}

export const defaultSinkLimits: SinkLimits = {
  lines: 10_000,
  linesPerBatch: 500,
  deadlineMilliseconds: 5000,
  failuresToOpen: 3,
  firstPauseMilliseconds: 200,
  longestPauseMilliseconds: 15_000,
};

/** Records of consecutive numbers, or one checkpoint. */
type Missed =
  | { readonly from: number; through: number }
  | { readonly of: string; readonly seq: number }
  | { readonly checkpoint: number };

export interface SinkFacts {
  readonly kind: LineWriter['kind'];
  /** Lines since the start. */
  readonly written: number;
  /** Batches that failed, since the start. */
  readonly failures: number;
  /** Lines that have not been written yet, those to be read again included. */
  readonly waiting: number;
  readonly isFailing: boolean;
}

export class SinkQueue implements AuditSink {
  readonly #o: SinkQueueOptions;
  readonly #limits: SinkLimits;
  readonly #stop = new AbortController();
  readonly #lines: string[] = [];
  /** The first of them, while they are being written. */
  #batch: readonly string[] | undefined;
  readonly #missed: Missed[] = [];
  #written = 0;
  #failures = 0;
  #failuresInARow = 0;
  #pumping: Promise<void> | undefined;
  /** On the clock of the process, milliseconds; undefined while nothing is being written. */
  #writingSince: number | undefined;

  constructor(options: SinkQueueOptions) {
    this.#o = options;
    this.#limits = { ...defaultSinkLimits, ...options.limits };
  }

  get facts(): SinkFacts {
    const missed = this.#missed.reduce((sum, each) => sum + ('from' in each ? each.through - each.from + 1 : 1), 0);
    const since = this.#writingSince;
    const isStuck = since !== undefined && performance.now() - since > this.#limits.deadlineMilliseconds;
    return {
      kind: this.#o.writer.kind,
      written: this.#written,
      failures: this.#failures,
      waiting: this.#lines.length + missed,
      isFailing: isStuck || this.#failuresInARow >= this.#limits.failuresToOpen,
    };
  }

  take({ place, text }: AuditLine): void {
    if (this.#missed.length === 0 && this.#lines.length < this.#limits.lines) this.#lines.push(text);
    else this.#miss(place);
    this.#pumping ??= this.#pump().finally(() => (this.#pumping = undefined));
  }

  /** Waits until everything so far is written, but no longer than this. @returns whether it is */
  async flush(milliseconds: number): Promise<boolean> {
    const timeout = new AbortController();
    const late = sleep(milliseconds, undefined, { ref: false, signal: timeout.signal }).catch(() => undefined);
    await Promise.race([this.#pumping ?? Promise.resolve(), late]);
    timeout.abort();
    return this.#lines.length === 0 && this.#missed.length === 0;
  }

  /** @returns lines that this process leaves unwritten; the store has them */
  async close(milliseconds: number): Promise<number> {
    await this.flush(milliseconds);
    this.#stop.abort();
    await this.#pumping;
    await this.#o.writer.close();
    return this.facts.waiting;
  }

  #miss(place: AuditPlace): void {
    const last = this.#missed.at(-1);
    if ('checkpoint' in place || 'of' in place) this.#missed.push(place);
    // A number in between is void, and is found to have no record.
    else if (last !== undefined && 'from' in last) last.through = place.seq;
    else this.#missed.push({ from: place.seq, through: place.seq });
  }

  async #pump(): Promise<void> {
    // The request that brought the line goes first.
    await Promise.resolve();
    while (!this.#stop.signal.aborted && (this.#lines.length > 0 || this.#missed.length > 0)) {
      try {
        if (this.#lines.length === 0) await this.#refill();
        else await this.#writeBatch();
      } catch (error) {
        this.#o.onError(error);
        await this.#pause();
      }
    }
  }

  async #writeBatch(): Promise<void> {
    const { writer } = this.#o;
    const { linesPerBatch, deadlineMilliseconds } = this.#limits;
    // After a failure the very same one comes again, whatever has been added since.
    this.#batch ??= this.#lines.slice(0, linesPerBatch);
    const batch = this.#batch;
    this.#writingSince = performance.now();
    try {
      await writer.write(batch, AbortSignal.any([this.#stop.signal, AbortSignal.timeout(deadlineMilliseconds)]));
    } catch (error) {
      this.#failures += 1;
      this.#failuresInARow += 1;
      throw error;
    } finally {
      this.#writingSince = undefined;
    }
    this.#lines.splice(0, batch.length);
    this.#batch = undefined;
    this.#written += batch.length;
    this.#failuresInARow = 0;
  }

  /** Reads again what did not fit, a batch at a time, in order. @throws while the store cannot be read */
  async #refill(): Promise<void> {
    const first = this.#missed[0];
    if (first === undefined) return;
    const through = 'from' in first ? Math.min(first.through, first.from + this.#limits.linesPerBatch - 1) : 0;
    const texts: (string | undefined)[] = [];
    if (!('from' in first)) texts.push(await this.#o.reread(first));
    else for (let seq = first.from; seq <= through; seq += 1) texts.push(await this.#o.reread({ seq }));
    // Only now, so that lines which came meanwhile stood behind these.
    if ('from' in first && through < first.through) this.#missed[0] = { from: through + 1, through: first.through };
    else this.#missed.shift();
    this.#lines.push(...texts.filter((text) => text !== undefined));
  }

  async #pause(): Promise<void> {
    const { firstPauseMilliseconds, longestPauseMilliseconds } = this.#limits;
    const doubled = firstPauseMilliseconds * 2 ** Math.min(this.#failuresInARow, 16);
    const milliseconds = Math.min(doubled, longestPauseMilliseconds);
    await sleep(milliseconds, undefined, { ref: false, signal: this.#stop.signal }).catch(() => undefined);
  }
}
