import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { isProblemError } from '@letterlock/protocol';
import { EtcdStore } from './etcd-store.ts';
import { buildMilliseconds, EtcdServer } from './testing/etcd-server.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(180_000);

const rounds = 3;
const writers = 16;
/** Acknowledged writes after which etcd is killed. */
const writesBeforeKill = 300;

let server: EtcdServer;
let store: EtcdStore;

beforeAll(async () => {
  server = await EtcdServer.start();
  const { endpoint, credentials } = server;
  store = new EtcdStore({ endpoints: [endpoint], credentials, prefix: 'crash/' });
}, buildMilliseconds);
afterAll(async () => {
  store.close();
  await server.close();
});

test('kill -9 of etcd under load loses nothing that was acknowledged', async () => {
  const acknowledged = new Map<string, number>();
  const unknown = new Set<string>();
  for (let round = 0; round < rounds; round += 1) {
    const kill = new AbortController();
    let count = 0;
    const { promise: enough, resolve: reachEnough } = Promise.withResolvers<void>();
    const write = async (writer: number): Promise<void> => {
      for (let index = 0; !kill.signal.aborted; index += 1) {
        const key = `${round}/${writer}/${index}`;
        const value = Buffer.alloc(1024, index);
        const compare = [{ key, field: 'create', is: '=', revision: 0 } as const];
        try {
          const { succeeded, revision } = await store.transact({ compare, then: [{ do: 'put', key, value }] });
          expect(succeeded).toBe(true);
          acknowledged.set(key, revision);
          count += 1;
          if (count === writesBeforeKill) reachEnough();
        } catch (error) {
          if (!isProblemError(error)) throw error;
          unknown.add(key);
        }
      }
    };
    const load = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    await Promise.race([enough, load]);
    const killed = server.kill();
    kill.abort();
    await Promise.all([killed, load]);
    await server.restart();
  }

  const found = new Map<string, number>();
  let after: string | undefined;
  for (;;) {
    const page = await store.range({ prefix: '', limit: 100, ...(after === undefined ? {} : { after }) });
    for (const { key, createRevision } of page.entries) found.set(key, createRevision);
    after = page.entries.at(-1)?.key;
    if (!page.hasMore) break;
  }
  const lost = [...acknowledged].filter(([key, revision]) => found.get(key) !== revision);
  const unexplained = [...found.keys()].filter((key) => !acknowledged.has(key) && !unknown.has(key));
  process.stdout.write(`kill -9: ${acknowledged.size} acknowledged, ${unknown.size} unknown, ${lost.length} lost\n`);
  expect(acknowledged.size).toBeGreaterThanOrEqual(rounds * writesBeforeKill);
  expect(lost).toEqual([]);
  expect(unexplained).toEqual([]);
});
