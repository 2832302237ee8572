/**
 * `node e2e/faults/main.ts [--seed n] [--items n] [--faults n] [--only part-of-a-name] [--single]`: the fault programme.
 * It must never end well when anything was delivered twice or lost, or when a planted bug was not found.
 * @module
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCalls } from './describe-calls.ts';
import { findPlantedBugs, plantedBugs, violationsStatus } from './planted-bugs.ts';
import { run } from './run.ts';
import { summarise } from './summary.ts';

const shownViolations = 10;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    items: { type: 'string', default: '1000' },
    faults: { type: 'string', default: '24' },
    /** Part of the names of faults to choose from. */
    only: { type: 'string', default: '' },
    /** Without planted bugs. */
    single: { type: 'boolean', default: false },
  },
});

function positive(name: 'seed' | 'items' | 'faults'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`Cannot use --${name}: it is a number from 1`);
  return value;
}

const print = (line: string): void => console.log(line);
const seed = positive('seed');
print(`Faults: seed ${seed}, ${positive('items')} items, ${positive('faults')} faults`);
const report = await run({ seed, items: positive('items'), faults: positive('faults'), only: values.only, print });
const { lines, isGood } = summarise(report);
for (const { kind, item, what } of report.violations.slice(0, shownViolations)) {
  print(`${kind} ${item}: ${what}`);
  for (const line of describeCalls(report.history, item)) print(`     ${line}`);
}
for (const line of lines) print(line);
if (!isGood) process.exitCode = violationsStatus;

if (!values.single) {
  const caught = findPlantedBugs(join(import.meta.dirname, '../..'), seed, print);
  print(`caught ${caught}/${plantedBugs.length}`);
  if (caught < plantedBugs.length) process.exitCode = 1;
}
