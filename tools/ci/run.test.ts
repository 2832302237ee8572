import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-ci-'));
  mkdirSync(join(folder, '.ci'));
  cpSync(join(import.meta.dirname, '../../.ci/run'), join(folder, '.ci/run'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs `.ci/run` with a make that answers each target with the given lines, and with failure when they start with `!`. */
function run(answers: Readonly<Record<string, string>>): { readonly lastLine: string; readonly status: number | null } {
  const cases = Object.entries(answers).map(
    ([target, lines]) =>
      `${target}) printf '%b' '${lines.replace(/^!/, '')}\\n'; exit ${lines.startsWith('!') ? 1 : 0};;`,
  );
  const make = join(folder, 'make');
  writeFileSync(make, `#!/bin/sh\nfor target; do :; done\ncase $target in\n${cases.join('\n')}\nesac\n`);
  chmodSync(make, 0o755);
  const { stdout, status } = spawnSync(join(folder, '.ci/run'), {
    env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
  });
  return { lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', status };
}

describe('.ci/run', () => {
  test.each([
    { name: 'parts without counts as one test each', answers: {}, lastLine: '5 passed, 0 failed', status: 0 },
    {
      name: 'the counts of a part',
      answers: { test: '7 passed, 0 failed\\n3 passed, 0 failed', mutants: '5/5 caught' },
      lastLine: '18 passed, 0 failed',
      status: 0,
    },
    {
      name: 'skipped tests',
      answers: { test: '7 passed, 0 failed, 2 skipped' },
      lastLine: '11 passed, 0 failed, 2 skipped',
      status: 0,
    },
    { name: 'failed tests', answers: { test: '!7 passed, 2 failed' }, lastLine: '11 passed, 2 failed', status: 1 },
    {
      name: 'a failing part without counts',
      answers: { demo: '!Cannot start' },
      lastLine: '4 passed, 1 failed',
      status: 1,
    },
    {
      name: 'a part that fails although its tests pass',
      answers: { test: '!7 passed, 0 failed' },
      lastLine: '11 passed, 1 failed',
      status: 1,
    },
    {
      name: 'mutants that are not caught',
      answers: { mutants: '!3/5 caught' },
      lastLine: '7 passed, 2 failed',
      status: 1,
    },
    {
      name: 'planted bugs that are found',
      answers: { test: '7 passed, 0 failed\\ncaught 3/3' },
      lastLine: '14 passed, 0 failed',
      status: 0,
    },
    {
      name: 'planted bugs that are not found',
      answers: { test: '!7 passed, 0 failed\\ncaught 2/3' },
      lastLine: '13 passed, 1 failed',
      status: 1,
    },
    {
      name: 'failed tests of a part that ends well',
      answers: { test: '1 passed, 1 failed' },
      lastLine: '5 passed, 1 failed',
      status: 1,
    },
    {
      name: 'no line that only looks like a count',
      answers: { test: 'Tests: 7 passed, 7 total' },
      lastLine: '5 passed, 0 failed',
      status: 0,
    },
  ])('counts $name', ({ answers, lastLine, status }) => {
    expect(run(answers)).toEqual({ lastLine, status });
  });
});
