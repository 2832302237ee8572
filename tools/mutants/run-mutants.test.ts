import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { copySource } from './copy-source.ts';
import { findBrokenBaseline, judge, type RunTests } from './run-mutants.ts';
import type { Mutant } from './mutants.ts';
import { runJest } from './run-jest.ts';

const source = 'export function isSame(a, b) {\n  return a === b;\n}\n';
const file = 'packages/a/src/is-same.ts';
const valid: Mutant = { name: 'm', edits: [{ file, search: 'a === b', replace: 'true' }], tests: ['a.test.ts'] };

let copy: string;

beforeEach(() => {
  copy = realpathSync(mkdtempSync(join(tmpdir(), 'letterlock-mutants-test-')));
  mkdirSync(join(copy, 'packages/a/src'), { recursive: true });
  writeFileSync(join(copy, file), source);
});

afterEach(() => {
  rmSync(copy, { recursive: true, force: true });
});

/** Fails one test exactly when the source is changed, as a good test would. */
const noticing: RunTests = (folder) => {
  const isChanged = readFileSync(join(folder, file), 'utf8') !== source;
  return { passed: 1, failed: isChanged ? 1 : 0, isComplete: true };
};

describe('judge()', () => {
  test('calls a mutant caught when a test fails, and restores the file', () => {
    expect(judge(copy, valid, noticing)).toEqual({ name: 'm', isCaught: true });
    expect(readFileSync(join(copy, file), 'utf8')).toBe(source);
  });

  test.each([
    {
      name: 'whose tests all pass',
      mutant: valid,
      run: { passed: 3, failed: 0, isComplete: true },
      reason: 'all 3 tests passed',
    },
    {
      name: 'for which no test ran',
      mutant: valid,
      run: { passed: 0, failed: 0, isComplete: true },
      reason: 'no test ran',
    },
    {
      name: 'whose tests do not start',
      mutant: valid,
      run: { passed: 0, failed: 0, isComplete: false },
      reason: 'a test file did not start, or the run did not end',
    },
    {
      name: 'whose text is not found',
      mutant: { ...valid, edits: [{ file, search: 'a == b', replace: 'true' }] },
      reason: `its text stands in 0 places of ${file}, need 1`,
    },
    {
      name: 'whose text is found twice',
      mutant: { ...valid, edits: [{ file, search: 'a', replace: 'c' }] },
      reason: `its text stands in 3 places of ${file}, need 1`,
    },
    {
      name: 'that replaces a text by itself',
      mutant: { ...valid, edits: [{ file, search: 'a === b', replace: 'a === b' }] },
      reason: `it changes nothing in ${file}`,
    },
    {
      name: 'of a file that does not exist',
      mutant: { ...valid, edits: [{ file: 'b.ts', search: 'a', replace: 'b' }] },
      reason: 'b.ts does not exist',
    },
    { name: 'without edits', mutant: { ...valid, edits: [] }, reason: 'it has no edit' },
  ])('does not call a mutant caught $name', ({ mutant, run, reason }) => {
    expect(judge(copy, mutant, () => run ?? { passed: 0, failed: 1, isComplete: true })).toEqual({
      name: 'm',
      isCaught: false,
      reason,
    });
    expect(readFileSync(join(copy, file), 'utf8')).toBe(source);
  });

  test('restores the file when an edit after it cannot be made', () => {
    const half = { ...valid, edits: [...valid.edits, { file, search: 'absent', replace: '' }] };
    expect(judge(copy, half, noticing).isCaught).toBe(false);
    expect(readFileSync(join(copy, file), 'utf8')).toBe(source);
  });
});

describe('findBrokenBaseline()', () => {
  test.each([
    { name: 'passes', run: { passed: 2, failed: 0, isComplete: true }, reason: undefined },
    { name: 'fails', run: { passed: 2, failed: 1, isComplete: true }, reason: '1 tests fail on the unchanged source' },
    {
      name: 'runs nothing',
      run: { passed: 0, failed: 0, isComplete: true },
      reason: 'no test ran on the unchanged source',
    },
    {
      name: 'does not start',
      run: { passed: 0, failed: 0, isComplete: false },
      reason: 'the tests do not start on the unchanged source',
    },
  ])('judges an unchanged source that $name', ({ run, reason }) => {
    expect(findBrokenBaseline(copy, [valid], () => run)).toBe(reason);
  });
});

test('findBrokenBaseline() judges an empty table', () => {
  expect(findBrokenBaseline(copy, [], noticing)).toBe('no mutant names a test');
});

describe('copySource() and runJest()', () => {
  const repository = join(import.meta.dirname, '../..');

  test('let the tests of one package notice a change in another, and leave the source alone', () => {
    const root = join(copy, 'root');
    const target = join(copy, 'target');
    const testText = `import { expect, test } from '@jest/globals';\nimport { isSame } from '@letterlock/a';\ntest('same', () => expect(isSame(1, 2)).toBe(false));\n`;
    const files = {
      '.gitignore': 'node_modules\n',
      'package.json': '{ "type": "module" }',
      'jest.config.js': 'export default { testMatch: ["**/*.test.js"] };',
      'packages/a/package.json': '{ "name": "@letterlock/a", "type": "module", "exports": "./src/is-same.js" }',
      'packages/a/src/is-same.js': source,
      'packages/b/package.json': '{ "type": "module" }',
      'packages/b/src/b.test.js': testText,
      'packages/b/src/broken.test.js': 'import "./absent.js";',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    mkdirSync(join(root, 'node_modules/@letterlock'), { recursive: true });
    for (const name of ['jest', '@jest'])
      symlinkSync(join(repository, 'node_modules', name), join(root, 'node_modules', name));
    symlinkSync(join(root, 'packages/a'), join(root, 'node_modules/@letterlock/a'));
    execFileSync('git', ['init', '-q'], { cwd: root });

    mkdirSync(target);
    copySource(root, target);
    const mutant = {
      name: 'm',
      edits: [{ file: 'packages/a/src/is-same.js', search: 'a === b', replace: 'true' }],
      tests: ['packages/b/src/b.test.js'],
    };
    expect(findBrokenBaseline(target, [mutant], runJest)).toBeUndefined();
    expect(judge(target, mutant, runJest)).toEqual({ name: 'm', isCaught: true });
    expect(readFileSync(join(root, 'packages/a/src/is-same.js'), 'utf8')).toBe(source);
    expect(runJest(target, ['packages/b/src/broken.test.js']).isComplete).toBe(false);
    expect(runJest(target, ['packages/b/src/absent.test.js']).isComplete).toBe(false);
  }, 60_000);
});
