/**
 * Where a secret that is stored comes from: a file, standard input, or a person at a terminal.
 * It must never be the command line.
 * @module
 */
import { limits } from '@letterlock/protocol';
import type { Context } from './context.ts';
import { readRegularFile, readStream } from './files/read-file.ts';
import { readHidden } from './prompt.ts';

/** The bytes, for the caller to erase. @param file - absent or `-`: standard input. @throws usage */
export async function readSecret(context: Context, file: string | undefined): Promise<Uint8Array<ArrayBuffer>> {
  if (file !== undefined && file !== '-') return readRegularFile(file, limits.contentBytes, 'the secret').bytes;
  if (context.terminal.isInteractive) return readHidden(context.terminal, 'Secret (one line, not shown)', 'use --file');
  return readStream(context.input, limits.contentBytes, 'the secret');
}
