import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { randomIdentifier, readCertificate, signOperation } from '@letterlock/crypto';
import { encodeBase64url, type Operation } from '@letterlock/protocol';
import { buildMilliseconds, EtcdServer } from './etcd/testing/etcd-server.ts';
import { etcdSettings, type EtcdSettings } from './testing/etcd-settings.ts';
import {
  acknowledgeShares,
  apply,
  createAdmin,
  createIdentity,
  giveShare,
  nowSeconds,
  startTestServer,
  unsealStatusOf,
  wrapFor,
  type TestServer,
} from './testing/test-server.ts';

const admins = ['alice', 'bob', 'carol'].map((name) => createAdmin(name));
const [writer, reader] = [createIdentity(), createIdentity()];
let etcd: EtcdServer;
let settings: EtcdSettings;
let replicas: readonly [TestServer, TestServer];

beforeAll(async () => {
  etcd = await EtcdServer.start();
  settings = etcdSettings([etcd]);
  const first = await start();
  const client = await first.connect();
  const jws = signOperation(admins[0]!.sig, {
    args: {
      admins: admins.map(({ pem }) => encodeBase64url(readCertificate(pem).der)),
      boot: first.bootFingerprint,
      k: 2,
    },
    exp: nowSeconds() + 600,
    nonce: randomIdentifier(),
    op: 'init',
  });
  const { status, body } = await client.send({ method: 'POST', path: '/v1/sys/init', body: { jws } });
  if (status !== 200) throw new Error(`Cannot initialise: ${body}`);
  client.close();
  replicas = [first, await start()];
}, buildMilliseconds);
afterAll(async () => {
  for (const replica of replicas) await replica.close();
  settings[Symbol.dispose]();
  await etcd.close();
});

function start(): Promise<TestServer> {
  return startTestServer({
    ...settings.flags,
    'init-certificates': admins.map(({ pem }) => pem),
    'init-threshold': '2',
    identities: `${writer.keyset},${reader.keyset}`,
    grants: JSON.stringify([{ who: writer.id, verbs: ['wrap'], path: 'team-a' }]),
  });
}

async function give(server: TestServer, index: number): Promise<unknown> {
  const { status, body } = await giveShare(server, admins[index]!);
  return { status, ...(JSON.parse(body) as object) };
}

async function stateOf(server: TestServer): Promise<string> {
  const client = await server.connect();
  const { body } = await client.send({ method: 'GET', path: '/v1/sys/state' });
  client.close();
  return (JSON.parse(body) as { readonly state: string }).state;
}

async function storeWrap(server: TestServer): Promise<number> {
  const client = await server.connect();
  const { envelope } = await wrapFor(writer, reader);
  const { status } = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  client.close();
  return status;
}

/** Two processes on one etcd; each test goes on where the one before ended. */
describe('two replicas with a quorum', () => {
  test('the second one counts its own shares, and says how many there are', async () => {
    const [first, second] = replicas;
    expect([await stateOf(first), await stateOf(second)]).toEqual(['unsealed', 'sealed']);
    expect(await give(second, 2)).toEqual({ status: 202, have: 1, k: 2 });
    expect(await give(second, 2)).toMatchObject({ status: 409, code: 'conflict' });
    expect(await give(second, 0)).toEqual({ status: 200, transcript: expect.any(String) });
    expect(second.logged.join('\n')).toContain('Counted a share');
  });

  test('both refuse to store before all shares are acknowledged, wherever that happens', async () => {
    const [first, second] = replicas;
    await acknowledgeShares(first, admins.slice(0, 2));
    expect([await storeWrap(first), await storeWrap(second)]).toEqual([409, 409]);
    await acknowledgeShares(second, admins.slice(2));
    expect([await storeWrap(first), await storeWrap(second)]).toEqual([201, 201]);
  });

  test('a seal at one is a seal at the other within a second', async () => {
    const [first, second] = replicas;
    const client = await first.connect();
    expect(await apply(first, client, { op: 'seal', args: {} }, admins[0])).toMatchObject({ status: 200 });
    const sealedAt = performance.now();
    client.close();
    expect(await stateOf(first)).toBe('sealed');
    while ((await stateOf(second)) !== 'sealed' && performance.now() - sealedAt < 5000) await pause(20);
    expect(await stateOf(second)).toBe('sealed');
    // A look every 700 ms, and a busy machine.
    expect(performance.now() - sealedAt).toBeLessThan(2500);
    expect(await storeWrap(second)).toBe(503);
  });

  test('a share at each of them unseals neither', async () => {
    const [first, second] = replicas;
    expect(await give(first, 0)).toEqual({ status: 202, have: 1, k: 2 });
    expect(await give(second, 1)).toEqual({ status: 202, have: 1, k: 2 });
    await pause(1100);
    expect([await stateOf(first), await stateOf(second)]).toEqual(['sealed', 'sealed']);
    expect(await give(first, 1)).toMatchObject({ status: 200 });
    expect(await give(second, 0)).toMatchObject({ status: 200 });
    expect(await storeWrap(second)).toBe(201);
  });

  test.each([
    { op: 'peer_unseal.set', args: { mode: 'off' } },
    { op: 'images.set', args: { images: [`sha256:${'0a'.repeat(32)}`] } },
  ] as const)('only a quorum signs $op, and each signature counts', async (operation) => {
    const [first] = replicas;
    const { inst } = await unsealStatusOf(first, admins[0]!);
    const claims = { ...operation, exp: nowSeconds() + 600, inst, nonce: randomIdentifier() } as unknown as Operation;
    const ops = admins.map(({ sig }) => signOperation(sig, claims));
    const client = await first.connect();
    const send = (some: readonly string[]): ReturnType<typeof client.send> =>
      client.send({ method: 'POST', path: '/v1/sys/op', body: { ops: some } });
    const one = await send(ops.slice(0, 1));
    expect({ status: one.status, body: JSON.parse(one.body) as unknown }).toEqual({
      status: 202,
      body: { have: 1, k: 2 },
    });
    expect(await send([ops[0]!, ops[0]!])).toMatchObject({ status: 400 });
    expect(await send(ops.slice(1))).toMatchObject({ status: 200, body: '{}' });
    expect(await send(ops.slice(1))).toMatchObject({ status: 200, body: '{}' });
    expect(await send(ops.slice(0, 2))).toMatchObject({ status: 409 });
    client.close();
  });
});
