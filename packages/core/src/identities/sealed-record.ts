/**
 * Reads and writes one sealed record under its logical path, with the revision that a change compares.
 * It must never let a record speak for another path than its own.
 * @module
 */
import { canonicalBytes, parseCanonical, ProblemError, type JcsValue, type Reader } from '@letterlock/protocol';
import type { Barrier, Compare, Operation, Store } from '../store/index.ts';

/** A record as read, or its absence; `unchanged` makes a transaction depend on just this state. */
export interface Stored<T> {
  readonly value: T | undefined;
  readonly unchanged: Compare;
}

/** Reads a record. @throws 'internal' (reason storage_integrity), 'unavailable' */
export async function readRecord<T>(
  store: Store,
  barrier: Barrier,
  path: string,
  reader: Reader<T>,
): Promise<Stored<T>> {
  const key = barrier.keyOf(path);
  const { entries } = await store.range({ key });
  const entry = entries[0];
  const unchanged: Compare = { key, field: 'mod', is: '=', revision: entry?.modRevision ?? 0 };
  if (entry === undefined) return { value: undefined, unchanged };
  if (entry.key !== key) throw new ProblemError('internal', { reason: 'storage_integrity' });
  return { value: openValue(barrier, path, entry.value, reader), unchanged };
}

/** Writes a record. @param sealPath - bound into the record; default its own path. */
export function putRecord(barrier: Barrier, path: string, value: JcsValue, sealPath = path): Operation {
  return { do: 'put', key: barrier.keyOf(path), value: barrier.seal(sealPath, canonicalBytes(value)) };
}

/** What a record says. @throws 'internal' (reason storage_integrity) */
export function openValue<T>(barrier: Barrier, sealPath: string, record: Uint8Array, reader: Reader<T>): T {
  const clear = barrier.open(sealPath, record);
  try {
    return reader(parseCanonical(clear), '');
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'storage_integrity', cause });
  }
}
