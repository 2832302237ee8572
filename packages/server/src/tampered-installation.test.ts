/** Bad input 3.11 of a durable installation: what a server does when it starts, or is unsealed, on a store that was changed. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomIdentifier, readCertificate, signOperation } from '@letterlock/crypto';
import type { Operation, Store } from '@letterlock/core';
import { encodeBase64url } from '@letterlock/protocol';
import { answerLimitBytes } from './etcd/etcd-member.ts';
import { EtcdStore } from './etcd/etcd-store.ts';
import { buildMilliseconds, EtcdServer } from './etcd/testing/etcd-server.ts';
import { etcdSettings, type EtcdSettings } from './testing/etcd-settings.ts';
import {
  acknowledgeShares,
  createAdmin,
  createIdentity,
  giveShare,
  nowSeconds,
  startTestServer,
  wrapFor,
  type TestServer,
} from './testing/test-server.ts';

jest.setTimeout(180_000);

const admins = ['alice', 'bob'].map((name) => createAdmin(name));
const [writer, reader] = [createIdentity(), createIdentity()];
let etcd: EtcdServer;
let settings: EtcdSettings;

beforeAll(async () => {
  etcd = await EtcdServer.start({ isDurable: false });
  settings = etcdSettings([etcd]);
}, buildMilliseconds);
afterAll(async () => {
  settings[Symbol.dispose]();
  await etcd.close();
});

/** Whatever a test opened: a failed one must end, too. */
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

/** An installation under a prefix of its own. */
interface Installed {
  readonly prefix: string;
  readonly store: EtcdStore;
  readonly fingerprint: string;
}

async function start(
  prefix: string,
  flags: Readonly<Record<string, string>> = {},
  decorateStore?: (store: Store) => Store,
): Promise<TestServer> {
  const server = await startTestServer(
    {
      ...settings.flags,
      'etcd-prefix': prefix,
      'init-certificates': admins.map(({ pem }) => pem),
      identities: `${writer.keyset},${reader.keyset}`,
      grants: JSON.stringify([{ who: writer.id, verbs: ['wrap'], path: 'team-a' }]),
      ...flags,
    },
    decorateStore === undefined ? {} : { decorateStore },
  );
  opened.push(() => server.close());
  return server;
}

function initOperation(boot: string): string {
  const certificates = admins.map(({ pem }) => encodeBase64url(readCertificate(pem).der));
  const args = { admins: certificates, boot, k: 1 };
  return signOperation(admins[0]!.sig, { args, exp: nowSeconds() + 600, nonce: randomIdentifier(), op: 'init' });
}
async function initialise(server: TestServer): Promise<{ readonly status: number; readonly body: string }> {
  const client = await server.connect();
  const body = { jws: initOperation(server.bootFingerprint) };
  const answer = await client.send({ method: 'POST', path: '/v1/sys/init', body });
  client.close();
  return answer;
}

/** A server that was initialised and stopped again. */
async function install(): Promise<Installed> {
  const prefix = `${randomIdentifier()}/`;
  const server = await start(prefix);
  expect((await initialise(server)).status).toBe(200);
  await acknowledgeShares(server, admins);
  const fingerprint = server.fingerprint!;
  await server.close();
  const store = new EtcdStore({ endpoints: [etcd.endpoint], credentials: etcd.credentials, prefix });
  opened.push(() => store.close());
  return { prefix, store, fingerprint };
}
async function valueOf({ store }: Installed, key: string): Promise<Buffer> {
  return Buffer.from((await store.range({ key })).entries[0]!.value);
}
async function write({ store }: Installed, ...then: readonly Operation[]): Promise<void> {
  await store.transact({ compare: [], then });
}
async function storeWrap(server: TestServer): Promise<number> {
  const client = await server.connect();
  const { envelope } = await wrapFor(writer, reader);
  const { status } = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  client.close();
  return status;
}

describe('3.11 a server does not start on', () => {
  test.each([
    {
      name: '3.11.7 a schema of the future',
      tamper: (installed: Installed) => write(installed, { do: 'put', key: 'sys/schema', value: Buffer.from('2') }),
      reason: 'schema_newer',
    },
    {
      name: '3.11.7 no schema',
      tamper: (installed: Installed) => write(installed, { do: 'delete', key: 'sys/schema' }),
      reason: 'schema_unreadable',
    },
    {
      name: '3.11.6 data without a seal configuration, and does not begin anew over it',
      tamper: (installed: Installed) => write(installed, { do: 'delete', key: 'sys/seal' }),
      reason: 'seal_configuration_missing',
    },
    {
      name: '3.11.1 half a seal configuration',
      tamper: async (installed: Installed) => {
        const value = (await valueOf(installed, 'sys/seal')).subarray(0, 300);
        await write(installed, { do: 'put', key: 'sys/seal', value });
      },
      reason: 'seal_configuration_unreadable',
    },
  ])('$name', async ({ tamper, reason }) => {
    const installed = await install();
    await tamper(installed);
    await expect(start(installed.prefix)).rejects.toMatchObject({ code: 'internal', reason });
  });

  test("3.11.11 another instance's store, when the instance key is pinned", async () => {
    const [own, foreign] = [await install(), await install()];
    const pinned = { 'pinned-instance-key': own.fingerprint };
    await expect(start(foreign.prefix, pinned)).rejects.toMatchObject({
      code: 'internal',
      reason: 'instance_key_pinned',
    });
    for (const key of ['sys/seal', 'sys/keyring']) {
      await write(own, { do: 'put', key, value: await valueOf(foreign, key) });
    }
    await expect(start(own.prefix, pinned)).rejects.toMatchObject({ code: 'internal', reason: 'instance_key_pinned' });
    const server = await start(foreign.prefix, { 'pinned-instance-key': foreign.fingerprint });
    expect((await giveShare(server, admins[0]!)).status).toBe(200);
  });

  test('3.11.11 an empty store, when an instance key is pinned', async () => {
    const started = start(`${randomIdentifier()}/`, { 'pinned-instance-key': 'A'.repeat(43) });
    await expect(started).rejects.toMatchObject({ reason: 'instance_key_pinned' });
  });
});

describe('3.11.6 a server stays sealed on', () => {
  test.each([
    { name: 'no keyring', reason: 'keyring_missing', change: () => undefined },
    { name: 'half a keyring', reason: 'keyring_unreadable', change: (keyring: Buffer) => keyring.subarray(0, 60) },
    {
      name: 'a keyring of which a byte was changed',
      reason: 'keyring_unreadable',
      change: (keyring: Buffer) => {
        keyring[keyring.length - 1]! ^= 1;
        return keyring;
      },
    },
  ])('$name, says so, and comes back when it is restored', async ({ change, reason }) => {
    const installed = await install();
    const key = 'sys/keyring';
    const right = await valueOf(installed, key);
    const value = change(Buffer.from(right));
    await write(installed, value === undefined ? { do: 'delete', key } : { do: 'put', key, value });

    const server = await start(installed.prefix);
    const refused = await giveShare(server, admins[0]!);
    // Who gives a share is an admin, and is told what to repair.
    const detail = expect.stringMatching(/^The keyring .*in the store|from the store$/);
    expect(JSON.parse(refused.body)).toMatchObject({ status: 500, code: 'internal', detail });
    expect(server.logged.some((line) => line.includes(reason))).toBe(true);
    const ready = await fetch(`${server.healthOrigin}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { reasons: expect.arrayContaining([reason]) }]);
    expect(JSON.parse((await initialise(server)).body)).toMatchObject({ status: 409, code: 'conflict' });

    await write(installed, { do: 'put', key, value: right });
    expect((await giveShare(server, admins[0]!)).status).toBe(200);
    expect(await storeWrap(server)).toBe(201);
  });
});

describe('3.11.8 junk in the store', () => {
  const records = 100_000;
  const recordsPerTransaction = 125;
  const hugeValues = 20;

  test(`${records.toLocaleString('en')} junk records and ${hugeValues} huge ones among the wraps: read in pages, served as ever`, async () => {
    const installed = await install();
    const first = await start(installed.prefix);
    await giveShare(first, admins[0]!);
    const before = new Set((await page(installed)).map(({ key }) => key));
    expect(await storeWrap(first)).toBe(201);
    const fresh = (await page(installed)).filter(({ key }) => !before.has(key));
    await first.close();
    // Under the parent of states, which servers and sweepers list: the shorter of the two records that are no audit record.
    const own = fresh.filter(({ key }) => ![...before].some((other) => parentOf(other) === parentOf(key)));
    const state = own.toSorted((one, other) => one.value.length - other.value.length)[0]!;
    const junk = (index: number): Operation => {
      return { do: 'put', key: `${parentOf(state.key)}/junk${index}`, value: Buffer.alloc(64, index) };
    };
    const batches = Array.from({ length: records / recordsPerTransaction }, (_, batch) => batch);
    const writers = Array.from({ length: 8 }, async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        const from = batch * recordsPerTransaction;
        await write(installed, ...Array.from({ length: recordsPerTransaction }, (_, index) => junk(from + index)));
      }
    });
    await Promise.all(writers);
    for (let index = 0; index < hugeValues; index += 1) {
      const value = Buffer.alloc(1_400_000, index);
      await write(installed, { do: 'put', key: `${parentOf(state.key)}/huge${index}`, value });
    }

    let largestBytes = 0;
    let mostEntries = 0;
    const watched = (store: Store): Store => ({
      range: async (request, options) => {
        const answer = await store.range(request, options);
        largestBytes = Math.max(
          largestBytes,
          answer.entries.reduce((sum, { value }) => sum + value.length, 0),
        );
        mostEntries = Math.max(mostEntries, answer.entries.length);
        return answer;
      },
      transact: (transaction, options) => store.transact(transaction, options),
    });
    const server = await start(installed.prefix, {}, watched);
    expect((await giveShare(server, admins[0]!)).status).toBe(200);
    expect(await storeWrap(server)).toBe(201);
    // Until the sweeper has met some of it, page by page.
    const deadline = Date.now() + 60_000;
    while ((await damagedBySweeper(server)) < 1000 && Date.now() < deadline) await storeWrap(server);
    expect(await damagedBySweeper(server)).toBeGreaterThanOrEqual(1000);
    expect(mostEntries).toBeLessThanOrEqual(1000);
    expect(largestBytes).toBeLessThanOrEqual(answerLimitBytes);
  });
});

const parentOf = (key: string): string => key.slice(0, key.lastIndexOf('/'));
async function page({ store }: Installed) {
  return (await store.range({ prefix: '', limit: 1000 })).entries;
}
async function damagedBySweeper(server: TestServer): Promise<number> {
  const text = await (await fetch(`${server.healthOrigin}/metrics`)).text();
  return Number(/^letterlock_damaged_records_total\{met_by="sweeper"\} (\d+)$/m.exec(text)?.[1]);
}
