import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Store } from '@letterlock/core';
import { FaultyStore } from '@letterlock/core/testing';
import { isProblemError } from '@letterlock/protocol';
import { EtcdStore } from './etcd-store.ts';
import { ByteProxy, type ProxyFault } from './testing/byte-proxy.ts';
import { buildMilliseconds, EtcdServer } from './testing/etcd-server.ts';
import { actsIn, makeWorld, toldBy, writeKinds, type Told } from './testing/wrap-writes.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(180_000);

/** Lost answers of each kind of write. */
const droppedAnswers = 100;
const otherFaults = 20;
/** Each costs two deadlines. */
const lateAnswers = 5;
/** While an answer is held, so that it is soon given up. */
const shortMilliseconds = 250;
const longMilliseconds = 10_000;

let server: EtcdServer;
let proxy: ByteProxy;
let worlds = 0;
const opened: EtcdStore[] = [];

/** A store through the proxy, or beside it, below a prefix. */
function openStore(endpoint: string, prefix: string, timeout: number): EtcdStore {
  const store = new EtcdStore({ endpoints: [endpoint], credentials: undefined, prefix, timeoutMilliseconds: timeout });
  opened.push(store);
  return store;
}

beforeAll(async () => {
  server = await EtcdServer.start({ isSecure: false, isDurable: false });
  proxy = await ByteProxy.start(server.port);
}, buildMilliseconds);
afterAll(async () => {
  for (const store of opened) store.close();
  await proxy.close();
  await server.close();
});

interface Tally {
  readonly struck: number;
  /** Writes that happened this often. */
  readonly applied: Readonly<Record<string, number>>;
  readonly misreported: number;
}

/** Runs one kind of write over and over, each time struck, and compares what callers were told with what is stored. */
async function runStruck(
  kind: (typeof writeKinds)[number],
  count: number,
  o: {
    readonly through: Store;
    readonly direct: Store;
    readonly strike: () => void;
    readonly after?: () => Promise<void>;
    /** Writes at the same time, each of a wrap of its own. Default: one. */
    readonly together?: number;
  },
): Promise<Tally> {
  const { world, store, replica } = makeWorld(o.through);
  const told = new Map<string, Told>();
  let struck = 0;
  for (let run = 0; run < count; run += 1) {
    const ready: Awaited<ReturnType<typeof kind.prepare>>[] = [];
    for (let each = 0; each < (o.together ?? 1); each += 1) {
      ready.push(await kind.prepare(world, await world.makeWrap()));
    }
    store.beforeNextTransaction(() => {
      struck += 1;
      o.strike();
    });
    const answers = await Promise.all(ready.map(({ write }) => toldBy(write)));
    for (const [index, { id }] of ready.entries()) told.set(id, answers[index]!);
    await o.after?.();
  }
  await world.audit.resolve(o.direct, { limit: 4096 });
  const acts = await actsIn(world, o.direct, replica);
  const applied: Record<string, number> = {};
  let misreported = 0;
  for (const [id, what] of told) {
    const times = acts.get(`${kind.act} wrap/${id}`) ?? 0;
    // A delivery that was lost is made again under the same claim: each of them is a change of its own, and is counted in `n`.
    const happened = kind.act === 'wrap.redeliver' ? Math.min(times, 1) : times;
    applied[happened] = (applied[happened] ?? 0) + 1;
    if ((what === 'done' && happened !== 1) || (what === 'refused' && happened !== 0)) misreported += 1;
  }
  return { struck, applied, misreported };
}

function print(title: string, { struck, applied, misreported }: Tally): void {
  const times = Object.keys(applied).join(' or ');
  process.stdout.write(`${title}: ${struck} struck, applied ${times}, misreported ${misreported}\n`);
}

describe.each(writeKinds)('the write $name', (kind) => {
  // An answer that is lost or late comes from etcd, so the write has happened. A request that is held may be given up for good.
  const proxied = [
    { fault: 'drop_answer', says: 'whose answer is lost', count: droppedAnswers, least: droppedAnswers },
    { fault: 'hold_answer', says: 'whose answer comes too late', count: lateAnswers, least: lateAnswers },
    {
      fault: 'hold_request',
      says: 'whose request arrives after everybody has given up',
      count: otherFaults,
      least: 10,
    },
  ] as const satisfies readonly {
    readonly fault: ProxyFault;
    readonly says: string;
    readonly count: number;
    readonly least: number;
  }[];

  test.each(proxied)('$says: applied 0 or 1, misreported 0', async ({ fault, says, count, least }) => {
    worlds += 1;
    const prefix = `w${worlds}/`;
    const before = proxy.hits;
    const patient = openStore(proxy.endpoint, prefix, longMilliseconds);
    const hurried = openStore(proxy.endpoint, prefix, shortMilliseconds);
    let current = patient;
    const tally = await runStruck(kind, count, {
      through: {
        range: (request, options) => current.range(request, options),
        transact: (transaction, options) => current.transact(transaction, options),
      },
      direct: openStore(server.endpoint, prefix, longMilliseconds),
      strike: () => {
        if (fault === 'hold_answer') current = hurried;
        proxy.arm(fault);
      },
      after: async () => {
        current = patient;
        await proxy.release();
      },
    });
    print(`${kind.name}, ${says}`, tally);
    expect(tally.struck).toBe(count);
    expect(proxy.hits - before).toBe(count);
    expect(Object.keys(tally.applied).filter((times) => Number(times) > 1)).toEqual([]);
    expect(tally.misreported).toBe(0);
    expect(tally.applied[1] ?? 0).toBeGreaterThanOrEqual(least);
  });

  test('with others in one call, whose answer is lost: applied 0 or 1, misreported 0', async () => {
    worlds += 1;
    const prefix = `w${worlds}/`;
    const through = openStore(proxy.endpoint, prefix, longMilliseconds);
    const direct = openStore(server.endpoint, prefix, longMilliseconds);
    const strike = (): void => proxy.arm('drop_answer');
    const tally = await runStruck(kind, otherFaults, { through, direct, strike, together: 8 });
    print(`${kind.name}, eight at once, whose answer is lost`, tally);
    expect(Object.keys(tally.applied).filter((times) => Number(times) > 1)).toEqual([]);
    expect(tally.misreported).toBe(0);
    expect(tally.applied[1] ?? 0).toBeGreaterThanOrEqual(otherFaults);
  });

  test('sent twice: applied 1, misreported 0', async () => {
    worlds += 1;
    const direct = openStore(server.endpoint, `w${worlds}/`, longMilliseconds);
    let isStruck = false;
    const through = new FaultyStore(direct, ({ transaction }) => {
      if (!isStruck || transaction === undefined) return 'none';
      isStruck = false;
      return 'sent_twice';
    });
    const strike = (): void => {
      isStruck = true;
    };
    const tally = await runStruck(kind, otherFaults, { through, direct, strike });
    print(`${kind.name}, sent twice`, tally);
    expect(tally).toEqual({ struck: otherFaults, applied: { 1: otherFaults }, misreported: 0 });
  });
});

describe('transactions of one turn', () => {
  const put = (key: string, text: string) => ({ do: 'put', key, value: Buffer.from(text) }) as const;

  test('go in one commit, each with its own verdict and entries', async () => {
    const store = openStore(server.endpoint, 'turn/', longMilliseconds);
    const { revision } = await store.transact({ compare: [], then: [put('old', '1')] });
    const answers = await Promise.all(
      [revision, revision + 1].map((is, index) =>
        store.transact({
          compare: [{ key: 'old', field: 'mod', is: '=', revision: is }],
          then: [put(`new${index}`, '1'), { do: 'get', key: `new${index}` }, { do: 'get', key: 'old' }],
          otherwise: [{ do: 'get', key: 'old' }],
        }),
      ),
    );
    const old = { key: 'old', modRevision: revision };
    expect(answers).toMatchObject([
      { succeeded: true, revision: revision + 1, entries: [undefined, old] },
      { succeeded: false, revision: revision + 1, entries: [old] },
    ]);
    expect((await store.range({ key: 'new0' })).entries).toMatchObject([{ modRevision: revision + 1 }]);
    expect((await store.range({ key: 'new1' })).entries).toEqual([]);
  });

  test('that want the same key: one of them has it', async () => {
    const store = openStore(server.endpoint, 'race/', longMilliseconds);
    const claims = Array.from({ length: 20 }, (_, index) =>
      store.transact({
        compare: [{ key: 'one', field: 'create', is: '=', revision: 0 }],
        then: [put('one', String(index)), put(`own${index}`, '1')],
      }),
    );
    const owners = (await Promise.all(claims)).flatMap(({ succeeded }, index) => (succeeded ? [index] : []));
    expect(owners).toHaveLength(1);
    const { entries } = await store.range({ prefix: 'own', limit: 100 });
    expect(entries.map(({ key }) => key)).toEqual([`own${owners[0]}`]);
  });

  test('with one that etcd refuses for its size: the others happen', async () => {
    const store = openStore(server.endpoint, 'size/', longMilliseconds);
    const outcomes = await Promise.allSettled([
      store.transact({ compare: [], then: [put('small', '1')] }),
      store.transact({ compare: [], then: [put('huge', 'x'.repeat(2_000_000))] }),
      store.transact({ compare: [], then: [put('other', '1')] }),
    ]);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { reason: 'store_request_too_large' } },
      { status: 'fulfilled' },
    ]);
  });
});

describe('the client library', () => {
  // The test that turns red when the retry policy is deleted: by default etcd3 sends every call up to four times.
  test('sends a transaction once, whatever becomes of the answer', async () => {
    const store = openStore(proxy.endpoint, 'once/', longMilliseconds);
    const direct = openStore(server.endpoint, 'once/', longMilliseconds);
    const revision = async () => (await direct.range({ key: 'a' })).revision;
    await store.transact({ compare: [], then: [{ do: 'put', key: 'a', value: Buffer.from('0') }] });
    for (let run = 1; run <= 20; run += 1) {
      const before = await revision();
      proxy.arm('drop_answer');
      const put = { do: 'put', key: 'a', value: Buffer.from(String(run)) } as const;
      const failure: unknown = await store.transact({ compare: [], then: [put] }).catch((error: unknown) => error);
      expect(isProblemError(failure) && failure.reason).toBe('store_unreachable');
      expect(await revision()).toBe(before + 1);
    }
  });
});
