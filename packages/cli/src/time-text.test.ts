import { describe, expect, test } from '@jest/globals';
import { formatDuration, formatTime, parseDuration } from './time-text.ts';

describe('parseDuration()', () => {
  test.each([
    ['90s', 90],
    ['15m', 900],
    ['24h', 86_400],
    ['7d', 604_800],
  ])('reads %s', (text, seconds) => {
    expect(parseDuration(text, '--for')).toBe(seconds);
  });

  test.each(['5', '', '0s', '-1h', '1.5h', '1 h', '1w', '1h30m', '99999999s', '١h'])('refuses %j', (text) => {
    expect(() => parseDuration(text, '--for')).toThrow('Cannot use --for');
  });
});

describe('formatDuration()', () => {
  test.each([
    [86_400, '1 day'],
    [604_800, '7 days'],
    [7200, '2 h'],
    [900, '15 min'],
    [90, '90 s'],
    [0, '0 s'],
  ])('%d s is %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('formatTime()', () => {
  test('writes UTC, and survives a time that no calendar has', () => {
    expect([formatTime(1_790_000_000), formatTime(Number.MAX_SAFE_INTEGER)]).toEqual([
      '2026-09-21 14:13:20 UTC',
      `second ${Number.MAX_SAFE_INTEGER}`,
    ]);
  });
});
