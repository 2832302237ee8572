import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { boundaryAfter, WindowDepths } from './range-window.ts';

describe('boundaryAfter()', () => {
  test.each([
    { start: 'p/', depth: 0, is: undefined },
    { start: 'p/', depth: 1, is: 'p/0' },
    { start: 'p/-', depth: 1, is: 'p/0' },
    { start: 'p/9z', depth: 1, is: 'p/A' },
    { start: 'p/Zq', depth: 1, is: 'p/_' },
    { start: 'p/z', depth: 1, is: undefined },
    { start: 'p/zz', depth: 2, is: undefined },
    { start: 'p/yz', depth: 2, is: 'p/z' },
    { start: 'p/a', depth: 2, is: 'p/a0' },
    { start: 'p/ab/cd', depth: 2, is: 'p/ac' },
    { start: 'p/a~b', depth: 2, is: 'p/b' },
    { start: 'p/!', depth: 1, is: 'p/-' },
  ])('of $start at depth $depth is $is', ({ start, depth, is }) => {
    expect(boundaryAfter(start, 'p/', depth)).toBe(is);
  });

  test('lies behind the key and below the prefix, whatever the key, and windows visit every key once', () => {
    const name = fc.string({ unit: fc.constantFrom('!', '-', '0', '9', 'A', '_', 'z', '~', '/'), maxLength: 5 });
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 20 }), fc.integer({ min: 0, max: 2 }), (names, depth) => {
        const keys = names.map((each) => `p/${each}`).toSorted();
        const visited: string[] = [];
        const misplaced: string[] = [];
        let from: string | undefined = 'p/';
        while (from !== undefined) {
          const start: string = from;
          const to = boundaryAfter(start, 'p/', depth);
          if (to !== undefined && (to <= start || !to.startsWith('p/'))) misplaced.push(to);
          visited.push(...keys.filter((key) => key >= start && (to === undefined || key < to)));
          from = to;
        }
        expect(misplaced).toEqual([]);
        expect(visited).toEqual(keys);
      }),
      { numRuns: 30 },
    );
  });
});

describe('WindowDepths', () => {
  test('cuts a crowded prefix finer, and a sparse one coarser', () => {
    const depths = new WindowDepths();
    const seen = [4096, 4097, 1_000_000, 4096, 64, 63, 1, 1].map((count) => {
      depths.learn('p/', count, true);
      return depths.of('p/');
    });
    expect(seen).toEqual([0, 1, 2, 2, 2, 1, 0, 0]);
  });

  test('learns nothing from the rest of a window', () => {
    const depths = new WindowDepths();
    depths.learn('p/', 5000, true);
    depths.learn('p/', 1, false);
    expect(depths.of('p/')).toBe(1);
  });

  test('remembers a bounded number of prefixes', () => {
    const depths = new WindowDepths();
    for (let index = 0; index < 100; index += 1) depths.learn(`p${index}/`, 5000, true);
    const known = Array.from({ length: 100 }, (_, index) => depths.of(`p${index}/`)).filter((depth) => depth > 0);
    expect(known).toHaveLength(64);
    expect(depths.of('p99/')).toBe(1);
  });
});
