import { beforeEach, describe, expect, test } from '@jest/globals';
import { publicOf, verifyReceipt } from '@letterlock/crypto';
import { parseCanonical, ProblemError, type DeliveryClaims, type DeliveryResponse } from '@letterlock/protocol';
import { auditPath } from '../audit/audit-trail.ts';
import type { AuditFacts, AuditRecord } from '../audit/record.ts';
import type { Store } from '../store/store.ts';
import { FaultyStore, faults, type Fault } from '../store/testing/faulty-store.ts';
import { JournalStore } from '../store/testing/journal-store.ts';
import { callerFor, instanceKey, makeClaim, reader, writer, WrapWorld, type MadeWrap } from './testing/wrap-world.ts';
import type { Wraps } from './wraps.ts';

const replicas = ['AAAAAAAAAAA', 'BBBBBBBBBBB', 'CCCCCCCCCCC'];
const claim = makeClaim();
let journal: JournalStore;
let world: WrapWorld;
let wrap: MadeWrap;

beforeEach(async () => {
  world = new WrapWorld({
    store: (memory) => {
      journal = new JournalStore(memory);
      return journal;
    },
  });
  wrap = await world.makeWrap();
});

function deliveryOf({ dlv }: DeliveryResponse): DeliveryClaims {
  return JSON.parse(Buffer.from(dlv.split('.')[1] ?? '', 'base64url').toString('utf8')) as DeliveryClaims;
}

async function recordsOf(replica: string, last: number): Promise<(AuditRecord | undefined)[]> {
  const records: (AuditRecord | undefined)[] = [];
  for (let seq = 1; seq <= last; seq += 1) {
    const path = auditPath(replica, seq);
    const [entry] = (await world.memory.range({ key: world.barrier.keyOf(path) })).entries;
    records.push(
      entry === undefined
        ? undefined
        : (parseCanonical(world.barrier.open(path, entry.value)) as unknown as AuditRecord),
    );
  }
  return records;
}

/** State changes and audit records are the same number, in the same transactions, and no audit number is lost. */
async function expectAccounted(): Promise<void> {
  await world.audit.resolve(journal, { limit: 1000 });
  await world.store.deliverLate();
  // Lists what is void so far.
  await world.audit.record(journal, closingFacts);
  const stateKey = world.barrier.keyOf(`wrap/st/${wrap.id}`);
  const auditParent = `${world.barrier.keyOf('au')}/`;
  const changes = journal.journal.filter(({ puts, deletes }) => puts.includes(stateKey) || deletes.includes(stateKey));
  for (const { puts } of changes) expect(puts.filter((key) => key.startsWith(auditParent))).toHaveLength(1);
  const records = await recordsOf('AAAAAAAAAAA', world.audit.lastSeq);
  const stored = records.filter((record) => record !== undefined);
  expect(stored.filter(({ outcome }) => outcome === 'ok')).toHaveLength(changes.length);
  const voided = stored.flatMap((record) => record.void);
  const lost = records.flatMap((record, index) => (record === undefined ? [index + 1] : []));
  expect(lost.filter((seq) => !voided.includes(seq))).toEqual([]);
  const real = stored.filter(({ act }) => act !== 'audit.void').map(({ seq }) => seq);
  expect(real.filter((seq) => voided.includes(seq))).toEqual([]);
  expect(world.audit.openOutcomes).toBe(0);
}

async function stateOf(): Promise<string> {
  return verifyReceipt((await world.statusAs(writer, wrap.id)).rcpt, publicOf(instanceKey)).st;
}

const closingFacts: AuditFacts = {
  act: 'wrap.status',
  who: 'nobody',
  factor: 'service',
  listener: 'none',
  cb: 'none',
  obj: 'none',
  outcome: 'refused',
  reason: 'end_of_test',
  req: 'none',
};

interface Operation {
  readonly name: string;
  /** What comes before it, without faults. */
  readonly before: readonly ('store' | 'open' | 'endWindow')[];
  readonly run: () => Promise<unknown>;
  readonly state: string;
}

const steps = {
  store: (wraps = world.wraps) => world.storeAs(writer, wrap, {}, wraps),
  open: (wraps = world.wraps) => world.openAs(reader, wrap.id, claim.request, {}, wraps),
  endWindow: async (_wraps?: Wraps) => world.clock.advance(60),
};
const operations: readonly Operation[] = [
  { name: 'wrap', before: [], run: () => steps.store(), state: 'STORED' },
  { name: 'open', before: ['store'], run: () => steps.open(), state: 'CLAIMED' },
  { name: 'open again', before: ['store', 'open'], run: () => steps.open(), state: 'CLAIMED' },
  {
    name: 'acknowledge',
    before: ['store', 'open'],
    run: () => world.acknowledgeAs(reader, wrap.id, { cid: claim.cid }),
    state: 'OPENED',
  },
  { name: 'revoke', before: ['store'], run: () => world.revokeAs(writer, wrap.id), state: 'REVOKED' },
  {
    name: 'status after the window',
    before: ['store', 'open', 'endWindow'],
    run: () => world.statusAs(writer, wrap.id),
    state: 'BURNED',
  },
  {
    name: 'sweep after the window',
    before: ['store', 'open', 'endWindow'],
    run: () => world.wraps.sweep({ limit: 10 }),
    state: 'BURNED',
  },
];
const kinds = faults.filter((fault) => fault !== 'delayed');
/** One fault at each call, and each pair of faults in a row: the recovery fails too. */
const plans: readonly (readonly Fault[])[] = [0, 1, 2, 3].flatMap((calls) => {
  const untouched = Array.from({ length: calls }, (): Fault => 'none');
  return kinds.flatMap((first) => [[...untouched, first], ...kinds.map((second) => [...untouched, first, second])]);
});

describe('T-20: every fault at every call of the store', () => {
  // What happened here is remembered, so that the first call is the change; otherwise it is a read.
  const places = ['here', 'elsewhere'] as const;
  const cases = operations.flatMap((operation) =>
    places.flatMap((where) => plans.map((plan) => ({ ...operation, where, plan: plan.join(', '), faultsAt: plan }))),
  );

  test.each(cases)(
    '$name after what was done $where, with $plan: the retry converges, nothing is unrecorded',
    async ({ before, run, state, where, faultsAt }) => {
      const elsewhere = world.replica('BBBBBBBBBBB');
      for (const step of before) await steps[step](where === 'here' ? world.wraps : elsewhere);
      const firstCall = world.store.calls;
      world.store.choose = ({ index }) => faultsAt[index - firstCall] ?? 'none';
      const outcomes = await Promise.allSettled([run()]);
      expect(reasonsOf(outcomes).filter((reason) => codeOf(reason) !== 'unavailable')).toEqual([]);
      world.store.choose = () => 'none';
      await run();
      await world.store.deliverLate();
      expect(await stateOf()).toBe(state);
      await expectAccounted();
      expect(await stateOf()).toBe(state);
    },
  );

  test.each(['answer_lost', 'sent_twice'] as const)(
    'a storing whose answer says otherwise (%s) was done, and counts once',
    async (fault) => {
      const firstCall = world.store.calls;
      world.store.choose = ({ index }) => (index === firstCall ? fault : 'none');
      await expect(steps.store()).resolves.toMatchObject({ created: true });
      expect(world.wraps.liveWrapsOf(writer.id)).toBe(1);
    },
  );

  test.each(['answer_lost', 'sent_twice'] as const)(
    'an end whose answer says otherwise (%s) frees its place',
    async (fault) => {
      await steps.store();
      const transition = world.store.calls;
      world.store.choose = ({ index }) => (index === transition ? fault : 'none');
      await world.revokeAs(writer, wrap.id);
      expect(world.wraps.liveWrapsOf(writer.id)).toBe(0);
    },
  );

  test('a store that never answers ends in unavailable, after a bounded number of calls', async () => {
    await steps.store();
    const firstCall = world.store.calls;
    world.store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'lost');
    await expect(steps.open()).rejects.toMatchObject({ code: 'unavailable' });
    expect(world.store.calls - firstCall).toBeLessThanOrEqual(5);
    world.store.choose = ({ transaction }) =>
      transaction?.then.some((operation) => operation.do === 'get') === true ? 'answer_lost' : 'none';
    await expect(steps.open()).rejects.toMatchObject({ code: 'unavailable' });
    expect(world.store.calls - firstCall).toBeLessThanOrEqual(12);
  });

  test('a state that others change again and again ends in unavailable, after a bounded number of calls', async () => {
    await steps.store();
    const key = world.barrier.keyOf(`wrap/st/${wrap.id}`);
    const contended: Store = {
      range: (request) => world.memory.range(request),
      transact: async (transaction) => {
        const [entry] = (await world.memory.range({ key })).entries;
        const value = entry?.value ?? new Uint8Array();
        await world.memory.transact({ compare: [], then: [{ do: 'put', key, value }] });
        return world.memory.transact(transaction);
      },
    };
    const store = new FaultyStore(contended);
    await expect(
      world.openAs(reader, wrap.id, claim.request, {}, world.replica('BBBBBBBBBBB', store)),
    ).rejects.toMatchObject({ code: 'unavailable', reason: 'too_many_changes' });
    expect(store.calls).toBe(13);
  });

  test('an answer that is lost twice is told as such, not retried for ever', async () => {
    let silent = 0;
    world.store.choose = ({ transaction }) => {
      const isTransition = transaction?.otherwise?.length === 2;
      if (isTransition) silent += 1;
      return isTransition ? 'lost' : 'none';
    };
    await expect(steps.store()).rejects.toMatchObject({ code: 'unavailable' });
    expect(silent).toBe(2);
    world.store.choose = () => 'none';
    await expectAccounted();
  });
});

describe('T-20: claim race', () => {
  test('of 50 readers with a claim id each, at three replicas, exactly one owns the wrap', async () => {
    await steps.store();
    const wraps = replicas.slice(1).map((name) => world.replica(name, journal));
    const claims = Array.from({ length: 50 }, () => makeClaim());
    const outcomes = await Promise.allSettled(
      claims.map(({ request }, index) =>
        world.openAs(reader, wrap.id, request, {}, [world.wraps, ...wraps][index % 3]),
      ),
    );
    const owners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [deliveryOf(outcome.value)] : []));
    expect(owners).toHaveLength(1);
    expect(owners[0]).toMatchObject({ n: 1, bhs: { length: 1 } });
    for (const reason of reasonsOf(outcomes)) expectAlreadyClaimed(reason);
    const cids = owners.map(({ cid }) => cid);
    for (const { request, cid } of claims) {
      const again = await Promise.allSettled([world.openAs(reader, wrap.id, request)]);
      expect(again[0].status).toBe(cids.includes(cid) ? 'fulfilled' : 'rejected');
    }
  });

  test('of 50 readers over a store that loses, delays and repeats, at most one owns it, and its retry succeeds', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      world = new WrapWorld({
        store: (memory) => {
          journal = new JournalStore(memory);
          return journal;
        },
      });
      wrap = await world.makeWrap();
      await steps.store();
      const store = new FaultyStore(journal, pseudoRandomFaults(seed));
      const all = replicas.map((name) => world.replica(`${name.slice(1)}x`, store));
      const claims = Array.from({ length: 50 }, () => makeClaim());
      const delivered: DeliveryClaims[] = [];
      const codes = new Set<unknown>();
      const attempt = async (index: number): Promise<void> => {
        try {
          const opened = await world.openAs(reader, wrap.id, claims[index]!.request, {}, all[index % 3]);
          delivered.push(deliveryOf(opened));
        } catch (error) {
          codes.add(codeOf(error));
        }
      };
      const running = Promise.all(claims.map((_, index) => attempt(index)));
      for (let turn = 0; turn < 200; turn += 1) {
        store.release();
        await Promise.resolve();
        if (turn % 20 === 0) await store.deliverLate();
      }
      store.choose = () => 'none';
      while (!(await isSettled(running))) store.release();
      await store.deliverLate();
      // Whoever heard nothing tries again with the same claim id.
      for (const index of claims.keys()) await attempt(index);
      expect([...codes].filter((each) => each !== 'already_claimed' && each !== 'unavailable')).toEqual([]);
      const owners = new Set(delivered.map(({ cid }) => cid));
      expect(owners.size).toBe(1);
      const last = delivered.toSorted((a, b) => (a.n ?? 0) - (b.n ?? 0)).at(-1);
      expect(new Set(delivered.flatMap(({ bhs }) => bhs ?? [])).size).toBeLessThanOrEqual(last?.n ?? 0);
    }
  });

  test('of 50 requests with one claim id, eight are delivered at most, each telling those before it', async () => {
    await steps.store();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => world.openAs(reader, wrap.id, claim.request, callerFor(reader))),
    );
    const deliveries = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [deliveryOf(outcome.value)] : [],
    );
    expect(new Set(deliveries.map(({ n }) => n))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
    expect(deliveries).toHaveLength(8);
    for (const { n, bhs } of deliveries) expect(bhs).toHaveLength(n ?? 0);
  });
});

function reasonsOf(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code;
}

function expectAlreadyClaimed(error: unknown): void {
  expect(error).toMatchObject({ code: 'already_claimed', members: { st: 'CLAIMED' } });
}

async function isSettled(work: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void work.finally(() => {
    settled = true;
  });
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  return settled;
}

/** A repeatable mixture: a third of the calls fail in one way or another. */
function pseudoRandomFaults(seed: number): () => Fault {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff;
    return faults[(state >>> 8) % 15] ?? 'none';
  };
}

describe('a seal that comes in the middle of a request', () => {
  test.each(['lost', 'answer_lost'] as const)('leaves no audit number unaccounted for (%s)', async (fault) => {
    await steps.store();
    const { barrier } = world;
    const seal = barrier.seal.bind(barrier);
    const transition = world.store.calls;
    world.store.choose = ({ index }) => {
      if (index !== transition) return 'none';
      barrier.seal = () => {
        throw new ProblemError('sealed');
      };
      return fault;
    };
    await expect(steps.open()).rejects.toMatchObject({ code: 'sealed' });
    barrier.seal = seal;
    expect(world.audit.openOutcomes).toBe(1);
    await steps.open();
    await expectAccounted();
  });
});
