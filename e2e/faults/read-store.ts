/**
 * Reads what a run has left in the store: the states of all wraps and every audit record, opened with the admins' shares.
 * It must never ask the service: what it says of itself is what is judged.
 * @module
 */
import { isDeepStrictEqual } from 'node:util';
import type { Barrier, Entry, Store } from '@letterlock/core';
import { openState, openWithShares, statePrefix } from '@letterlock/core/testing/stored-records';
import { auditRecordClaims, readClaims } from '@letterlock/protocol';
import type { StoredState, TrailRecord } from './check-audit.ts';
import type { Installation } from './installation.ts';

const pageLimit = 500;
/** Each takes some seconds. */
const readAttempts = 10;

export interface StoreContents {
  readonly states: readonly StoredState[];
  readonly records: readonly TrailRecord[];
}

export async function readStore({ etcd, replicas, adminKeys }: Installation): Promise<StoreContents> {
  const store = etcd.openStore();
  try {
    using barrier = await openWithShares(store, adminKeys);
    // Replicas still burn what nobody acknowledged: states and records belong together when nothing changed between.
    let before = await statesOf(store, barrier);
    for (let attempt = 0; attempt < readAttempts; attempt += 1) {
      const records: TrailRecord[] = [];
      for (const name of replicas.flatMap(({ auditNames }) => auditNames)) {
        for await (const record of trailOf(store, barrier, name)) records.push(record);
      }
      const states = await statesOf(store, barrier);
      if (isDeepStrictEqual(states, before)) return { states, records };
      before = states;
    }
    throw new Error(`Cannot judge: the states changed during each of ${readAttempts} readings`);
  } finally {
    store.close();
  }
}

async function statesOf(store: Store, barrier: Barrier): Promise<readonly StoredState[]> {
  const states: StoredState[] = [];
  for await (const entry of entriesBelow(store, statePrefix(barrier))) {
    const { record } = openState(barrier, entry.key, entry);
    states.push({ id: record!.id, s: record!.s, deliveries: record!.claim?.n ?? 0 });
  }
  return states;
}

/** All records of one process. Numbers without a record are void or were under way when it was killed. */
async function* trailOf(store: Store, barrier: Barrier, name: string): AsyncGenerator<TrailRecord> {
  const entries = new Map<string, Entry>();
  for await (const entry of entriesBelow(store, `${barrier.keyOf(`au/${name}`)}/`)) entries.set(entry.key, entry);
  for (let seq = 1; entries.size > 0; seq += 1) {
    const path = `au/${name}/${seq}`;
    const key = barrier.keyOf(path);
    const entry = entries.get(key);
    entries.delete(key);
    if (entry !== undefined) yield readClaims(auditRecordClaims, barrier.open(path, entry.value));
  }
}

async function* entriesBelow(store: Store, prefix: string): AsyncGenerator<Entry> {
  let after: string | undefined;
  for (let hasMore = true; hasMore;) {
    const page = await store.range({ prefix, limit: pageLimit, ...(after === undefined ? {} : { after }) });
    yield* page.entries;
    after = page.entries.at(-1)?.key ?? after;
    hasMore = page.hasMore && page.entries.length > 0;
  }
}
