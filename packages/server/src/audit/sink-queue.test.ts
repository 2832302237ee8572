import { describe, expect, test } from '@jest/globals';
import type { AuditPlace } from '@letterlock/core';
import type { LineWriter } from './line-writer.ts';
import { SinkQueue, type SinkLimits } from './sink-queue.ts';

/** A writer that works, fails or hangs as it is told. */
class FakeWriter implements LineWriter {
  readonly kind = 'http';
  readonly taken: string[] = [];
  readonly batches: number[] = [];
  fault: 'none' | 'fails' | 'hangs' = 'none';
  isClosed = false;
  readonly #release: (() => void)[] = [];

  async write(lines: readonly string[], signal: AbortSignal): Promise<void> {
    this.batches.push(lines.length);
    if (this.fault === 'fails') throw new Error('fails');
    if (this.fault === 'hangs') {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#release.push(resolve);
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      await promise;
    }
    this.taken.push(...lines);
  }

  release(): void {
    this.fault = 'none';
    for (const go of this.#release.splice(0)) go();
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

const quick: Partial<SinkLimits> = { firstPauseMilliseconds: 1, longestPauseMilliseconds: 2 };

function setUp(limits: Partial<SinkLimits> = {}, reread?: (place: AuditPlace) => Promise<string | undefined>) {
  const writer = new FakeWriter();
  const errors: unknown[] = [];
  const reads: AuditPlace[] = [];
  const queue = new SinkQueue({
    writer,
    reread: async (place) => {
      reads.push(place);
      return reread === undefined ? lineOf(place) : reread(place);
    },
    onError: (error) => errors.push(error),
    limits: { ...quick, ...limits },
  });
  return { writer, errors, reads, queue };
}

/** Waits for so many failures, and not for ever if they do not come. */
async function failures(queue: SinkQueue, errors: readonly unknown[], count: number): Promise<void> {
  for (let turn = 0; turn < 1000 && errors.length < count; turn += 1) await queue.flush(1);
}

function lineOf(place: AuditPlace): string {
  return 'seq' in place ? `record ${place.seq}` : `checkpoint ${place.checkpoint}`;
}
function takeRecords(queue: SinkQueue, from: number, through: number): void {
  for (let seq = from; seq <= through; seq += 1) queue.take({ place: { seq }, text: lineOf({ seq }) });
}
function records(from: number, through: number): readonly string[] {
  return Array.from({ length: through - from + 1 }, (_, index) => `record ${from + index}`);
}

describe('SinkQueue', () => {
  test('take() never writes by itself; lines that come together go in one batch', async () => {
    const { queue, writer } = setUp();
    takeRecords(queue, 1, 3);
    expect(writer.batches).toEqual([]);
    expect(await queue.flush(1000)).toBe(true);
    expect({ taken: writer.taken, batches: writer.batches }).toEqual({ taken: records(1, 3), batches: [3] });
    expect(queue.facts).toEqual({ kind: 'http', written: 3, failures: 0, waiting: 0, isFailing: false });
  });

  test('brings a failed batch again, the very same, and then the rest', async () => {
    const { queue, writer, errors } = setUp();
    writer.fault = 'hangs';
    takeRecords(queue, 1, 2);
    await Promise.resolve();
    await Promise.resolve();
    takeRecords(queue, 3, 4);
    writer.release();
    await queue.flush(1000);
    expect(writer.batches).toEqual([2, 2]);
    writer.fault = 'fails';
    takeRecords(queue, 5, 5);
    await failures(queue, errors, 2);
    takeRecords(queue, 6, 6);
    writer.release();
    await queue.flush(1000);
    expect(writer.taken).toEqual(records(1, 6));
    expect(writer.batches.at(-1)).toBe(1);
  });

  test('counts as failing after three failures in a row, until a batch is taken', async () => {
    const { queue, writer, errors } = setUp();
    writer.fault = 'fails';
    takeRecords(queue, 1, 1);
    await failures(queue, errors, 2);
    expect(queue.facts.isFailing).toBe(errors.length >= 3);
    await failures(queue, errors, 3);
    expect(queue.facts).toMatchObject({ isFailing: true, waiting: 1, written: 0 });
    writer.release();
    await queue.flush(1000);
    expect(queue.facts).toMatchObject({ isFailing: false, waiting: 0, written: 1 });
  });

  test('ends a batch at the deadline', async () => {
    const { queue, writer, errors } = setUp({ deadlineMilliseconds: 1 });
    writer.fault = 'hangs';
    takeRecords(queue, 1, 1);
    await failures(queue, errors, 1);
    writer.release();
    await queue.flush(1000);
    expect(writer.taken).toEqual(['record 1']);
  });

  test('keeps a bounded number of lines and reads the others again, in order', async () => {
    const { queue, writer, reads } = setUp({ lines: 2, linesPerBatch: 2 });
    writer.fault = 'hangs';
    takeRecords(queue, 1, 4);
    queue.take({ place: { checkpoint: 1 }, text: 'checkpoint 1' });
    takeRecords(queue, 5, 7);
    await Promise.resolve();
    expect(queue.facts.waiting).toBe(8);
    writer.release();
    await queue.flush(1000);
    expect(writer.taken).toEqual([...records(1, 4), 'checkpoint 1', ...records(5, 7)]);
    expect(reads).toEqual([{ seq: 3 }, { seq: 4 }, { checkpoint: 1 }, { seq: 5 }, { seq: 6 }, { seq: 7 }]);
  });

  test('waits while what it must read again cannot be read, and leaves void numbers out', async () => {
    let isSealed = true;
    const { queue, writer, errors } = setUp({ lines: 1 }, async (place) => {
      if (isSealed) throw new Error('sealed');
      return 'seq' in place && place.seq === 3 ? undefined : lineOf(place);
    });
    takeRecords(queue, 1, 2);
    queue.take({ place: { seq: 4 }, text: 'record 4' });
    await failures(queue, errors, 5);
    expect(queue.facts).toMatchObject({ isFailing: false, waiting: 3, written: 1 });
    isSealed = false;
    await queue.flush(1000);
    expect(writer.taken).toEqual(['record 1', 'record 2', 'record 4']);
  });

  test('close() says how many lines it leaves', async () => {
    const { queue, writer } = setUp({ lines: 1 });
    writer.fault = 'fails';
    takeRecords(queue, 1, 4);
    expect(await queue.close(5)).toBe(4);
    expect(writer.isClosed).toBe(true);
  });
});
