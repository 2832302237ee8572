/**
 * Finds a program of this machine, for an image that holds it.
 * It must never run it.
 * @module
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Its path. @throws Error if it is not installed */
export function findProgram(name: string, path = process.env['PATH'] ?? ''): string {
  const found = path
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
  if (found === undefined) throw new Error(`Cannot make an image: ${name} is not installed`);
  return found;
}
