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

  test('tells whether a key to remove was there', () => {
    const keys = new SortedKeys();
    keys.add('b');
    expect(['a', 'b', 'b', 'c'].map((key) => keys.remove(key))).toEqual([false, true, false, false]);
  });

  test.each([
    { name: 'few among many', before: 3000, added: 30 },
    { name: 'many among few', before: 30, added: 3000 },
    { name: 'as many as there are', before: 2000, added: 2000 },
    { name: 'none', before: 5, added: 0 },
  ])('adds sorted keys at once: $name', ({ before, added }) => {
    const keys = new SortedKeys();
    const nameOf = (index: number) => String((index * 7919) % 100_003).padStart(6, '0');
    const all = Array.from({ length: before + added }, (_, index) => nameOf(index));
    for (const key of all.slice(0, before)) keys.add(key);
    keys.addAll(all.slice(before).toSorted());
    expect(keys.page('', undefined, 10_000)).toEqual(all.toSorted());
    for (const key of all) expect(keys.remove(key)).toBe(true);
    expect(keys.page('', undefined, 10)).toEqual([]);
  });
});
