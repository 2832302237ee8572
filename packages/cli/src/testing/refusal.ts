/**
 * How a refusal of the program looks: its status, one line on standard error, nothing on standard output.
 * @module
 */
import { expect } from '@jest/globals';
import type { Ran } from './run-cli.ts';

/** What is compared of a run. */
export async function ending(ran: Promise<Ran>) {
  const { status, stdout, stderr } = await ran;
  return { status, stdout, stderr, lines: stderr.split('\n').length - 1 };
}
/** A usage error whose line matches. */
export function refused(message: RegExp) {
  return { status: 2, stdout: '', stderr: expect.stringMatching(message), lines: 1 };
}
