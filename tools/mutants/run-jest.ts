/**
 * Runs Jest on some test files of a copy of the source and reads its report.
 * Must never take a test file that could not start for a failed test.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestRun } from './run-mutants.ts';

/** A mutant may hang; the first run has the tests of all of them, on a machine that may have other work. */
const deadlineSeconds = 180;
const deadlineSecondsEach = 20;

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly numTotalTestSuites: number;
}

export function runJest(copy: string, tests: readonly string[]): TestRun {
  const reportPath = join(copy, 'jest-report.json');
  rmSync(reportPath, { force: true });
  const timeoutMilliseconds = (deadlineSeconds + deadlineSecondsEach * tests.length) * 1000;
  const { signal } = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      join(copy, 'node_modules/jest/bin/jest.js'),
      '--runInBand',
      '--json',
      `--outputFile=${reportPath}`,
      '--runTestsByPath',
      ...tests,
    ],
    { cwd: copy, stdio: 'ignore', timeout: timeoutMilliseconds, killSignal: 'SIGKILL' },
  );
  if (signal !== null || !existsSync(reportPath)) return { passed: 0, failed: 0, isComplete: false };
  const report = JSON.parse(readFileSync(reportPath, 'utf8')) as JestReport;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    isComplete: report.numRuntimeErrorTestSuites === 0 && report.numTotalTestSuites === tests.length,
  };
}
