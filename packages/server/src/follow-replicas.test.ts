/** Time here is counted, not waited for. @module */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { MemoryStore } from '@letterlock/core';
import { ProblemError } from '@letterlock/protocol';
import { pino } from 'pino';
import { followReplicas } from './follow-replicas.ts';
import { systemClock } from './system-clock.ts';

/** What is promised for a seal, and for the looks that it is promised under (docs/protocol.md §8). */
const promisedMilliseconds = 1000;
const lookMilliseconds = 149;

describe('followReplicas()', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Follows with looks that end when `look` does. @returns each look's begin and end, milliseconds */
  function follow(look: (signal: AbortSignal | undefined) => Promise<void>) {
    const looks: { readonly from: number; to?: number }[] = [];
    const stop = followReplicas({
      installation: {
        onUnsealed: () => {},
        onSealed: () => {},
        forgetOldShares: () => {},
        followEpoch: async (options) => {
          const seen: (typeof looks)[number] = { from: Date.now() };
          looks.push(seen);
          await look(options?.signal);
          seen.to = Date.now();
        },
      },
      store: new MemoryStore(),
      clock: systemClock,
      log: pino({ level: 'silent' }),
      kept: () => undefined,
    });
    return { looks, stop };
  }

  test('from the begin of one look to the end of the next is less than what is promised', async () => {
    const { looks, stop } = follow(() => {
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, lookMilliseconds);
      return promise;
    });
    await jest.advanceTimersByTimeAsync(5 * promisedMilliseconds);
    const stopped = stop();
    await jest.advanceTimersByTimeAsync(lookMilliseconds);
    await stopped;
    const pairs = looks.slice(1).map(({ to }, index) => to! - looks[index]!.from);
    expect(pairs.length).toBeGreaterThan(3);
    expect(Math.max(...pairs)).toBeLessThanOrEqual(promisedMilliseconds);
  });

  test('goes on after a look that failed', async () => {
    const { looks, stop } = follow(() => Promise.reject(new ProblemError('unavailable')));
    await jest.advanceTimersByTimeAsync(5 * promisedMilliseconds);
    await stop();
    expect(looks.length).toBeGreaterThan(4);
  });
});
