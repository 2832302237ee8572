import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Store } from '@letterlock/core';
import { makeClaim, reader, writer, WrapWorld } from '@letterlock/core/testing';
import { isProblemError } from '@letterlock/protocol';
import { EtcdStore } from './etcd-store.ts';
import { buildMilliseconds, EtcdServer } from './testing/etcd-server.ts';

// Every write reaches a disk that others use too.
jest.setTimeout(180_000);

const memberCount = 3;
const claimers = 50;
/** How long a cluster may take to agree on another leader; several times what it takes. */
const recoveryMilliseconds = 30_000;

let servers: readonly EtcdServer[];
const opened: EtcdStore[] = [];
let worlds = 0;

function openStore(prefix: string, firstMember: number, timeoutMilliseconds = 5000): EtcdStore {
  const store = new EtcdStore({
    endpoints: servers.map(({ endpoint }) => endpoint),
    credentials: servers[0]!.credentials,
    prefix,
    firstMember,
    timeoutMilliseconds,
  });
  opened.push(store);
  return store;
}

function newPrefix(): string {
  worlds += 1;
  return `world-${worlds}/`;
}

/** Until the first answer. @returns the failures before it */
async function untilAnswered(store: Store): Promise<readonly string[]> {
  const failures: string[] = [];
  const until = Date.now() + recoveryMilliseconds;
  for (;;) {
    try {
      await store.transact({ compare: [], then: [{ do: 'put', key: 'probe', value: Buffer.from('1') }] });
      return failures;
    } catch (error) {
      if (!isProblemError(error) || Date.now() > until) throw error;
      failures.push(error.reason ?? error.code);
    }
  }
}

beforeAll(async () => {
  servers = await EtcdServer.startCluster(memberCount);
}, buildMilliseconds);
afterAll(async () => {
  for (const store of opened) store.close();
  for (const server of servers) await server.close();
});

describe('a cluster of three members', () => {
  test('T-20 of 50 claimers at three replicas exactly one owns the wrap', async () => {
    const prefix = newPrefix();
    const stores = servers.map((_, index) => openStore(prefix, index));
    const world = new WrapWorld({ store: () => stores[0]!, replica: 'AAAAAAAAAAA' });
    const replicas = ['BBBBBBBBBBB', 'CCCCCCCCCCC', 'DDDDDDDDDDD'].map((name, index) =>
      world.replica(name, stores[index]),
    );
    for (let round = 0; round < 3; round += 1) {
      const wrap = await world.makeWrap();
      await world.storeAs(writer, wrap);
      const claims = Array.from({ length: claimers }, () => makeClaim());
      const answers = await Promise.allSettled(
        claims.map(({ request }, index) =>
          world.openAs(reader, wrap.id, request, {}, replicas[index % replicas.length]),
        ),
      );
      const owners = answers.filter(({ status }) => status === 'fulfilled');
      const codes = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.code] : []));
      expect(owners).toHaveLength(1);
      expect(codes).toEqual(Array.from({ length: claimers - 1 }, () => 'already_claimed'));
      // The owner may have it again, at every replica; nobody else may.
      const owner = claims[answers.findIndex(({ status }) => status === 'fulfilled')]!;
      for (const replica of replicas) await world.openAs(reader, wrap.id, owner.request, {}, replica);
    }
  });

  test('a claim made at one replica goes on at another, and ends at a third', async () => {
    const prefix = newPrefix();
    const [first, second, third] = servers.map((_, index) => openStore(prefix, index));
    const world = new WrapWorld({ store: () => first!, replica: 'AAAAAAAAAAA' });
    const wrap = await world.makeWrap();
    await world.storeAs(writer, wrap);
    const { request, cid } = makeClaim();
    await world.openAs(reader, wrap.id, request);
    await world.openAs(reader, wrap.id, request, {}, world.replica('BBBBBBBBBBB', second));
    const last = world.replica('CCCCCCCCCCC', third);
    await world.acknowledgeAs(reader, wrap.id, { cid }, {}, last);
    const refused = world.openAs(reader, wrap.id, request, {}, last);
    await expect(refused).rejects.toMatchObject({ code: 'gone' });
  });

  test.each([0, 1, 2])(
    'the loss of member %d costs a few calls, and no entry',
    async (index) => {
      const prefix = newPrefix();
      const store = openStore(prefix, index, 2000);
      await store.transact({ compare: [], then: [{ do: 'put', key: 'kept', value: Buffer.from('1') }] });
      await servers[index]!.kill();
      const failures = await untilAnswered(store);
      expect(failures.length).toBeLessThan(10);
      expect(store.choice.current).not.toBe(index);
      expect((await store.range({ key: 'kept' })).entries).toHaveLength(1);
      await servers[index]!.restart();
    },
    60_000,
  );

  test('a member that hangs is left after one deadline', async () => {
    const store = openStore(newPrefix(), 0, 1000);
    await untilAnswered(store);
    const index = store.choice.current;
    servers[index]!.pause();
    try {
      await expect(store.range({ key: 'a' })).rejects.toMatchObject({ code: 'unavailable', reason: 'store_timeout' });
      expect(store.choice.current).not.toBe(index);
      await untilAnswered(store);
    } finally {
      servers[index]!.resume();
    }
  });

  test('a minority changes nothing and answers nothing', async () => {
    const store = openStore(newPrefix(), 0, 1000);
    await untilAnswered(store);
    const key = 'a';
    const write = (value: string) =>
      store.transact({
        compare: [{ key, field: 'create', is: '=', revision: 0 }],
        then: [{ do: 'put', key, value: Buffer.from(value) }],
      });
    await servers[1]!.kill();
    await servers[2]!.kill();
    for (const call of [
      () => write('1'),
      () => store.range({ key }),
      () => store.transact({ compare: [{ key, field: 'create', is: '=', revision: 0 }], then: [] }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'unavailable' });
    }
    await Promise.all([servers[1]!.restart(), servers[2]!.restart()]);
    await untilAnswered(store);
    // The write without an answer may have happened since: what counts is that it did not happen twice.
    const { succeeded } = await write('2');
    const [entry] = (await store.range({ key })).entries;
    expect(Buffer.from(entry!.value).toString()).toBe(succeeded ? '2' : '1');
  });
});
