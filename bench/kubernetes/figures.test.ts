import { describe, expect, test } from '@jest/globals';
import { latencyText, measureLoad, percentile, tableLines } from './figures.ts';

describe('percentile()', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  test.each([
    { name: 'the median', values: hundred, percent: 50, expected: 50 },
    { name: 'the slowest but five', values: hundred, percent: 95, expected: 95 },
    { name: 'the slowest of few', values: [3, 1, 2], percent: 95, expected: 3 },
    { name: 'the only one', values: [7], percent: 50, expected: 7 },
  ])('is $name', ({ values, percent, expected }) => {
    expect(percentile(values, percent)).toBe(expected);
  });

  test('is none of nothing', () => {
    expect(() => percentile([], 50)).toThrow(RangeError);
  });
});

describe('measureLoad()', () => {
  test('has so many requests in flight, counts those after the warm-up, and says when it begins', async () => {
    let flying = 0;
    let most = 0;
    let asked = 0;
    let askedBefore = -1;
    const { latencies, perSecond } = await measureLoad(
      {
        concurrency: 3,
        warmUpSeconds: 0.05,
        seconds: 0.1,
        async once() {
          flying += 1;
          asked += 1;
          most = Math.max(most, flying);
          await new Promise((resolve) => setImmediate(resolve));
          flying -= 1;
        },
      },
      () => (askedBefore = asked),
    );
    expect(most).toBe(3);
    expect(askedBefore).toBeGreaterThan(0);
    // Those that had begun when counting did are not counted.
    expect(latencies.length).toBeLessThanOrEqual(asked - askedBefore);
    expect(latencies.length).toBeGreaterThan(0);
    expect(perSecond).toBeGreaterThan(0);
  });

  test('fails when a request fails', async () => {
    const once = (): Promise<void> => Promise.reject(new Error('refused'));
    await expect(measureLoad({ concurrency: 1, warmUpSeconds: 0, seconds: 1, once })).rejects.toThrow('refused');
  });
});

test('rows become a table', () => {
  expect(tableLines(['a', 'b'], [['1', '2']])).toEqual(['| a | b |', '| --- | --- |', '| 1 | 2 |']);
  expect(latencyText([1, 2, 3])).toBe('2.0/3.0/3.0');
});
