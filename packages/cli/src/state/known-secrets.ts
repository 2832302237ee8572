/**
 * The highest version seen of each secret, so that an older one does not pass for the latest after a rollback.
 * It must never be lowered.
 * @module
 */
import { join } from 'node:path';
import type { VersionMemory } from '@letterlock/client';
import { isRecordOf, readJsonFile, writeJsonFile } from './json-file.ts';

type Versions = Readonly<Record<string, number>>;

/** Fingerprint of the service → path → version, in `known-secrets.json`. */
export class KnownSecretsFile {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'known-secrets.json');
  }

  /** The secrets of one service. */
  of(fingerprint: string): VersionMemory {
    const find = (path: string): number | undefined => {
      const versions = own(this.#read(), fingerprint) ?? {};
      return own(versions, path);
    };
    return {
      get: find,
      set: (path, ver) => {
        // Another run of the program may have seen a later one in the meantime.
        if (ver <= (find(path) ?? 0)) return;
        const all = this.#read();
        writeJsonFile(this.path, { ...all, [fingerprint]: { ...own(all, fingerprint), [path]: ver } });
      },
    };
  }

  #read(): Readonly<Record<string, Versions>> {
    return readJsonFile(this.path, isContent) ?? {};
  }
}

/** A member of its own: a path could be called like one that every object has. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

function isContent(value: unknown): value is Record<string, Versions> {
  return isRecordOf(value, (member): member is Versions => isRecordOf(member, isVersion));
}
