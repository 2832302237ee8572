/**
 * Tells the person at the terminal what happens, on standard error.
 * It must never write to standard output: that is for what scripts read.
 * @module
 */

/** Writes one line. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
