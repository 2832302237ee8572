/**
 * Every kind of write that wraps make, each as one call on a wrap that is ready for it.
 * It must never count a write by what its caller was told: only what is stored counts.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { AuditAct, AuditRecord, Store } from '@letterlock/core';
import { makeClaim, reader, writer, WrapWorld, type MadeWrap } from '@letterlock/core/testing';
import { isProblemError, parseCanonical } from '@letterlock/protocol';
import { ArmingStore } from './arming-store.ts';

/** A world of its own for each kind: its keys lie below a prefix that no other world uses. */
export interface WritesWorld {
  readonly world: WrapWorld;
  readonly store: ArmingStore;
  readonly replica: string;
}

export function makeWorld(inner: Store): WritesWorld {
  const store = new ArmingStore(inner);
  const replica = randomUUID().replaceAll('-', '').slice(0, 11);
  return { world: new WrapWorld({ store: () => store, replica }), store, replica };
}

type Ready = {
  readonly id: string;
  /** The write. @throws ProblemError as clients see it */
  readonly write: () => Promise<unknown>;
};

interface WriteKind {
  readonly name: string;
  readonly act: AuditAct;
  readonly prepare: (world: WrapWorld, wrap: MadeWrap) => Promise<Ready>;
}

async function stored(world: WrapWorld, wrap: MadeWrap): Promise<string> {
  await world.storeAs(writer, wrap);
  return wrap.id;
}

export const writeKinds: readonly WriteKind[] = [
  {
    name: 'store',
    act: 'wrap.store',
    prepare: async (world, wrap) => ({ id: wrap.id, write: () => world.storeAs(writer, wrap) }),
  },
  {
    name: 'claim',
    act: 'wrap.open',
    prepare: async (world, wrap) => {
      const id = await stored(world, wrap);
      const { request } = makeClaim();
      return { id, write: () => world.openAs(reader, id, request) };
    },
  },
  {
    name: 'redeliver',
    act: 'wrap.redeliver',
    prepare: async (world, wrap) => {
      const id = await stored(world, wrap);
      const { request } = makeClaim();
      await world.openAs(reader, id, request);
      return { id, write: () => world.openAs(reader, id, request) };
    },
  },
  {
    name: 'acknowledge',
    act: 'wrap.acknowledge',
    prepare: async (world, wrap) => {
      const id = await stored(world, wrap);
      const { request, cid } = makeClaim();
      await world.openAs(reader, id, request);
      return { id, write: () => world.acknowledgeAs(reader, id, { cid }) };
    },
  },
  {
    name: 'revoke',
    act: 'wrap.revoke',
    prepare: async (world, wrap) => {
      const id = await stored(world, wrap);
      return { id, write: () => world.revokeAs(writer, id) };
    },
  },
  {
    name: 'burn',
    act: 'wrap.burn',
    prepare: async (world, wrap) => {
      const id = await stored(world, wrap);
      await world.openAs(reader, id, makeClaim().request);
      world.clock.advance(61);
      return { id, write: () => world.statusAs(writer, id) };
    },
  },
  {
    name: 'expire',
    act: 'wrap.expire',
    prepare: async (world, wrap) => {
      const id = await stored(world, wrap);
      world.clock.advance(86_401);
      return { id, write: () => world.statusAs(writer, id) };
    },
  },
];

/** What a caller was told. `unknown`: to ask again. */
export type Told = 'done' | 'refused' | 'unknown';

export async function toldBy(write: () => Promise<unknown>): Promise<Told> {
  try {
    await write();
    return 'done';
  } catch (error) {
    if (isProblemError(error) && error.code === 'unavailable') return 'unknown';
    if (isProblemError(error) && error.status < 500) return 'refused';
    throw error;
  }
}

/** How often each act happened to each wrap, by the audit records, which are stored with the change or not at all. */
export async function actsIn(
  { audit, barrier }: WrapWorld,
  inner: Store,
  replica: string,
): Promise<Map<string, number>> {
  const acts = new Map<string, number>();
  const paths = Array.from({ length: audit.lastSeq }, (_, index) => `au/${replica}/${index + 1}`);
  for (let at = 0; at < paths.length; at += 128) {
    const some = paths.slice(at, at + 128);
    const then = some.map((path) => ({ do: 'get', key: barrier.keyOf(path) }) as const);
    const { entries } = await inner.transact({ compare: [], then });
    for (const [index, entry] of entries.entries()) {
      if (entry === undefined) continue;
      const record = parseCanonical(barrier.open(some[index]!, entry.value)) as unknown as AuditRecord;
      if (record.outcome !== 'ok') continue;
      const name = `${record.act} ${record.obj}`;
      acts.set(name, (acts.get(name) ?? 0) + 1);
    }
  }
  return acts;
}
