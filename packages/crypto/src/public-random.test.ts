import { describe, expect, test } from '@jest/globals';
import { fillPublicRandom, publicRandom } from './public-random.ts';

describe('publicRandom()', () => {
  test('gives no bytes twice, also across the ends of its block', () => {
    const seen = new Set(Array.from({ length: 5000 }, () => publicRandom(16).toString('hex')));
    expect(seen.size).toBe(5000);
  });

  test('gives every bit, and as many ones as zeros', () => {
    const bytes = Buffer.concat(Array.from({ length: 1000 }, () => publicRandom(28)));
    const ones = bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    // 224,000 bits: six standard deviations are 1,420.
    expect(Math.abs(ones - bytes.length * 4)).toBeLessThan(1420);
  });

  test('what it gave is not changed by what it gives later', () => {
    const first = publicRandom(12);
    const kept = Buffer.from(first);
    for (let count = 0; count < 2000; count += 1) publicRandom(12);
    expect(first).toEqual(kept);
  });
});

describe('fillPublicRandom()', () => {
  test('fills the part and nothing else', () => {
    const target = new Uint8Array(64);
    fillPublicRandom(target, 16, 32);
    expect(target.subarray(0, 16)).toEqual(new Uint8Array(16));
    expect(target.subarray(48)).toEqual(new Uint8Array(16));
    expect(target.subarray(16, 48)).not.toEqual(new Uint8Array(32));
  });

  test.each([
    { name: 'longer than its target', offset: 60, length: 5 },
    { name: 'longer than 256 bytes', offset: 0, length: 257 },
  ])('refuses a part that is $name', ({ offset, length }) => {
    expect(() => fillPublicRandom(new Uint8Array(length === 257 ? 300 : 64), offset, length)).toThrow(RangeError);
  });
});
