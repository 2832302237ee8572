import { beforeEach, describe, expect, test } from '@jest/globals';
import { isProblemError } from '@letterlock/protocol';
import { FaultyStore, faults, type Fault } from '../store/testing/faulty-store.ts';
import { JournalStore } from '../store/testing/journal-store.ts';
import { envelopePath, versionKey } from './secret-record.ts';
import { path, reader, SecretsWorld, stranger, writer, type MadeVersion } from './testing/secrets-world.ts';

let journal: JournalStore;
let world: SecretsWorld;
let versions: readonly MadeVersion[];

beforeEach(async () => {
  world = new SecretsWorld({
    store: (memory) => {
      journal = new JournalStore(memory);
      return journal;
    },
  });
  versions = [await world.make(1), await world.make(2)];
});

interface Operation {
  readonly name: string;
  /** What comes before it, without faults. */
  readonly before: readonly (() => Promise<unknown>)[];
  readonly run: () => Promise<unknown>;
}
const write = (index: number) => () => world.write(versions[index]!);
const operations: readonly Operation[] = [
  { name: 'the first write', before: [], run: write(0) },
  { name: 'the next write', before: [write(0)], run: write(1) },
  { name: 'read', before: [write(0)], run: () => world.contentOf() },
  { name: 'destroy', before: [write(0), write(1)], run: () => world.destroy(1) },
];
const kinds = faults.filter((fault) => fault !== 'delayed');
/** One fault at each call, and each pair of faults in a row: the recovery fails too. */
const plans: readonly (readonly Fault[])[] = [0, 1, 2, 3].flatMap((calls) => {
  const untouched = Array.from({ length: calls }, (): Fault => 'none');
  return kinds.flatMap((first) => [[...untouched, first], ...kinds.map((second) => [...untouched, first, second])]);
});

/** Every change of a version has one record in its transaction, and no audit number is lost. */
async function expectAccounted(): Promise<void> {
  await world.audit.resolve(journal, { limit: 1000 });
  await world.store.deliverLate();
  await world.list();
  const auditParent = `${world.barrier.keyOf('au')}/`;
  const keys = [1, 2].map((ver) => versionKey(world.barrier, path, ver));
  const changes = journal.journal.filter(({ puts }) => puts.some((key) => keys.includes(key)));
  for (const { puts } of changes) expect(puts.filter((key) => key.startsWith(auditParent))).toHaveLength(1);
  const records = await world.recordsOf();
  const stored = records.filter((record) => record !== undefined);
  const changing = stored.filter(
    ({ act, outcome }) => outcome === 'ok' && ['secret.write', 'secret.destroy'].includes(act),
  );
  expect(changing).toHaveLength(changes.length);
  const voided = stored.flatMap((record) => record.void);
  expect(
    records.flatMap((record, index) => (record === undefined && !voided.includes(index + 1) ? [index + 1] : [])),
  ).toEqual([]);
  const real = stored.filter(({ act }) => act !== 'audit.void').map(({ seq }) => seq);
  expect(real.filter((seq) => voided.includes(seq))).toEqual([]);
  expect(world.audit.openOutcomes).toBe(0);
}

describe('every fault at every call of the store', () => {
  const cases = operations.flatMap((operation) =>
    plans.map((plan) => ({ ...operation, plan: plan.join(', '), faultsAt: plan })),
  );

  test.each(cases)(
    '$name with $plan: the retry converges, nothing is unrecorded',
    async ({ before, run, faultsAt }) => {
      for (const step of before) await step();
      const firstCall = world.store.calls;
      world.store.choose = ({ index }) => faultsAt[index - firstCall] ?? 'none';
      const outcomes = await Promise.allSettled([run()]);
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      expect(refused.filter((reason) => !isProblemError(reason) || reason.code !== 'unavailable')).toEqual([]);
      world.store.choose = () => 'none';
      await run();
      await expectAccounted();
    },
  );

  test('a delivery whose answers were lost is recorded each time that the store was asked for it', async () => {
    await world.write(versions[0]!);
    const firstCall = world.store.calls;
    // Latest, version, then the recorded delivery.
    world.store.choose = ({ index }) => (index - firstCall === 2 ? 'answer_lost' : 'none');
    expect(await world.contentOf()).toBe('content 1');
    const reads = (await world.recordsOf()).filter(
      (record) => record?.act === 'secret.read' && record.outcome === 'ok',
    );
    expect(reads).toHaveLength(2);
  });
});

describe('two writers', () => {
  /** All orders of two sequences of steps. */
  function interleavings(first: number, second: number): readonly (readonly number[])[] {
    if (first === 0) return [Array.from({ length: second }, () => 1)];
    if (second === 0) return [Array.from({ length: first }, () => 0)];
    return [
      ...interleavings(first - 1, second).map((rest) => [0, ...rest]),
      ...interleavings(first, second - 1).map((rest) => [1, ...rest]),
    ];
  }
  /** More calls than a writer makes, so that each order of them is among these. */
  const orders = interleavings(4, 4);

  test(`of one version: exactly one wins, in each of ${orders.length} orders of their calls`, async () => {
    for (const order of orders) {
      world = new SecretsWorld();
      const rivals = [await rival('BBBBBBBBBBB', 'one'), await rival('CCCCCCCCCCC', 'other')];
      for (const turn of order) await rivals[turn]!.step();
      const outcomes = await Promise.allSettled(rivals.map(({ finish }) => finish()));
      const won = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
      expect({ order, won: won.length }).toEqual({ order, won: 1 });
      const lost = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
      expect(lost.reason).toMatchObject({ code: 'conflict', members: { ver: 1 } });
      expect(await world.contentOf()).toBe(['one', 'other'][won[0]!]);
    }
  });

  test('of two versions: the latest never goes down, in whatever order', async () => {
    for (const order of orders) {
      world = new SecretsWorld();
      const rivals = [await rival('BBBBBBBBBBB', 'one'), await rival('CCCCCCCCCCC', 'two', 2)];
      for (const turn of order) await rivals[turn]!.step();
      const [lower] = await Promise.allSettled(rivals.map(({ finish }) => finish()));
      expect(await world.contentOf()).toBe('two');
      const { items } = await world.versions();
      const stored = lower!.status === 'fulfilled' ? [1, 2] : [2];
      expect(items.map(({ ver }) => ver).toSorted((one, other) => one - other)).toEqual(stored);
    }
  });

  /** A process that writes a version, one call of the store at a time. */
  async function rival(name: string, content: string, ver = 1) {
    const made = await world.make(ver, { content });
    const store = new FaultyStore(world.memory, () => 'delayed');
    const written = world.write(made, writer, world.replica(name, store));
    written.catch(() => undefined);
    const step = async (): Promise<void> => {
      await settle();
      store.release();
      await settle();
    };
    return {
      step,
      finish: async () => {
        store.choose = () => 'none';
        await step();
        return written;
      },
    };
  }
});

describe('a read beside a destruction', () => {
  test('is either recorded before it or refused', async () => {
    for (const early of [0, 1, 2]) {
      world = new SecretsWorld();
      await world.writeAll([1]);
      const store = new FaultyStore(world.memory, () => 'delayed');
      const reading = world.read({}, reader, {}, world.replica('BBBBBBBBBBB', store));
      reading.catch(() => undefined);
      for (let call = 0; call < early; call += 1) {
        await settle();
        store.release();
      }
      await settle();
      await world.destroy(1);
      store.choose = () => 'none';
      store.release();
      await expect(reading).rejects.toMatchObject({ code: 'gone', members: { st: 'DESTROYED' } });
      expect((await world.memory.range({ key: world.barrier.keyOf(envelopePath(path, 1)) })).entries).toEqual([]);
    }
  });

  test('of somebody who is no recipient says nothing of it', async () => {
    await world.write(versions[0]!);
    await world.destroy(1);
    await expect(world.read({}, stranger)).rejects.toMatchObject({ code: 'not_found' });
  });
});

/** Lets everything run that does not wait for the store. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
