import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KeyIndex } from './key-index.ts';

const key = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 5 });
const step = fc.oneof(
  fc.record({ do: fc.constant('toggle' as const), key }),
  fc.record({
    do: fc.constant('page' as const),
    prefix: fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 3 }),
    after: fc.option(key, { nil: undefined }),
    limit: fc.integer({ min: 1, max: 9 }),
  }),
);

describe('KeyIndex', () => {
  test('pages like a sorted set, whatever comes and goes between listings', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const model = new Set<string>();
        const index = new KeyIndex((each) => model.has(each));
        const pages: string[][] = [];
        const expectedPages: string[][] = [];
        for (const each of steps) {
          if (each.do === 'page') {
            const { prefix, after, limit } = each;
            const expected = [...model]
              .filter((one) => one.startsWith(prefix) && (after === undefined || one > after))
              .toSorted()
              .slice(0, limit);
            pages.push(index.page(prefix, after, limit));
            expectedPages.push(expected);
          } else if (model.delete(each.key)) index.remove(each.key);
          else {
            model.add(each.key);
            index.add(each.key);
          }
        }
        expect(pages).toEqual(expectedPages);
      }),
    );
  });

  test('forgets keys that come and go under a parent that nobody lists', () => {
    const model = new Set<string>();
    let looks = 0;
    const index = new KeyIndex((each) => {
      looks += 1;
      return model.has(each);
    });
    for (let count = 0; count < 10_000; count += 1) {
      model.add(`a/${count}`);
      index.add(`a/${count}`);
      model.delete(`a/${count}`);
      index.remove(`a/${count}`);
    }
    // Looked through now and then, not each time.
    expect(looks).toBeGreaterThan(5000);
    expect(looks).toBeLessThan(20_000);
    looks = 0;
    expect(index.page('a/', undefined, 10)).toEqual([]);
    expect(looks).toBeLessThan(3000);
  });
});
