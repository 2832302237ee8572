/**
 * Three bugs that the harness must find, each planted in a copy of the source: a harness that finds nothing proves nothing.
 * It must never touch the working tree, nor call a bug found because a run could not start.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copySource } from '../../tools/mutants/copy-source.ts';
import type { Mutant } from '../../tools/mutants/mutants.ts';
import { findBrokenBaseline, judge, type RunTests } from '../../tools/mutants/run-mutants.ts';

/** A short run: enough answers lost, enough wraps stored again and claimed again. */
const shortRun = ['--items', '45', '--faults', '3', '--only', 'drop answers of etcd', '--single'];
const runMilliseconds = 180_000;
const program = 'e2e/faults/main.ts';
const transaction = 'packages/core/src/wraps/wrap-transaction.ts';

export const plantedBugs: readonly Mutant[] = [
  {
    name: 'a wrap is created without a guard',
    edits: [
      {
        file: transaction,
        search: `      { key, field: 'mod', is: '=', revision: seen.revision },
`,
        replace: `      ...(seen.revision === 0 ? [] : [{ key, field: 'mod', is: '=', revision: seen.revision } as const]),
`,
      },
    ],
    tests: [program],
  },
  {
    name: 'an opened wrap is deleted and leaves no tombstone',
    edits: [
      {
        file: transaction,
        search: `change.next === undefined ? {`,
        replace: `change.next === undefined || change.envelope === 'delete' ? {`,
      },
    ],
    tests: [program],
  },
  {
    name: 'the client of etcd sends again by itself',
    edits: [
      {
        file: 'packages/server/src/etcd/etcd-member.ts',
        search: `    faultHandling: { global: noop, host: () => noop },
`,
        replace: '',
      },
    ],
    tests: [program],
  },
];

/** @returns how many were found, and why the others were not. @throws Error if the unchanged copy does not pass */
export function findPlantedBugs(root: string, seed: number, print: (line: string) => void): number {
  const copy = mkdtempSync(join(tmpdir(), 'letterlock-planted-'));
  const remove = (): void => rmSync(copy, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    copySource(root, copy);
    const runTests: RunTests = (folder) => {
      const { status } = spawnSync(
        process.execPath,
        [...process.execArgv, join(folder, program), '--seed', `${seed}`, ...shortRun],
        { cwd: folder, stdio: 'ignore', timeout: runMilliseconds },
      );
      return {
        passed: status === 0 ? 1 : 0,
        failed: status === violationsStatus ? 1 : 0,
        isComplete: status === 0 || status === violationsStatus,
      };
    };
    const broken = findBrokenBaseline(copy, plantedBugs, runTests);
    if (broken !== undefined) throw new Error(`Cannot plant bugs: ${broken}`);
    let caught = 0;
    for (const bug of plantedBugs) {
      const { name, isCaught, reason } = judge(copy, bug, runTests);
      if (isCaught) caught += 1;
      print(isCaught ? `caught      ${name}` : `not caught  ${name}: ${reason ?? 'unknown'}`);
    }
    return caught;
  } finally {
    remove();
    process.off('exit', remove);
  }
}

/** Exit status of a run that found a violation, apart from that of a run that broke. */
export const violationsStatus = 3;
