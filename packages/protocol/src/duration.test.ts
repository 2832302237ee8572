import { describe, expect, test } from '@jest/globals';
import { durationSeconds } from './duration.ts';

describe('durationSeconds()', () => {
  test.each([
    { text: '45s', seconds: 45 },
    { text: '2m', seconds: 120 },
    { text: '1h30m', seconds: 5400 },
    { text: '1h0m1s', seconds: 3601 },
    { text: '2160h', seconds: 90 * 86_400 },
  ])('reads $text', ({ text, seconds }) => {
    expect(durationSeconds(text)).toBe(seconds);
  });

  test.each(['', '0s', '2', 'm', '-1m', '1.5h', '7d', '2m1h', ' 2m', '2m\n', '1000000h'])('refuses %j', (text) => {
    expect(durationSeconds(text)).toBeUndefined();
  });
});
