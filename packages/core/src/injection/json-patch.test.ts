import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { jsonPatch, pointerToken } from './json-patch.ts';
import type { Json } from './pod.ts';
import { applyPatch } from './testing/apply-patch.ts';

describe('jsonPatch()', () => {
  test('makes the other document, whatever the two are', () => {
    const documents = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(documents, documents, (a, b) => {
        expect(applyPatch(a, jsonPatch(a as Json, b as Json))).toEqual(b);
      }),
      { numRuns: 1000 },
    );
  });

  test('makes the other document of one with a few changes', () => {
    const key = fc.constantFrom('a', 'b~c', 'd/e', '~1', '', '__proto__');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.integer({ min: 0, max: 3 }),
        fc.array(tie('tree'), { maxLength: 5 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        expect(applyPatch(a, jsonPatch(a as Json, b as Json))).toEqual(b);
      }),
      { numRuns: 2000 },
    );
  });

  test('is empty for the same document with its members in another order', () => {
    expect(jsonPatch({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toEqual([]);
  });

  test.each([
    { name: 'an added member', from: { a: 1 }, to: { a: 1, b: 2 }, patch: [{ op: 'add', path: '/b', value: 2 }] },
    { name: 'an item in front', from: [2, 3], to: [1, 2, 3], patch: [{ op: 'add', path: '/0', value: 1 }] },
    { name: 'an item at the end', from: [1], to: [1, 2], patch: [{ op: 'add', path: '/1', value: 2 }] },
    {
      name: 'two items fewer',
      from: [1, 2, 3, 4],
      to: [1, 4],
      patch: [
        { op: 'remove', path: '/2' },
        { op: 'remove', path: '/1' },
      ],
    },
    {
      name: 'a change inside an item',
      from: [{ a: 1, b: 2 }, 3],
      to: [{ a: 5, b: 2 }, 3],
      patch: [{ op: 'replace', path: '/0/a', value: 5 }],
    },
    {
      name: 'a name with a slash and a tilde',
      from: {},
      to: { 'a/b~c': 1 },
      patch: [{ op: 'add', path: '/a~1b~0c', value: 1 }],
    },
    {
      name: 'a member that is null',
      from: { a: 1 },
      to: { a: null },
      patch: [{ op: 'replace', path: '/a', value: null }],
    },
    { name: 'a member that is undefined', from: { a: 1 }, to: { a: undefined }, patch: [{ op: 'remove', path: '/a' }] },
  ])('writes $name', ({ from, to, patch }) => {
    expect(jsonPatch(from as Json, to as Json)).toEqual(patch);
  });
});

describe('pointerToken()', () => {
  // RFC 6901 §5
  test.each([
    { name: 'a/b', token: 'a~1b' },
    { name: 'm~n', token: 'm~0n' },
    { name: '~1', token: '~01' },
    { name: 'c%d', token: 'c%d' },
    { name: '', token: '' },
  ])('escapes $name', ({ name, token }) => {
    expect(pointerToken(name)).toBe(token);
  });
});
