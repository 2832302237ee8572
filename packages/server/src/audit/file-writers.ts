/**
 * Writes audit lines to a file, with one fdatasync for each batch, or to standard output.
 * It must never leave half a line behind, nor write into a file that is not one of audit lines.
 * @module
 */
import {
  closeSync,
  constants,
  fdatasync as fdatasyncOf,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  write as writeOf,
} from 'node:fs';
import { promisify } from 'node:util';
import { encodeLines, type LineWriter } from './line-writer.ts';

const write = promisify(writeOf);
const fdatasync = promisify(fdatasyncOf);

const onlyOwner = 0o600;
/** More than a line can have. */
const longestLineBytes = 65_536;
const lineEnd = 0x0a;
const lineBegin = '{"';

/** @throws the system's error when the file cannot be written, TypeError when it is not one of lines */
export function fileWriter(path: string): LineWriter {
  let descriptor = openLines(path);
  return {
    kind: 'file',
    async write(lines) {
      descriptor = reopenIfMoved(path, descriptor);
      const { size } = fstatSync(descriptor);
      try {
        await writeAll(descriptor, encodeLines(lines));
        await fdatasync(descriptor);
      } catch (error) {
        // Whatever was written of the batch comes again.
        ftruncateSync(descriptor, size);
        throw error;
      }
    },
    close: async () => closeSync(descriptor),
  };
}

/** Standard output; what is behind it decides when it is safe. */
export function stdoutWriter(descriptor = 1): LineWriter {
  let rest: Buffer | undefined;
  return {
    kind: 'stdout',
    async write(lines) {
      // What was written cannot be taken back: a batch that comes again goes on where it stopped.
      rest ??= encodeLines(lines);
      while (rest.length > 0) rest = rest.subarray((await write(descriptor, rest)).bytesWritten);
      rest = undefined;
    },
    close: async () => {},
  };
}

async function writeAll(descriptor: number, bytes: Buffer): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += (await write(descriptor, bytes, at)).bytesWritten;
}

function openLines(path: string): number {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, onlyOwner);
  try {
    dropHalfLine(descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return descriptor;
}

/** A process that ended while it wrote leaves half a line, whose record the store has. */
function dropHalfLine(descriptor: number): void {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) throw new TypeError('expected a regular file');
  const tail = Buffer.alloc(Math.min(stat.size, longestLineBytes));
  readSync(descriptor, tail, 0, tail.length, stat.size - tail.length);
  if (tail.length === 0 || tail.at(-1) === lineEnd) return;
  const begin = tail.lastIndexOf(lineEnd) + 1;
  const isWhole = begin > 0 || stat.size <= longestLineBytes;
  const half = tail.subarray(begin, begin + lineBegin.length).toString('latin1');
  if (!isWhole || !lineBegin.startsWith(half)) throw new TypeError('expected a file of audit lines');
  ftruncateSync(descriptor, stat.size - tail.length + begin);
}

/** Rotation by renaming: the next batch goes to a new file under the old name. */
function reopenIfMoved(path: string, descriptor: number): number {
  const open = fstatSync(descriptor);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined && found.ino === open.ino && found.dev === open.dev) return descriptor;
  const reopened = openLines(path);
  closeSync(descriptor);
  return reopened;
}
