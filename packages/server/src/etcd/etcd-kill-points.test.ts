/** Kill at every store call of an open and of a write, on a real etcd. @module */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import {
  killEverywhere,
  prepareSecret,
  prepareWrap,
  secretOperations,
  tallyLine,
  wrapOperations,
  type CrashScene,
  type JournalStore,
} from '@letterlock/core/testing';
import { EtcdStore } from './etcd-store.ts';
import { buildMilliseconds, EtcdServer } from './testing/etcd-server.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(180_000);

let server: EtcdServer;
const stores: EtcdStore[] = [];

beforeAll(async () => {
  server = await EtcdServer.start();
}, buildMilliseconds);
afterAll(async () => {
  for (const store of stores) store.close();
  await server.close();
});

function openStore(): EtcdStore {
  const { endpoint, credentials } = server;
  const store = new EtcdStore({ endpoints: [endpoint], credentials, prefix: `kill/${stores.length}/` });
  stores.push(store);
  return store;
}

const rows: readonly { readonly name: string; readonly prepare: (store: JournalStore) => Promise<CrashScene> }[] = [
  ...wrapOperations
    .filter(({ run }) => run === 'open')
    .map((each) => ({ name: each.name, prepare: (store: JournalStore) => prepareWrap(each, store) })),
  ...secretOperations
    .filter(({ before, run }) => run === 'write' && before === 0)
    .map((each) => ({ name: each.name, prepare: (store: JournalStore) => prepareSecret(each, store) })),
];

test.each(rows)('$name: killed at each call, a new process finishes it', async ({ name, prepare }) => {
  const tally = await killEverywhere(prepare, openStore);
  process.stdout.write(`${tallyLine(`etcd, ${name}`, tally)}\n`);
  expect(tally.kills).toBeGreaterThanOrEqual(2);
  expect(tally).toMatchObject({ missing: 0, changes: tally.records });
});
