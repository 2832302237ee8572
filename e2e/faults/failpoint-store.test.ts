import { describe, expect, test } from '@jest/globals';
import type { MemoryStore, Store } from '@letterlock/core';
import { FaultyStore, makeClaim, reader, writer, WrapWorld } from '@letterlock/core/testing';
import { FailpointStore, type TransactionKind } from './failpoint-store.ts';

interface World {
  readonly world: WrapWorld;
  readonly store: FailpointStore;
  readonly below: FaultyStore;
  /** What was there each time that the process should have died. */
  readonly deaths: number[];
  readonly misreported: (TransactionKind | undefined)[];
}

function makeWorld(): World {
  const deaths: number[] = [];
  const misreported: (TransactionKind | undefined)[] = [];
  let made: { readonly store: FailpointStore; readonly below: FaultyStore } | undefined;
  const around = (memory: Store): Store => {
    const below = new FaultyStore(memory);
    const store = new FailpointStore(below, {
      die: () => deaths.push((memory as MemoryStore).size),
      onMisreported: (kind) => misreported.push(kind),
    });
    made = { store, below };
    return store;
  };
  const world = new WrapWorld({ store: around });
  return { world, ...made!, deaths, misreported };
}

const acts: Readonly<Partial<Record<TransactionKind, (world: WrapWorld) => Promise<unknown>>>> = {
  store: async (world) => world.storeAs(writer, await world.makeWrap()),
  claim: async (world) => {
    const wrap = await world.makeWrap();
    await world.storeAs(writer, wrap);
    return world.openAs(reader, wrap.id, makeClaim().request);
  },
  end: async (world) => {
    const wrap = await world.makeWrap();
    await world.storeAs(writer, wrap);
    return world.revokeAs(writer, wrap.id);
  },
  audit: (world) => world.openAs(reader, 'AAAAAAAAAAAAAAAAAAAAAA', makeClaim().request).catch(() => undefined),
};

describe('FailpointStore', () => {
  test.each(Object.keys(acts) as TransactionKind[])('dies once after %s, when it has happened', async (transaction) => {
    const { world, store, deaths } = makeWorld();
    store.arm({ at: 'after', transaction });
    await acts[transaction]!(world);
    expect(deaths).toEqual([world.memory.size]);
  });

  test.each(['store', 'audit'] as const)('dies once before %s, when nothing has happened', async (transaction) => {
    const { world, store, deaths } = makeWorld();
    store.arm({ at: 'before', transaction });
    await acts[transaction]!(world);
    expect(deaths).toEqual([0]);
  });

  test('does not die of anything else', async () => {
    const { world, store, deaths } = makeWorld();
    store.arm({ at: 'before', transaction: 'read' });
    for (const act of Object.values(acts)) await act(world);
    expect(deaths).toEqual([]);
  });

  test('notices a transaction that is answered as not done although it was', async () => {
    const { world, below, misreported } = makeWorld();
    const wrap = await world.makeWrap();
    await world.storeAs(writer, wrap);
    let struck = 0;
    below.choose = ({ transaction }) => (transaction !== undefined && (struck += 1) === 1 ? 'sent_twice' : 'none');
    await world.openAs(reader, wrap.id, makeClaim().request);
    expect(misreported).toEqual(['claim']);
  });

  test('does not take a true refusal for one', async () => {
    const { world, misreported } = makeWorld();
    const wrap = await world.makeWrap();
    await world.storeAs(writer, wrap);
    await world.storeAs(writer, wrap);
    await Promise.allSettled([makeClaim(), makeClaim()].map(({ request }) => world.openAs(reader, wrap.id, request)));
    expect(misreported).toEqual([]);
  });
});
