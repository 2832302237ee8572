import { describe, expect, test } from '@jest/globals';
import { isLinearisable, type Step } from './linearise.ts';

/** A register: a write always fits, a read only where it finds what it has read. */
const write = (value: string, from: number, to: number): Step => ({
  label: value,
  from,
  to,
  isOptional: false,
  next: () => value,
});
const read = (value: string, from: number, to: number): Step => ({
  label: `read ${value}`,
  from,
  to,
  isOptional: false,
  next: (state) => (state === value ? state : undefined),
});

describe('isLinearisable()', () => {
  test.each<{ readonly name: string; readonly steps: readonly Step[]; readonly isPossible: boolean }>([
    { name: 'nothing', steps: [], isPossible: true },
    { name: 'a read of what was written', steps: [write('1', 0, 1), read('1', 2, 3)], isPossible: true },
    { name: 'a read of what was not written', steps: [write('1', 0, 1), read('2', 2, 3)], isPossible: false },
    { name: 'a read before the write', steps: [read('1', 0, 1), write('1', 2, 3)], isPossible: false },
    { name: 'a read that overlaps the write', steps: [read('1', 0, 3), write('1', 2, 4)], isPossible: true },
    {
      name: 'an old value after a new one',
      steps: [write('1', 0, 9), read('1', 1, 2), read('', 3, 4)],
      isPossible: false,
    },
    {
      name: 'a write without an answer that was read much later',
      steps: [{ ...write('1', 0, Infinity), isOptional: true }, read('', 1, 2), read('1', 8, 9)],
      isPossible: true,
    },
    {
      name: 'a write without an answer that never happened',
      steps: [{ ...write('1', 0, Infinity), isOptional: true }, read('', 8, 9)],
      isPossible: true,
    },
    {
      name: 'a write that must have happened and cannot have been last',
      steps: [write('1', 0, 5), write('2', 0, 5), read('1', 6, 7), read('2', 8, 9)],
      isPossible: false,
    },
  ])('$name: $isPossible', ({ steps, isPossible }) => {
    expect(isLinearisable('', steps)).toBe(isPossible);
  });

  test('decides fifty claims at one time at once', () => {
    const claims = Array.from({ length: 50 }, (_, index): Step => ({
      label: `${index}`,
      from: 0,
      to: 10,
      isOptional: false,
      next: (state) => (index === 49 ? (state === '' ? 'mine' : undefined) : state === 'mine' ? state : undefined),
    }));
    expect(isLinearisable('', claims)).toBe(true);
    expect(isLinearisable('taken', claims)).toBe(false);
  });

  test('decides fifty calls without an answer at once, also where there is no order', () => {
    const lost = Array.from({ length: 50 }, (_, index): Step => ({ ...write('1', index, Infinity), isOptional: true }));
    expect(isLinearisable('', [...lost, read('1', 98, 99)])).toBe(true);
    expect(isLinearisable('', [...lost, read('2', 98, 99)])).toBe(false);
  });
});
