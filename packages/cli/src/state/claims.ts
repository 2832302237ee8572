/**
 * One file per open in progress: the claim id and every request sent under it, on the disk before the request leaves.
 * It must never be removed before the acknowledgement is answered: whoever loses a claim id loses the content.
 * @module
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../files/write-file.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';

export interface Claim {
  /** Id of the wrap, 22 characters. */
  readonly id: string;
  /** Claim id, 22 characters. */
  readonly cid: string;
  /** Hashes of the open requests that were sent, in order, 43 characters each. */
  readonly sentBodyHashes: readonly string[];
  /** Origin of the server. */
  readonly origin: string;
  /** Identity that opens. */
  readonly reader: string;
  /** Where the content is safe, once it is: then only the acknowledgement is missing. */
  readonly savedTo?: string;
}

/** `claims/` of the state folder. */
export class ClaimsFolder {
  readonly path: string;

  constructor(stateFolder: string) {
    this.path = join(stateFolder, 'claims');
  }

  find(id: string): Claim | undefined {
    return readJsonFile(this.#file(id), isClaim);
  }

  /** The claim is on the disk when this returns. */
  save(claim: Claim): void {
    writeJsonFile(this.#file(claim.id), claim);
  }

  remove(id: string): void {
    rmSync(this.#file(id), { force: true });
    syncFolder(this.path);
  }

  /** Ids of the opens in progress. */
  ids(): readonly string[] {
    try {
      return readdirSync(this.path)
        .filter((name) => /^[A-Za-z0-9_-]{22}\.json$/.test(name))
        .map((name) => name.slice(0, 22));
    } catch {
      return [];
    }
  }

  #file(id: string): string {
    // The id becomes a file name.
    if (!/^[A-Za-z0-9_-]{22}$/.test(id)) throw new TypeError('Cannot name a claim: a wrap id has 22 characters');
    return join(this.path, `${id}.json`);
  }
}

function isClaim(value: unknown): value is Claim {
  const claim = value as Partial<Record<keyof Claim, unknown>> | null;
  return (
    typeof claim === 'object' &&
    claim !== null &&
    typeof claim.id === 'string' &&
    typeof claim.cid === 'string' &&
    /^[A-Za-z0-9_-]{22}$/.test(claim.cid) &&
    Array.isArray(claim.sentBodyHashes) &&
    claim.sentBodyHashes.every((hash) => typeof hash === 'string') &&
    typeof claim.origin === 'string' &&
    typeof claim.reader === 'string' &&
    (claim.savedTo === undefined || typeof claim.savedTo === 'string')
  );
}
