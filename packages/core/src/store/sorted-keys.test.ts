import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SortedKeys } from './sorted-keys.ts';

describe('SortedKeys', () => {
  test('is a sorted set, whatever is added and removed', () => {
    const step = fc.record({
      key: fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 }),
      add: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 2 }),
        fc.option(fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 3 }), { nil: undefined }),
        fc.integer({ min: 1, max: 9 }),
        (steps, prefix, after, limit) => {
          const keys = new SortedKeys();
          const model = new Set<string>();
          for (const { key, add } of steps) {
            if (add && !model.has(key)) keys.add(key);
            if (!add && model.has(key)) keys.remove(key);
            if (add) model.add(key);
            else model.delete(key);
          }
          const expected = [...model]
            .filter((key) => key.startsWith(prefix) && (after === undefined || key > after))
            .toSorted()
            .slice(0, limit);
          expect(keys.page(prefix, after, limit)).toEqual(expected);
        },
      ),
    );
  });

  test('stays sorted across many runs and while they empty', () => {
    const keys = new SortedKeys();
    const all = Array.from({ length: 5000 }, (_, index) => String((index * 7919) % 5000).padStart(4, '0'));
    for (const key of all) keys.add(key);
    expect(keys.page('', undefined, 6000)).toEqual(all.toSorted());
    const kept = all.filter((_, index) => index % 1000 === 0);
    for (const key of all) if (!kept.includes(key)) keys.remove(key);
    expect(keys.page('', undefined, 6000)).toEqual(kept.toSorted());
    for (const key of kept) keys.remove(key);
    expect(keys.page('', undefined, 6000)).toEqual([]);
    keys.add('again');
    expect(keys.page('', undefined, 6000)).toEqual(['again']);
  });
});
