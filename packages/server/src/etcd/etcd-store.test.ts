import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomIdentifier } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import { describeStoreContract, FaultyStore } from '@letterlock/core/testing';
import { answerLimitBytes } from './etcd-member.ts';
import { EtcdStore } from './etcd-store.ts';
import { buildMilliseconds, createCertificate, EtcdServer } from './testing/etcd-server.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(180_000);

let server: EtcdServer;
let store: EtcdStore;

beforeAll(async () => {
  server = await EtcdServer.start({ isDurable: false });
  store = new EtcdStore({ endpoints: [server.endpoint], credentials: server.credentials, prefix: 'letterlock/' });
}, buildMilliseconds);
afterAll(async () => {
  store.close();
  await server.close();
});

describeStoreContract('EtcdStore', async () => store);
describeStoreContract('FaultyStore without faults over EtcdStore', async () => new FaultyStore(store));

const put = (key: string, value: Uint8Array) => store.transact({ compare: [], then: [{ do: 'put', key, value }] });

function another(change: Partial<ConstructorParameters<typeof EtcdStore>[0]>): EtcdStore {
  const { endpoint, credentials } = server;
  return new EtcdStore({
    endpoints: [endpoint],
    credentials,
    prefix: 'letterlock/',
    timeoutMilliseconds: 5000,
    ...change,
  });
}

describe('EtcdStore', () => {
  test.each([
    { name: 'no endpoint', change: { endpoints: [] } },
    { name: 'plain text beside a certificate', change: { endpoints: ['http://localhost:2379'] } },
    { name: 'plain text beyond this machine', change: { endpoints: ['http://etcd:2379'], credentials: undefined } },
    {
      name: 'plain text at a name that begins like this machine',
      change: { endpoints: ['http://localhost.example:2379'], credentials: undefined },
    },
    { name: 'TLS without a certificate', change: { credentials: undefined } },
    { name: 'an endpoint without a port', change: { endpoints: ['https://localhost'] } },
    { name: 'a prefix without its end', change: { prefix: 'letterlock' } },
    { name: 'no prefix', change: { prefix: '' } },
  ])('refuses $name', ({ change }) => {
    expect(() => another(change)).toThrow(TypeError);
  });

  test('installations under two prefixes do not see each other', async () => {
    using other = disposable(another({ prefix: 'another/' }));
    await put('shared', Buffer.from('1'));
    expect((await other.store.range({ key: 'shared' })).entries).toEqual([]);
    expect((await other.store.range({ prefix: '', limit: 10 })).entries).toEqual([]);
    using longer = disposable(another({ prefix: 'letterlock/r/' }));
    expect((await longer.store.range({ prefix: '', limit: 10 })).entries).toEqual([]);
  });

  test.each([
    {
      name: 'a client certificate that etcd does not know',
      change: () => ({ ...server.credentials!, ...createCertificate() }),
    },
    {
      name: 'a member that somebody else vouches for',
      change: () => ({ ...server.credentials!, ca: createCertificate(['localhost']).certificate }),
    },
  ])('gets no answer with $name', async ({ change }) => {
    using stranger = disposable(another({ credentials: change() }));
    const write = stranger.store.transact({
      compare: [],
      then: [{ do: 'put', key: 'stranger', value: Buffer.from('1') }],
    });
    await expect(write).rejects.toMatchObject({ code: 'unavailable', reason: 'store_unreachable' });
    expect((await store.range({ key: 'stranger' })).entries).toEqual([]);
  });

  test('gives up a call when its signal is aborted under way', async () => {
    const controller = new AbortController();
    const call = store.range({ key: 'a' }, { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'unavailable', reason: 'store_call_aborted' });
  });

  test('refuses what is larger than etcd takes, and stores the largest that is promised', async () => {
    await expect(put('large', Buffer.alloc(1_600_000))).rejects.toMatchObject({ reason: 'store_request_too_large' });
    await put('large', Buffer.alloc(1_400_000));
    expect((await store.range({ key: 'large' })).entries[0]?.value).toHaveLength(1_400_000);
  });

  test('3.11.8 pages through values that together are larger than an answer may be', async () => {
    const bytes = 1_200_000;
    for (let index = 0; index < 20; index += 1)
      await put(`huge/${String(index).padStart(2, '0')}`, Buffer.alloc(bytes, index));
    const seen: string[] = [];
    const sizes: number[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await store.range({ prefix: 'huge/', limit: 1000, ...(after === undefined ? {} : { after }) });
      seen.push(...page.entries.map(({ key }) => key));
      sizes.push(page.entries.reduce((sum, { value }) => sum + value.length, 0));
      after = page.entries.at(-1)?.key;
      if (!page.hasMore) break;
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => `huge/${String(index).padStart(2, '0')}`));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(answerLimitBytes);
    expect(sizes.length).toBeGreaterThan(1);
  });

  test('3.11.8 pages through 20,000 keys below its prefix, and counts them all once only', async () => {
    const names = Array.from({ length: 20_000 }, () => randomIdentifier());
    for (let first = 0; first < names.length; first += 125) {
      const then = names.slice(first, first + 125).map((name) => {
        return { do: 'put', key: `junk/${name}`, value: Buffer.from('junk') } as const;
      });
      await store.transact({ compare: [], then });
    }
    const counts = watchCounts();
    for (const limit of [100, 1000, 19_999]) {
      const visited: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await store.range({ prefix: 'junk/', limit, ...(after === undefined ? {} : { after }) });
        expect(page.entries.length === limit || !page.hasMore).toBe(true);
        visited.push(...page.entries.map(({ key }) => key.slice('junk/'.length)));
        after = page.entries.at(-1)?.key;
        if (!page.hasMore) break;
      }
      expect(visited).toEqual(names.toSorted());
    }
    expect(counts.filter((count) => count > 4096)).toEqual([20_000]);
  });

  test('3.11.10 goes on with a paged read whose revision was forgotten meanwhile', async () => {
    for (const key of ['page/1', 'page/2', 'page/3']) await put(key, Buffer.from('1'));
    const first = await store.range({ prefix: 'page/', limit: 1 });
    await put('page/2', Buffer.from('2'));
    const { revision } = await put('page/3', Buffer.from('3'));
    await store.members[0]!.compact(revision);
    const { entries } = await store.range({ prefix: 'page/', limit: 9, after: first.entries[0]!.key });
    expect(entries.map(({ value }) => Buffer.from(value).toString())).toEqual(['2', '3']);
  });

  test('ends its calls when it is closed', async () => {
    const closed = another({});
    await closed.range({ key: 'a' });
    closed.close();
    const failure: unknown = await closed.range({ key: 'a' }).catch((error: unknown) => error);
    expect(isProblemError(failure) && failure.code).toBe('unavailable');
  });
});

/** How many keys etcd went through for each range. */
function watchCounts(): readonly number[] {
  const counts: number[] = [];
  const member = store.members[0]!;
  const { range } = member;
  member.range = async (request) => {
    const answer = await range(request);
    counts.push(Number(answer.count));
    return answer;
  };
  return counts;
}

function disposable(opened: EtcdStore): Disposable & { readonly store: EtcdStore } {
  return { store: opened, [Symbol.dispose]: () => opened.close() };
}
