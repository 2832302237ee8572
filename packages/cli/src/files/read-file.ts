/**
 * Reads input files and standard input whole, within a limit.
 * It must never wait for a pipe with a name or read a device without end.
 * @module
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { usage } from '../exit-status.ts';

export interface InputFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly stats: Stats;
}

/** The whole of a regular file. The bytes are the caller's to erase. @throws usage if it is missing, something else, or longer. */
export function readRegularFile(path: string, limitBytes: number, what: string): InputFile {
  const descriptor = openForReading(path, what);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      throw usage(
        `Cannot read ${what}: ${path} is ${kindOf(stats)}`,
        'name a regular file, or pipe the content to standard input',
      );
    }
    if (stats.size > limitBytes) throw tooLong(what, limitBytes);
    // One byte more than expected shows a file that grows.
    const buffer = new Uint8Array(Math.min(stats.size, limitBytes) + 1);
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0) return { bytes: buffer.subarray(0, length), stats };
      if (length === buffer.length) {
        buffer.fill(0);
        throw usage(`Cannot read ${what}: ${path} changed while it was read`, 'try again when nobody writes it');
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** A regular text file as UTF-8, without a byte order mark. @throws usage */
export function readTextFile(path: string, limitBytes: number, what: string): string {
  const { bytes } = readRegularFile(path, limitBytes, what);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw usage(`Cannot read ${what}: ${path} is not UTF-8 text`);
  }
}

/** All of a stream. The bytes are the caller's to erase. @throws usage if it is longer than the limit. */
export async function readStream(
  stream: AsyncIterable<Uint8Array>,
  limitBytes: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > limitBytes) throw tooLong(what, limitBytes);
    }
    const whole = new Uint8Array(length);
    let offset = 0;
    for (const chunk of chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
    }
    return whole;
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}

function openForReading(path: string, what: string): number {
  try {
    // Without O_NONBLOCK, opening a FIFO waits for its writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as { readonly code?: string };
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read by you' : 'cannot be opened';
    throw usage(`Cannot read ${what}: ${path} ${reason}`, 'check the path');
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device';
  return 'not a regular file';
}

function tooLong(what: string, limitBytes: number): Error {
  return usage(
    `Cannot use ${what}: it is longer than ${limitBytes} bytes`,
    'split it, or wrap a key and store the rest elsewhere',
  );
}
