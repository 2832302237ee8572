/**
 * `node tools/mutants/main.ts [part of a name]`: prints `caught` or `not caught` for each mutant, then `N/N caught`.
 * Must never touch the working tree: everything happens in a copy in the system's folder for temporary files.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copySource } from './copy-source.ts';
import { mutants } from './mutants.ts';
import { runJest } from './run-jest.ts';
import { findBrokenBaseline, judge } from './run-mutants.ts';

const root = join(import.meta.dirname, '../..');
const wanted = process.argv[2] ?? '';
const chosen = mutants.filter(({ name }) => name.includes(wanted));
const copy = mkdtempSync(join(tmpdir(), 'letterlock-mutants-'));
process.once('exit', () => {
  rmSync(copy, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

console.log(`Copying the source to ${copy} and running the tests of ${chosen.length} mutants on it, unchanged`);
copySource(root, copy);
const broken = findBrokenBaseline(copy, chosen, runJest);
let caught = 0;
if (broken === undefined) {
  for (const mutant of chosen) {
    const { name, isCaught, reason } = judge(copy, mutant, runJest);
    if (isCaught) caught += 1;
    console.log(isCaught ? `caught      ${name}` : `not caught  ${name}: ${reason ?? 'unknown'}`);
  }
} else {
  console.log(`Cannot judge mutants: ${broken}`);
}
console.log(`${caught}/${chosen.length} caught`);
process.exitCode = chosen.length > 0 && caught === chosen.length ? 0 : 1;
