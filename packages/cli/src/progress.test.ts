import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { withProgress } from './progress.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('withProgress() at a terminal', () => {
  test('shows what takes longer than a second, and wipes it', async () => {
    let shown = '';
    const work = Promise.withResolvers<string>();
    const result = withProgress({ isTTY: true, write: (text) => (shown += text) }, false, 'Working', work.promise);

    jest.advanceTimersByTime(1000);
    expect(shown).toBe('');
    jest.advanceTimersByTime(1100);
    expect(shown).toContain('Working (2 s)');
    work.resolve('done');

    expect(await result).toBe('done');
    expect(shown.endsWith('\r\u001b[K')).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});
