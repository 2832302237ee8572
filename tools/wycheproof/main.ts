/**
 * Runs the tests named `*.wycheproof.test.ts` on the pinned data and ends with `N vectors, N false accepts`.
 * Must never end well without data, without vectors, or with a false accept.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchData } from './fetch-data.ts';
import { sumReports } from './sum-reports.ts';

const root = join(import.meta.dirname, '../..');

function runTests(data: string, report: string): boolean {
  const { status } = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      join(root, 'node_modules/jest/bin/jest.js'),
      '--config',
      join(root, 'jest.wycheproof.config.js'),
      ...process.argv.slice(2),
    ],
    {
      cwd: root,
      env: { ...process.env, LETTERLOCK_WYCHEPROOF: data, LETTERLOCK_WYCHEPROOF_REPORT: report },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  return status === 0;
}

const folder = mkdtempSync(join(tmpdir(), 'letterlock-wycheproof-'));
try {
  const report = join(folder, 'report.jsonl');
  const isPassed = runTests(fetchData(process.env, console.log), report);
  const { vectors, falseAccepts } = sumReports(existsSync(report) ? readFileSync(report, 'utf8') : '');
  console.log(`${vectors} vectors, ${falseAccepts} false accepts`);
  process.exitCode = isPassed && falseAccepts === 0 ? 0 : 1;
} catch (error) {
  console.error(Error.isError(error) ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
