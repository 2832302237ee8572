/** Secrets on a real etcd: what they promise on the store in memory, they keep here. @module */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { reader, secretEnvelopePath, secretPath as path, SecretsWorld, writer } from '@letterlock/core/testing';
import { connectMember, type EtcdMember } from './etcd-member.ts';
import { EtcdStore } from './etcd-store.ts';
import { buildMilliseconds, EtcdServer } from './testing/etcd-server.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(60_000);

const writers = 20;
let servers: readonly EtcdServer[];
let raw: EtcdMember;
let prefixes = 0;
let prefix: string;
let stores: readonly EtcdStore[];
let world: SecretsWorld;

beforeAll(async () => {
  servers = await EtcdServer.startCluster(3);
  const { endpoint, credentials } = servers[0]!;
  raw = connectMember({ endpoint, credentials, timeoutMilliseconds: 5000 });
}, buildMilliseconds);
afterAll(async () => {
  raw.close();
  for (const server of servers) await server.close();
});

const opened: EtcdStore[] = [];
beforeEach(() => {
  prefixes += 1;
  prefix = `secrets${prefixes}/`;
  const endpoints = servers.map(({ endpoint }) => endpoint);
  stores = servers.map(
    ({ credentials }, firstMember) =>
      new EtcdStore({ endpoints, credentials, prefix, firstMember, timeoutMilliseconds: 5000 }),
  );
  opened.push(...stores);
  world = new SecretsWorld({ store: () => stores[0]! });
});
afterAll(() => {
  for (const store of opened) store.close();
});

/** Keys and values below the prefix as etcd has them now. */
async function rawEntries(): Promise<readonly { readonly key: string; readonly value: Buffer }[]> {
  const { kvs } = await raw.range({ key: Buffer.from(prefix), range_end: Buffer.from(`${prefix.slice(0, -1)}0`) });
  return kvs.map(({ key, value }) => ({ key: key.toString('latin1'), value }));
}

describe('secrets on a cluster', () => {
  test(`of ${writers} writers of one version, at three replicas, exactly one wins`, async () => {
    const replicas = stores.map((store, index) => world.replica(`REPLICA${index}AAA`, store));
    const made = await Promise.all(
      Array.from({ length: writers }, (_, index) => world.make(1, { content: `content of ${index}` })),
    );
    const outcomes = await Promise.allSettled(
      made.map((version, index) => world.write(version, writer, replicas[index % replicas.length])),
    );
    const won = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(won).toHaveLength(1);
    for (const reason of lost) expect(reason).toMatchObject({ code: 'conflict', members: { ver: 1 } });
    expect(await world.contentOf()).toBe(`content of ${won[0]!}`);
    process.stdout.write(`etcd: ${writers} writers of one version, ${won.length} won, ${lost.length} told of it\n`);
  });

  test('are read at a version, and at the latest, at every replica', async () => {
    await world.writeAll([1, 2, 5]);
    expect([await world.contentOf({ ver: 1 }), await world.contentOf({ ver: 2 }), await world.contentOf()]).toEqual([
      'content 1',
      'content 2',
      'content 5',
    ]);
    for (const store of stores) {
      const { answer } = await world.read({ ver: 2 }, reader, {}, world.replica('OTHERAAAAAA', store));
      expect(answer.dlv).toMatch(/^\S+$/);
    }
    await expect(world.contentOf({ ver: 3 })).rejects.toMatchObject({ code: 'not_found' });
    const { items } = await world.versions();
    expect(items.map(({ ver }) => ver).toSorted((one, other) => one - other)).toEqual([1, 2, 5]);
  });

  test('that are destroyed leave no envelope and no key slot in etcd at the current revision', async () => {
    // In clear, so that the search finds what is there.
    world.barrier.seal = (_path, plaintext) => plaintext;
    world.barrier.open = (_path, record) => record;
    const versions = [await world.make(1), await world.make(2)];
    for (const version of versions) await world.write(version);
    const slots = versions.map(({ envelope }) => envelope.slots[0]!);
    const key = prefix + 'r/' + world.barrier.keyOf(secretEnvelopePath(path, 1));
    const found = async () => {
      const entries = await rawEntries();
      return {
        hasEnvelope: entries.some((entry) => entry.key === key),
        slots: slots.map((slot) => entries.some(({ value }) => value.includes(slot))),
      };
    };
    expect(await found()).toEqual({ hasEnvelope: true, slots: [true, true] });
    await world.destroy(1);
    expect(await found()).toEqual({ hasEnvelope: false, slots: [false, true] });
  });

  test('that have expired lose their envelope to the sweeper, page by page', async () => {
    const exp = world.clock.nowSeconds() + 60;
    for (let ver = 1; ver <= 5; ver += 1) await world.write(await world.make(ver, { exp }));
    world.clock.advance(60);
    let expired = 0;
    for (let isPassComplete = false; !isPassComplete;) {
      const report = await world.secrets.sweep({ limit: 2 });
      expired += report.expired;
      ({ isPassComplete } = report);
    }
    expect(expired).toBe(5);
    const keys = (await rawEntries()).map(({ key }) => key);
    const envelopes = [1, 2, 3, 4, 5].map((ver) => prefix + 'r/' + world.barrier.keyOf(secretEnvelopePath(path, ver)));
    expect(envelopes.filter((key) => keys.includes(key))).toEqual([]);
    await expect(world.contentOf()).rejects.toMatchObject({ code: 'gone', members: { st: 'EXPIRED' } });
  });
});
