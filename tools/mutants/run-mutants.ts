/**
 * Applies one mutant at a time to a copy of the source and judges whether its tests noticed.
 * Must never write to the source itself, nor call a mutant caught that changed nothing or only failed to start.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Edit, Mutant } from './mutants.ts';

/** What a run of some test files came to. */
export interface TestRun {
  readonly passed: number;
  readonly failed: number;
  /** Whether each test file started and the run ended by itself. */
  readonly isComplete: boolean;
}

/** Runs test files (paths from the copy's root) in a copy of the source. */
export type RunTests = (copy: string, tests: readonly string[]) => TestRun;

export interface Verdict {
  readonly name: string;
  readonly isCaught: boolean;
  /** Why it is not caught. */
  readonly reason?: string;
}

/** Runs the named tests on the unchanged copy; returns why their verdict would mean nothing, or undefined. */
export function findBrokenBaseline(copy: string, mutants: readonly Mutant[], runTests: RunTests): string | undefined {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
  if (tests.length === 0) return 'no mutant names a test';
  const run = runTests(copy, tests);
  if (!run.isComplete) return 'the tests do not start on the unchanged source';
  if (run.failed > 0) return `${run.failed} tests fail on the unchanged source`;
  return run.passed === 0 ? 'no test ran on the unchanged source' : undefined;
}

/** Judges one mutant and leaves the copy as it was. */
export function judge(copy: string, mutant: Mutant, runTests: RunTests): Verdict {
  const originals = new Map<string, string>();
  try {
    for (const edit of mutant.edits) {
      const path = join(copy, edit.file);
      const text = textOf(path);
      if (text === undefined) return notCaught(mutant, `${edit.file} does not exist`);
      const reason = reasonAgainst(text, edit);
      if (reason !== undefined) return notCaught(mutant, reason);
      if (!originals.has(path)) originals.set(path, text);
      writeFileSync(
        path,
        text.replace(edit.search, () => edit.replace),
      );
    }
    if (originals.size === 0) return notCaught(mutant, 'it has no edit');
    return verdictOn(mutant, runTests(copy, mutant.tests));
  } finally {
    for (const [path, text] of originals) writeFileSync(path, text);
  }
}

/** Why a mutant cannot be applied to the source in a folder, before any test is run; undefined when it can. */
export function reasonNotApplicable(folder: string, mutant: Mutant): string | undefined {
  if (mutant.edits.length === 0) return 'it has no edit';
  for (const edit of mutant.edits) {
    const text = textOf(join(folder, edit.file));
    const reason = text === undefined ? `${edit.file} does not exist` : reasonAgainst(text, edit);
    if (reason !== undefined) return reason;
  }
  return mutant.tests.find((file) => textOf(join(folder, file)) === undefined);
}

function reasonAgainst(text: string, { file, search, replace }: Edit): string | undefined {
  const places = search === '' ? 0 : text.split(search).length - 1;
  if (places !== 1) return `its text stands in ${places} places of ${file}, need 1`;
  return search === replace ? `it changes nothing in ${file}` : undefined;
}

function verdictOn(mutant: Mutant, run: TestRun): Verdict {
  if (!run.isComplete) return notCaught(mutant, 'a test file did not start, or the run did not end');
  if (run.passed + run.failed === 0) return notCaught(mutant, 'no test ran');
  return run.failed > 0 ? { name: mutant.name, isCaught: true } : notCaught(mutant, `all ${run.passed} tests passed`);
}

function notCaught({ name }: Mutant, reason: string): Verdict {
  return { name, isCaught: false, reason };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
