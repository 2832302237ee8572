/**
 * One JSON file of the program's own state: read with a check of its form, replaced whole.
 * It must never be believed if others can write it, nor silently begun anew if it cannot be read.
 * @module
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from '../exit-status.ts';
import { readRegularFile } from '../files/read-file.ts';
import { makePrivateFolder, writeWholeFile } from '../files/write-file.ts';

const limitBytes = 4 * 1_048_576;

/** The file's content, or undefined if there is none. @throws CommandError 'integrity' */
export function readJsonFile<T>(path: string, isForm: (value: unknown) => value is T): T | undefined {
  if (!existsSync(path)) return undefined;
  const { bytes, stats } = readRegularFile(path, limitBytes, 'the state file');
  // What others can write decides whom this user trusts.
  if ((stats.mode & 0o022) !== 0) {
    throw new CommandError(
      'integrity',
      `Cannot use ${path}: others can write it`,
      `check its content, then: chmod 600 ${path}`,
    );
  }
  const value = parse(bytes);
  if (!isForm(value)) {
    throw new CommandError(
      'integrity',
      `Cannot use ${path}: it is damaged`,
      'restore it from a backup, or remove it and pin again',
    );
  }
  return value;
}

/** Replaces the file; it is on the disk when this returns. */
export function writeJsonFile(path: string, value: unknown): void {
  makePrivateFolder(dirname(path));
  writeWholeFile(path, `${JSON.stringify(value, undefined, 2)}\n`, { isReplacing: true });
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Whether a value is a plain object whose members all have a form. */
export function isRecordOf<T>(value: unknown, isForm: (member: unknown) => member is T): value is Record<string, T> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isForm);
}
