/**
 * Identities and grants of the configuration, applied once at initialisation: a mark in the store stands until all are there.
 * It must never run on an installation that has no such mark: what admins changed since counts.
 * @module
 */
import { integer, object, type Grant } from '@letterlock/protocol';
import type { Barrier, Operation, Store } from '../store/index.ts';
import type { GrantRegistry } from './grant-registry.ts';
import type { IdentityRegistry } from './identity-registry.ts';
import { putRecord, readRecord } from './sealed-record.ts';

export interface InitialState {
  /** Keyset JWSs. */
  readonly identities: readonly string[];
  readonly grants: readonly Grant[];
}

const markPath = 'sys/initial';
const markReader = object({ v: integer(1, 1) });

/** For the transaction that stores the installation: identities and grants are still to come. Under the barrier, so that nobody else can ask for them. */
export function markInitial(barrier: Barrier): Operation {
  return putRecord(barrier, markPath, { v: 1 });
}

/**
 * Applies the initial state if the mark is there, then takes the mark away; after a crash the next call goes on.
 * Each step is audited with factor `configuration`.
 * @returns whether there was anything to do. @throws 'bad_encoding', 'bad_key', 'bad_proof', 'conflict', 'unavailable'
 */
export async function applyInitial(
  initial: InitialState,
  o: {
    readonly store: Store;
    readonly barrier: Barrier;
    readonly identities: IdentityRegistry;
    readonly grants: GrantRegistry;
  },
): Promise<boolean> {
  const { value, unchanged } = await readRecord(o.store, o.barrier, markPath, markReader);
  if (value === undefined) return false;
  for (const jws of initial.identities) await o.identities.applyConfigured(jws);
  for (const grant of initial.grants) await o.grants.applyConfigured(grant);
  await o.store.transact({ compare: [unchanged], then: [{ do: 'delete', key: unchanged.key }] });
  return true;
}
