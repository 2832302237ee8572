/**
 * Writes all files of a pod as one set: a new folder, then one rename of the symbolic link `..data`, as the kubelet does.
 * It must never show a reader files of two sets, nor change a file that a reader may have open.
 * @module
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** One file as it is to be. */
export interface FileToWrite {
  /** Relative, without `.` and `..`. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Such as 0o440. */
  readonly mode: number;
}

const dataLink = '..data';
const setPrefix = '..set-';
/** Readers have the group of the files, and may walk through. */
const folderMode = 0o755;

/** Replaces the set below `root`. The files that are no longer in it are gone. @throws the system's error, with the old set in place */
export function writeSet(root: string, files: readonly FileToWrite[]): void {
  const name = `${setPrefix}${randomBytes(9).toString('hex')}`;
  const folder = join(root, name);
  try {
    mkdirSync(folder, { mode: folderMode });
    for (const file of files) writeFile(folder, file);
    const fresh = join(root, `..next-${name}`);
    symlinkSync(name, fresh);
    renameSync(fresh, join(root, dataLink));
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  linkTops(root, new Set(files.map(({ path }) => topOf(path))));
  removeOthers(root, name);
}

/** Whether a set was written, by this process or one before it. */
export function hasSet(root: string): boolean {
  return lstatSync(join(root, dataLink), { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function writeFile(folder: string, { path, content, mode }: FileToWrite): void {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true, mode: folderMode });
  const file = openSync(target, 'wx', 0o600);
  try {
    for (let at = 0; at < content.length;) at += writeSync(file, content, at);
    // The mode does not depend on the process's mask.
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The first names of all paths, as links through `..data`. */
function linkTops(root: string, tops: ReadonlySet<string>): void {
  for (const top of tops) {
    const link = join(root, top);
    const wanted = join(dataLink, top);
    const found = lstatSync(link, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() === true && readlinkSync(link) === wanted) continue;
    const fresh = join(root, `..link-${randomBytes(9).toString('hex')}`);
    symlinkSync(wanted, fresh);
    renameSync(fresh, link);
  }
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isSymbolicLink() || entry.name === dataLink || tops.has(entry.name)) continue;
    if (readlinkSync(join(root, entry.name)).startsWith(`${dataLink}/`)) unlinkSync(join(root, entry.name));
  }
}

function removeOthers(root: string, current: string): void {
  for (const { name } of readdirSync(root, { withFileTypes: true })) {
    const isOld = name.startsWith(setPrefix) && name !== current;
    if (isOld || /^\.\.(?:next|link)-/.test(name)) rmSync(join(root, name), { recursive: true, force: true });
  }
}

function topOf(path: string): string {
  return path.split('/', 1)[0]!;
}
