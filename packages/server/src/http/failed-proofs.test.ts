import { beforeEach, describe, expect, test } from '@jest/globals';
import { FixedClock } from '@letterlock/core/testing';
import { failedProofsPerMinute } from '@letterlock/protocol';
import { FailedProofs } from './failed-proofs.ts';

let clock: FixedClock;
let failed: FailedProofs;
beforeEach(() => {
  clock = new FixedClock();
  failed = new FailedProofs(clock);
});

function fail(address: string, times = failedProofsPerMinute): void {
  for (let count = 0; count < times; count += 1) failed.add(address);
}
const isRefused = (address: string): boolean => {
  try {
    failed.check(address);
    return false;
  } catch {
    return true;
  }
};

describe('FailedProofs', () => {
  test('refuses an address at its limit until the minute is over', () => {
    fail('192.0.2.1', failedProofsPerMinute - 1);
    expect(isRefused('192.0.2.1')).toBe(false);
    fail('192.0.2.1', 1);
    clock.advance(20);
    expect(() => failed.check('192.0.2.1')).toThrow(expect.objectContaining({ code: 'rate', retryAfterSeconds: 40 }));
    clock.advance(40);
    expect(isRefused('192.0.2.1')).toBe(false);
  });

  test('begins a new minute after the old one', () => {
    fail('192.0.2.1', failedProofsPerMinute - 1);
    clock.advance(60);
    fail('192.0.2.1', 1);
    expect(isRefused('192.0.2.1')).toBe(false);
  });

  test.each([
    { name: 'another IPv4 address', other: '192.0.2.2', from: '192.0.2.1', isSame: false },
    { name: 'another address of the same /64', other: '2001:db8::2', from: '2001:db8::1', isSame: true },
    { name: 'the same address in full', other: '2001:db8:0:0:1:2:3:4', from: '2001:db8::1', isSame: true },
    { name: 'an address of another /64', other: '2001:db8:0:1::1', from: '2001:db8::1', isSame: false },
    { name: 'another mapped IPv4 address', other: '::ffff:192.0.2.2', from: '::ffff:192.0.2.1', isSame: false },
  ])('counts $name as the same: $isSame', ({ other, from, isSame }) => {
    fail(from);
    expect(isRefused(other)).toBe(isSame);
  });

  test('keeps the newest addresses when there are too many', () => {
    fail('192.0.2.1');
    for (let address = 0; address < 10_000; address += 1) failed.add(`198.51.${address >> 8}.${address & 255}`);
    expect(isRefused('192.0.2.1')).toBe(false);
    fail('198.51.39.15');
    expect(isRefused('198.51.39.15')).toBe(true);
  });
});
