/**
 * The ceremonies of a durable installation with a quorum, for the test that kills them at every store call.
 * It must never carry anything from one process to the next but what is stored and what admins hold.
 * @module
 */
import { expect } from '@jest/globals';
import { isProblemError } from '@letterlock/protocol';
import type { AuditAct } from '../../audit/record.ts';
import { replicaRegister } from '../../audit/replica-register.ts';
import type { Barrier } from '../../store/barrier.ts';
import type { Store } from '../../store/store.ts';
import type { JournalEntry } from '../../store/testing/journal-store.ts';
import type { CrashScene } from '../../store/testing/kill-everywhere.ts';
import { replicaName } from '../boot-keys.ts';
import type { InstallationOptions } from '../installation.ts';
import { decodeEpoch, systemPaths } from '../system-records.ts';
import { makeTestAdmin, receivedDirect, SealWorld } from './seal-world.ts';

export interface Ceremony {
  readonly name: string;
  readonly acts: readonly AuditAct[];
  readonly isInitialised: boolean;
  readonly isChange: (entry: JournalEntry) => boolean;
  /** What follows the start of the process. */
  readonly run: (world: SealWorld, first: SealWorld) => Promise<unknown>;
  /** @param last - the process that ran through */
  readonly expectDone: (store: Store, barrier: Barrier, last: SealWorld) => Promise<void>;
  readonly firstRecords?: InstallationOptions['firstRecords'];
}

const threshold = 2;
const admins = [makeTestAdmin('alice'), makeTestAdmin('bob'), makeTestAdmin('carol')];

/** A process that has the keys says so by its place in the register, in the very transaction that records the unseal. */
const isEntry = ({ puts }: JournalEntry) => puts.some((key) => key.startsWith(replicaRegister));
const puts = (key: string) => (entry: JournalEntry) => entry.puts.includes(key);

/** The process has the keys, by shares of two admins if need be. */
async function unsealed(world: SealWorld): Promise<SealWorld> {
  if (world.installation.state !== 'unsealed') await world.giveShares(0, 2);
  expect(world.installation.state).toBe('unsealed');
  return world;
}

export const ceremonies: readonly Ceremony[] = [
  {
    name: 'init',
    acts: ['init'],
    isInitialised: false,
    isChange: puts(systemPaths.seal),
    run: async (world) => {
      // The life before may have stored it all, and died before it could say so.
      if (world.installation.state === 'sealed') return unsealed(world);
      const jws = world.initJws(world.admin(), { args: { k: threshold } });
      return world.installation.initialiseByOperation(jws, receivedDirect);
    },
    expectDone: async () => {},
  },
  {
    name: 'unseal',
    acts: ['unseal'],
    isInitialised: true,
    isChange: isEntry,
    run: unsealed,
    expectDone: async () => {},
  },
  {
    name: 'share ack',
    acts: ['share.ack'],
    isInitialised: true,
    isChange: ({ puts: keys }) => keys.some((key) => key.startsWith('sys/ack/')),
    run: async (world) => (await unsealed(world)).acknowledge(world.admin(1)),
    expectDone: async (store) => {
      expect((await store.range({ prefix: 'sys/ack/', limit: 10 })).entries).toHaveLength(1);
    },
  },
  {
    name: 'seal',
    acts: ['seal'],
    isInitialised: true,
    isChange: puts(systemPaths.epoch),
    run: async (world, first) => {
      await unsealed(world);
      const { permitted, operation } = await signedSeal(first);
      try {
        await world.installation.seal(permitted, operation);
      } catch (error) {
        if (!isProblemError(error) || error.reason !== 'operation_applied') throw error;
      }
    },
    expectDone: async (store, barrier) => {
      const [entry] = (await store.range({ key: systemPaths.epoch })).entries;
      expect(decodeEpoch(barrier.open(systemPaths.epoch, entry!.value))).toBe(1);
    },
  },
];

const signedSeals = new WeakMap<SealWorld, ReturnType<SealWorld['permitted']>>();

/** One signed operation in all lives: what was applied in one must not be applied again in the next. */
async function signedSeal(first: SealWorld) {
  let signed = signedSeals.get(first) as ReturnType<typeof first.permitted<'seal'>> | undefined;
  if (signed === undefined) {
    signed = first.permitted('seal', {});
    signedSeals.set(first, signed);
  }
  return signed;
}

/** An installation that is ready for the ceremony, over a store. */
export async function prepareCeremony(ceremony: Ceremony, store: Store): Promise<CrashScene> {
  const { firstRecords } = ceremony;
  const options = {
    store,
    admins,
    threshold,
    isTransient: false,
    ...(firstRecords === undefined ? {} : { firstRecords }),
  } as const;
  const first = new SealWorld(options);
  await first.installation.load();
  if (ceremony.isInitialised) await first.installation.initialise();
  let barrier: Barrier | undefined = first.installation.unsealed?.barrier;
  let last = first;
  return {
    start: (from) => {
      const world = new SealWorld({ ...options, store: from, testClock: first.clock });
      const { installation } = world;
      last = world;
      installation.onUnsealed((keys) => {
        barrier ??= keys.barrier;
      });
      return {
        replica: replicaName(world.boot),
        lastSeq: () => installation.audit.lastSeq,
        run: async () => {
          await installation.load();
          await ceremony.run(world, first);
        },
      };
    },
    barrier: () => barrier!,
    isChange: ceremony.isChange,
    acts: ceremony.acts,
    expectWhole: async () => {
      const { schema, seal, keyring, epoch } = systemPaths;
      const then = [schema, seal, keyring, epoch].map((key) => ({ do: 'get', key }) as const);
      const { entries } = await store.transact({ compare: [], then });
      expect([0, then.length]).toContain(entries.filter((entry) => entry !== undefined).length);
    },
    expectDone: () => ceremony.expectDone(store, barrier!, last),
  };
}
