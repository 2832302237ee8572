/**
 * Whether each mutant still fits the source, so that a change of a line shows at once and not in the long run.
 * Must never judge a mutant: that takes the tests it names.
 * @module
 */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { mutants } from './mutants.ts';
import { reasonNotApplicable } from './run-mutants.ts';

const root = join(import.meta.dirname, '../..');

test.each(mutants)('the mutant "$name" can be applied to the source', (mutant) => {
  expect(reasonNotApplicable(root, mutant)).toBeUndefined();
});

test('no two mutants have one name', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

test.each([
  { name: 'whose text is gone', edits: [{ file: 'README.md', search: 'no such text', replace: '' }], tests: [] },
  { name: 'whose file is gone', edits: [{ file: 'gone.ts', search: 'a', replace: 'b' }], tests: [] },
  {
    name: 'whose test is gone',
    edits: [{ file: 'LICENSE', search: 'Version 2.0, January 2004', replace: '' }],
    tests: ['gone.test.ts'],
  },
])('a mutant $name is noticed', (mutant) => {
  expect(reasonNotApplicable(root, mutant)).toBeTruthy();
});
