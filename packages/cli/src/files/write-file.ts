/**
 * Writes files that are whole or absent: temporary file, fsync, rename, fsync of the folder.
 * It must never leave a part of a secret behind, nor make one readable for others.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { usage } from '../exit-status.ts';

export interface WriteOptions {
  /** Whether an existing regular file is replaced. Default false. */
  readonly isReplacing?: boolean;
  /** Default 0o600. */
  readonly mode?: number;
}

/** Refuses a target that cannot be written or would be overwritten, before anything irreversible is done. @throws usage */
export function checkTarget(path: string, isReplacing: boolean): void {
  const folder = dirname(path);
  const folderStats = lstatSync(folder, { throwIfNoEntry: false });
  if (folderStats === undefined)
    throw usage(`Cannot write ${path}: its folder does not exist`, `make it with: mkdir -p ${folder}`);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isFile()) throw usage(`Cannot write ${path}: it exists and is not a regular file`, 'name another file');
  if (!isReplacing) throw usage(`Cannot write ${path}: it exists`, 'name another file, or replace it with --force');
}

/** Writes all bytes or nothing, and returns when they are on the disk. @throws usage if it exists and is not to be replaced */
export function writeWholeFile(path: string, content: Uint8Array | string, options: WriteOptions = {}): void {
  const isReplacing = options.isReplacing ?? false;
  checkTarget(path, isReplacing);
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  const descriptor = openSync(temporary, 'wx', options.mode ?? 0o600);
  try {
    try {
      for (let offset = 0; offset < bytes.length;) offset += writeSync(descriptor, bytes, offset);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (isReplacing) renameSync(temporary, path);
    else moveWithoutReplacing(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw writeFailure(path, cause);
  }
}

/** Makes a folder that only the user can enter. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Makes the removal or the new name of a file in a folder last. */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A link fails where a rename would replace what appeared in the meantime. */
function moveWithoutReplacing(temporary: string, path: string): void {
  linkSync(temporary, path);
  rmSync(temporary);
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'a file may not be that long here',
  EACCES: 'you may not write there',
  EROFS: 'the disk is read-only',
  EEXIST: 'it exists',
};

function writeFailure(path: string, cause: unknown): unknown {
  const { code = '' } = cause as { readonly code?: string };
  return Object.hasOwn(reasons, code)
    ? usage(`Cannot write ${path}: ${reasons[code]!}; nothing was left behind`, 'name another file')
    : cause;
}
