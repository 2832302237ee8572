import { describe, expect, jest, test } from '@jest/globals';
import { repeat } from './background.ts';

describe('repeat()', () => {
  test('runs again after each end and each failure, and not after it was stopped', async () => {
    jest.useFakeTimers();
    try {
      const failures: unknown[] = [];
      let runs = 0;
      const stop = repeat({
        everyMilliseconds: 1000,
        run: async () => {
          runs += 1;
          if (runs === 2) throw new Error('second');
          return undefined;
        },
        onError: (error) => failures.push(error),
      });
      expect(runs).toBe(0);
      await jest.advanceTimersByTimeAsync(3000);
      expect(runs).toBe(3);
      expect(failures).toEqual([new Error('second')]);
      await stop();
      await jest.advanceTimersByTimeAsync(3000);
      expect(runs).toBe(3);
    } finally {
      jest.useRealTimers();
    }
  });

  test('makes the pause that a run asks for', async () => {
    jest.useFakeTimers();
    try {
      let runs = 0;
      const stop = repeat({
        everyMilliseconds: 1000,
        run: async () => {
          runs += 1;
          return runs < 3 ? 100 : undefined;
        },
        onError: () => {},
      });
      await jest.advanceTimersByTimeAsync(1200);
      expect(runs).toBe(3);
      await jest.advanceTimersByTimeAsync(900);
      expect(runs).toBe(3);
      await jest.advanceTimersByTimeAsync(100);
      expect(runs).toBe(4);
      await stop();
    } finally {
      jest.useRealTimers();
    }
  });

  test('stopping aborts the run under way, waits for it, and reports nothing', async () => {
    jest.useFakeTimers();
    try {
      const failures: unknown[] = [];
      let isEnded = false;
      const stop = repeat({
        everyMilliseconds: 1000,
        run: (signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              isEnded = true;
              reject(new Error('aborted'));
            });
          }),
        onError: (error) => failures.push(error),
      });
      await jest.advanceTimersByTimeAsync(1000);
      await stop();
      expect(isEnded).toBe(true);
      expect(failures).toEqual([]);
    } finally {
      jest.useRealTimers();
    }
  });
});
