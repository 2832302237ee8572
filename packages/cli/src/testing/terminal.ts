/**
 * Runs the program at a real pseudo-terminal, which Node cannot make: Python 3 does.
 * It must never be skipped where Python is missing: the tests fail and say so.
 * @module
 */
import { join } from 'node:path';
import { finish, program, startProgram, type RunOptions } from './run-cli.ts';

export interface TerminalRun {
  readonly status: number;
  /** Everything that the terminal showed. */
  readonly output: string;
}

/** Runs a command line; each entry of `typing` waits for a text and then types another. */
export async function runAtTerminal(
  command: readonly string[],
  typing: readonly (readonly [await: string, type: string])[],
  options: RunOptions,
): Promise<TerminalRun> {
  const helper = join(import.meta.dirname, 'pseudo-terminal.py');
  const child = startProgram('python3', [helper, JSON.stringify(typing), program, ...command], {
    ...options,
    timeLimitMilliseconds: 40_000,
  });
  const { stdout, stderr } = await finish(child);
  if (stdout === '') throw new Error(`Cannot run this test: python3 failed: ${stderr}`);
  return JSON.parse(stdout) as TerminalRun;
}
