/**
 * Key files on the disk: read only if nobody else can read them, written whole with mode 0600.
 * It must never print or keep key bytes, and never replace a key unasked.
 * @module
 */
import { basename } from 'node:path';
import { formatKeyFile, parseKeyFile, type KeyFile } from '@letterlock/client';
import { CommandError, usage } from '../exit-status.ts';
import { readRegularFile } from './read-file.ts';
import { writeWholeFile } from './write-file.ts';

const limitBytes = 65_536;

/** The fix of the mode of a key file, or of another secret one; undefined if only its owner can read it. */
export function permissionProblem(path: string, mode: number, what = 'the key'): CommandError | undefined {
  if ((mode & 0o077) === 0) return undefined;
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  return new CommandError(
    'usage',
    `Cannot use ${what} ${path}: its mode is ${shown}, others can read it (key_permissions)`,
    `chmod 600 ${path}`,
  );
}

/** Reads the keys of a file. @throws usage for its mode, its form or its absence */
export function readKeyFile(path: string): KeyFile {
  const { bytes, stats } = readRegularFile(path, limitBytes, 'the key file');
  try {
    const problem = permissionProblem(path, stats.mode);
    if (problem !== undefined) throw problem;
    return parseKeyFile(bytes);
  } catch (cause) {
    if ((cause as { readonly name?: string }).name !== 'KeyFileError') throw cause;
    throw usage(`${(cause as Error).message} (${basename(path)})`);
  } finally {
    bytes.fill(0);
  }
}

/** Writes keys with mode 0600. @throws usage if the file exists and is not to be replaced */
export function writeKeyFile(path: string, keys: KeyFile, isReplacing: boolean): void {
  using content = formatKeyFile(keys);
  writeWholeFile(path, content.expose(), { isReplacing });
}
