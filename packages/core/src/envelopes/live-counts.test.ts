import { describe, expect, test } from '@jest/globals';
import { LiveCounts } from './live-counts.ts';

describe('LiveCounts', () => {
  test('gives as many places as the limit, for each writer', () => {
    const live = new LiveCounts(2);
    expect(['a', 'b', 'c'].map((key) => live.reserve('alice', key))).toEqual([true, true, false]);
    expect(live.reserve('bob', 'd')).toBe(true);
    live.release('alice', 'a');
    expect(live.reserve('alice', 'e')).toBe(true);
  });

  test('never counts below nothing', () => {
    const live = new LiveCounts(1);
    live.release('alice', 'a');
    expect(live.of('alice')).toBe(0);
    expect(live.reserve('alice', 'a')).toBe(true);
    expect(live.reserve('alice', 'b')).toBe(false);
  });

  test('believes a complete pass more than itself', () => {
    const live = new LiveCounts(9);
    live.reserve('alice', 'a');
    live.beginPass();
    live.visit('b', 'bob');
    live.visit('c', 'bob');
    live.visit('d', undefined);
    expect([live.of('alice'), live.of('bob')]).toEqual([1, 0]);
    live.endPass();
    expect([live.of('alice'), live.of('bob')]).toEqual([0, 2]);
  });

  test('counts what changes during a pass once: before its place by hand, after it by the pass', () => {
    const live = new LiveCounts(9);
    live.beginPass();
    live.visit('m', 'alice');
    live.reserve('alice', 'a');
    live.reserve('alice', 'z');
    live.release('alice', 'm');
    live.visit('z', 'alice');
    live.endPass();
    expect(live.of('alice')).toBe(2);
  });

  test('a pass that was not begun changes nothing', () => {
    const live = new LiveCounts(9);
    live.reserve('alice', 'a');
    live.visit('b', 'bob');
    live.endPass();
    expect([live.of('alice'), live.of('bob')]).toEqual([1, 0]);
  });

  test.each([0, -1, 1.5])('refuses the limit %d', (limit) => {
    expect(() => new LiveCounts(limit)).toThrow('limit');
  });
});
