/**
 * Reads the vectors of published standards, kept in vectors/rfc at the repository's root.
 * It must never be imported outside tests.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SignatureVector {
  readonly name: string;
  readonly key?: Readonly<Record<string, string>>;
  readonly compact: string;
  readonly payload: string;
  /** Why our allow-list does not take it; absent where it does. */
  readonly refused?: string;
}

export interface EncryptionVector {
  readonly name: string;
  readonly key?: Readonly<Record<string, string>>;
  readonly contentKey?: string;
  readonly compact: string;
  readonly plaintext: string;
  readonly refused: string;
}

const folder = join(import.meta.dirname, '../../../../vectors/rfc');

/** One vector file, by the name of its standard. */
export function rfcVectors(name: string): unknown {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}
