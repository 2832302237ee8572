import { describe, expect, test } from '@jest/globals';
import { faults } from './faults.ts';
import { scheduleOf } from './schedule.ts';
import { seededChance } from './seeded.ts';

const kinds = Object.keys(faults).length;

describe('scheduleOf()', () => {
  test('is the same for the same seed, and another for another', () => {
    const [one, again, other] = [7, 7, 8].map((seed) => scheduleOf(kinds, seededChance(seed)));
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  test('has every kind before any comes again', () => {
    const planned = scheduleOf(2 * kinds, seededChance(1));
    expect(new Set(planned.slice(0, kinds)).size).toBe(kinds);
    expect(new Set(planned.slice(kinds)).size).toBe(kinds);
  });

  test('can be cut down to some kinds', () => {
    expect(scheduleOf(4, seededChance(1), 'drop answers of etcd')).toEqual(
      Array.from({ length: 4 }, () => 'drop answers of etcd'),
    );
    expect(() => scheduleOf(1, seededChance(1), 'no such fault')).toThrow('no fault has such a name');
  });
});
