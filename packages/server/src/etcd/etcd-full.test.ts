import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Transaction } from '@letterlock/core';
import { FixedClock, makeClaim, reader, writer, WrapWorld } from '@letterlock/core/testing';
import { EtcdMaintenance } from './etcd-maintenance.ts';
import { EtcdStore } from './etcd-store.ts';
import { buildMilliseconds, EtcdServer } from './testing/etcd-server.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(180_000);

const quotaBackendBytes = 4_194_304;
const prefix = 'full/';

let server: EtcdServer;
let store: EtcdStore;

beforeAll(async () => {
  server = await EtcdServer.start({ quotaBackendBytes });
  const { endpoint, credentials } = server;
  store = new EtcdStore({ endpoints: [endpoint], credentials, prefix, timeoutMilliseconds: 10_000 });
}, buildMilliseconds);
afterAll(async () => {
  store.close();
  await server.close();
});

/** Old revisions of one key are what fills a database whose records come and go. */
async function fill(): Promise<unknown> {
  const put: Transaction = { compare: [], then: [{ do: 'put', key: 'filler', value: Buffer.alloc(262_144, 1) }] };
  for (let writes = 0; writes < 100; writes += 1) {
    try {
      await store.transact(put);
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

test('a full database refuses with its reason, consumes nothing, and recovers by itself', async () => {
  const world = new WrapWorld({ store: () => store });
  const wrap = await world.makeWrap();
  await world.storeAs(writer, wrap);
  const isFull = { code: 'unavailable', reason: 'store_full' };
  expect(await fill()).toMatchObject(isFull);

  const { request } = makeClaim();
  const before = await store.range({ prefix: '', limit: 100 });
  await expect(world.openAs(reader, wrap.id, request)).rejects.toMatchObject(isFull);
  await expect(world.storeAs(writer, await world.makeWrap())).rejects.toMatchObject(isFull);
  const after = await store.range({ prefix: '', limit: 100 });
  expect(after.revision).toBe(before.revision);
  expect(after.entries.map(({ key }) => key)).toEqual(before.entries.map(({ key }) => key));

  const clock = new FixedClock();
  const { members, choice } = store;
  const maintenance = new EtcdMaintenance({ members, choice, clock, prefix });
  expect(await maintenance.run()).toMatchObject({
    alarms: ['Nospace'],
    disarmed: 1,
    defragmented: [server.endpoint],
    failed: [],
  });
  await world.openAs(reader, wrap.id, request);
  await world.storeAs(writer, await world.makeWrap());
  expect(await maintenance.run()).toMatchObject({ alarms: [], disarmed: 0, failed: [] });
  const { databaseBytes } = await maintenance.run();
  expect(databaseBytes).toBeLessThan(quotaBackendBytes / 2);
});
