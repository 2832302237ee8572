/**
 * Which server images a replica may run to be unsealed by another one: `sys/boot-images`, from the configuration at
 * initialisation, later by a quorum alone. It must never be taken for any image when it cannot be read.
 * @module
 */
import {
  array,
  canonicalBytes,
  imageDigest,
  integer,
  isProblemError,
  limits,
  object,
  parseCanonical,
  seconds,
} from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Entry, Operation } from '../store/store.ts';
import { systemPaths } from './system-records.ts';

const record = object({ at: seconds, images: array(imageDigest, limits.bootImages), v: integer(1, 1) });
const path = systemPaths.bootImages;

/** @param images - `sha256:` and 64 hexadecimal digits each. */
export function putBootImages(barrier: Barrier, images: readonly string[], at: number): Operation {
  const value = canonicalBytes({ at, images: [...images], v: 1 });
  return { do: 'put', key: barrier.keyOf(path), value: barrier.seal(path, value) };
}

/** An absent or damaged record says none. */
export function readBootImages(barrier: Barrier, entry: Entry | undefined): readonly string[] {
  if (entry === undefined) return [];
  try {
    return record(parseCanonical(barrier.open(path, entry.value)), '').images;
  } catch (error) {
    if (isProblemError(error) && error.code !== 'sealed') return [];
    throw error;
  }
}
