/**
 * The openssl program, which makes the key files of other tools.
 * It must never be skipped where it is missing: the tests fail and say so.
 * @module
 */
import { spawnSync } from 'node:child_process';

/** Runs openssl. @throws Error if it is missing or fails */
export function openssl(...words: readonly string[]): void {
  const { error, status, stderr } = spawnSync('openssl', words, { encoding: 'utf8' });
  if (error !== undefined)
    throw new Error('Cannot run this test: the program openssl is not installed', { cause: error });
  if (status !== 0) throw new Error(`openssl ${words[0] ?? ''} failed: ${stderr}`);
}
