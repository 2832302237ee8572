import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { findStories } from './find-stories.ts';
import { runStories } from './run-stories.ts';

const fine = (title: string) => ({ title, run: () => undefined });
const broken = (title: string) => ({
  title,
  run: () => {
    throw new Error('token accepted\nstatus 0');
  },
});
const story = (...steps: readonly (ReturnType<typeof fine> & { isRow?: boolean })[]) => [
  { name: '01-x', files: [{ name: '01-a', steps }], teardown: () => undefined },
];

async function run(stories: ReturnType<typeof story>, row?: string) {
  const lines: string[] = [];
  const tally = await runStories(stories, {
    world: undefined,
    print: (line) => lines.push(line),
    now: () => 0,
    ...(row === undefined ? {} : { row }),
  });
  return { lines, tally };
}

describe('runStories()', () => {
  test('prints a numbered line for each step and for the teardown', async () => {
    const { lines, tally } = await run(story(fine('one'), fine('two')));
    expect(lines).toEqual([
      '# 01-x',
      'ok 1 - 01-x/01-a: one (0.0 s)',
      'ok 2 - 01-x/01-a: two (0.0 s)',
      'ok 3 - 01-x/teardown (0.0 s)',
    ]);
    expect(tally).toEqual({ passed: 3, failed: 0 });
  });

  test('ends a story at a step that fails, but not without its teardown', async () => {
    const { lines, tally } = await run(story(broken('one'), fine('two')));
    expect(lines).toEqual([
      '# 01-x',
      'not ok 1 - 01-x/01-a: one: token accepted',
      '  # status 0',
      'ok 2 - 01-x/teardown (0.0 s)',
    ]);
    expect(tally).toEqual({ passed: 1, failed: 1 });
  });

  test('goes on after a row that fails', async () => {
    const { tally } = await run(story({ ...broken('one'), isRow: true }, { ...fine('two'), isRow: true }));
    expect(tally).toEqual({ passed: 2, failed: 1 });
  });

  test('runs the chosen row and every step that is no row', async () => {
    const { lines } = await run(
      story(fine('set up'), { ...broken('one'), isRow: true }, { ...fine('two'), isRow: true }),
      'two',
    );
    expect(lines.filter((line) => /^(?:not )?ok/.test(line))).toEqual([
      'ok 1 - 01-x/01-a: set up (0.0 s)',
      'ok 2 - 01-x/01-a: two (0.0 s)',
      'ok 3 - 01-x/teardown (0.0 s)',
    ]);
  });

  test('fails when the row does not exist', async () => {
    const { tally } = await run(story(fine('set up'), { ...fine('one'), isRow: true }), 'three');
    expect(tally).toEqual({ passed: 0, failed: 1 });
  });

  test('makes the world anew before each story, and before none that has nothing to say', async () => {
    const [only] = story(fine('one'));
    let begun = 0;
    const options = { world: undefined, print: () => undefined, now: () => 0, begin: () => void (begun += 1) };
    await runStories([only!, only!], options);
    expect(begun).toBe(2);
    await runStories([only!], { ...options, row: 'no such row' });
    expect(begun).toBe(2);
  });

  test('fails a teardown that fails', async () => {
    const [only] = story(fine('one'));
    const { tally } = await run([{ ...only!, teardown: broken('').run }]);
    expect(tally).toEqual({ passed: 1, failed: 1 });
  });
});

describe('findStories()', () => {
  test('finds numbered files in order, and leaves out other folders', async () => {
    const root = mkdtempSync(join(tmpdir(), 'letterlock-stories-'));
    try {
      const write = (folder: string, file: string): void => {
        mkdirSync(join(root, folder), { recursive: true });
        writeFileSync(join(root, folder, file), `export const steps = [{ title: '${file}', run: () => {} }];\n`);
      };
      write('02-b', '01-x.test.ts');
      write('01-a', '02-y.test.ts');
      write('01-a', '01-z.test.ts');
      write('01-a', 'pods.ts');
      write('cluster', 'modules.test.ts');

      const stories = await findStories(root);
      expect(stories.map(({ name, files }) => [name, files.map((file) => file.name)])).toEqual([
        ['01-a', ['01-z', '02-y']],
        ['02-b', ['01-x']],
      ]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
