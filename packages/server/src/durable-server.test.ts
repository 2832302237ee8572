import { chmodSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomIdentifier, readCertificate, signOperation } from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import { buildMilliseconds, createCertificate, EtcdServer } from './etcd/testing/etcd-server.ts';
import { connectMember } from './etcd/etcd-member.ts';
import { createLog } from './log.ts';
import { openStore } from './open-store.ts';
import { systemClock } from './system-clock.ts';
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

// Every write reaches a disk that others use too.
jest.setTimeout(180_000);

const admins = ['alice', 'bob'].map((name) => createAdmin(name));
const [writer, reader] = [createIdentity(), createIdentity()];
const { id, envelope } = await wrapFor(writer, reader, { content: 'a recognisable content' });
let etcd: EtcdServer;
let settings: EtcdSettings;

beforeAll(async () => {
  etcd = await EtcdServer.start();
  settings = etcdSettings([etcd]);
}, buildMilliseconds);
afterAll(async () => {
  settings[Symbol.dispose]();
  await etcd.close();
});

function start(): Promise<TestServer> {
  return startTestServer({
    ...settings.flags,
    'init-certificates': admins.map(({ pem }) => pem),
    identities: `${writer.keyset},${reader.keyset}`,
    grants: JSON.stringify([{ who: writer.id, verbs: ['wrap'], path: 'team-a' }]),
  });
}

async function readyReasons(server: TestServer): Promise<unknown> {
  const answer = await fetch(`${server.healthOrigin}/readyz`);
  const { reasons = [] } = (await answer.json()) as { readonly reasons?: readonly string[] };
  return { status: answer.status, reasons };
}

function initOperation(server: TestServer): string {
  return signOperation(admins[0]!.sig, {
    args: {
      admins: admins.map(({ pem }) => encodeBase64url(readCertificate(pem).der)),
      boot: server.bootFingerprint,
      k: 1,
    },
    exp: nowSeconds() + 600,
    nonce: randomIdentifier(),
    op: 'init',
  });
}

/** One process after another on the same store; each test goes on where the one before ended. */
describe('the durable server', () => {
  test('is uninitialised on an empty store, and refuses everything but its initialisation', async () => {
    const server = await start();
    expect(server.fingerprint).toBeUndefined();
    expect(await readyReasons(server)).toMatchObject({ status: 503, reasons: ['uninitialised'] });
    const client = await server.connect();
    const refused = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'uninitialised' });

    const jws = initOperation(server);
    const answer = await client.send({ method: 'POST', path: '/v1/sys/init', body: { jws } });
    expect(answer).toMatchObject({ status: 200 });
    expect(JSON.parse(answer.body)).toEqual({ transcript: expect.any(String) });
    expect(server.fingerprint).toEqual(expect.any(String));
    expect(await readyReasons(server)).toMatchObject({ status: 200 });

    // Nothing is stored before a lost share would be noticed.
    const early = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
    expect(JSON.parse(early.body)).toMatchObject({ code: 'conflict', detail: expect.stringContaining('0 of 2') });
    await acknowledgeShares(server, admins.slice(1));
    const half = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
    expect(JSON.parse(half.body)).toMatchObject({ code: 'conflict', detail: expect.stringContaining('1 of 2') });
    await acknowledgeShares(server, admins.slice(0, 1));

    // The configured identities and grants are there.
    const stored = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
    expect(stored.status).toBe(201);
    const again = await client.send({ method: 'POST', path: '/v1/sys/init', body: { jws } });
    expect(JSON.parse(again.body)).toMatchObject({ code: 'conflict' });
    client.close();
    await server.close();
  });

  test('is sealed after a restart, and one share brings everything back', async () => {
    const server = await start();
    expect(await readyReasons(server)).toMatchObject({ status: 503, reasons: ['sealed'] });
    const client = await server.connect();
    const open = { method: 'POST', path: `/v1/wraps/${id}/open`, body: { cid: randomIdentifier() } };
    expect(JSON.parse((await client.prove(reader.sig, open)).body)).toMatchObject({ code: 'sealed' });
    expect((await giveShare(server, admins[1]!)).status).toBe(200);
    expect(await client.prove(reader.sig, open)).toMatchObject({ status: 200 });
    const other = { ...open, body: { cid: randomIdentifier() } };
    expect(await client.prove(reader.sig, other)).toMatchObject({ status: 409 });
    client.close();
    await server.close();
  });

  test('redelivers after a restart to the same claim alone', async () => {
    const cid = randomIdentifier();
    const wrap = await wrapFor(writer, reader);
    const open = { method: 'POST', path: `/v1/wraps/${wrap.id}/open`, body: { cid } };
    const first = await start();
    await giveShare(first, admins[0]!);
    const client = await first.connect();
    await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: wrap.envelope });
    expect(await client.prove(reader.sig, open)).toMatchObject({ status: 200 });
    client.close();
    await first.close();

    const second = await start();
    await giveShare(second, admins[0]!);
    const next = await second.connect();
    expect(await next.prove(reader.sig, open)).toMatchObject({ status: 200 });
    const other = { ...open, body: { cid: randomIdentifier() } };
    expect(await next.prove(reader.sig, other)).toMatchObject({ status: 409 });
    next.close();
    await second.close();
  });

  test('leaves neither content nor names in etcd', async () => {
    const member = connectMember({
      endpoint: etcd.endpoint,
      credentials: etcd.credentials,
      timeoutMilliseconds: 5000,
    });
    const all = Buffer.from([0]);
    const { kvs } = await member.range({ key: all, range_end: all });
    member.close();
    expect(kvs.length).toBeGreaterThan(10);
    for (const { key, value } of kvs) {
      expect(key.toString('latin1')).toMatch(/^letterlock\/r\/(?:sys\/[a-z-]+|[A-Za-z0-9_/-]+)$/);
      const text = Buffer.concat([key, value]).toString('latin1');
      for (const word of ['recognisable', 'team-a', id, writer.id, reader.id]) expect(text).not.toContain(word);
    }
  });

  test('does not start without its store, and says which store it is', async () => {
    const flags = { ...settings.flags, 'etcd-endpoints': 'https://localhost:1' };
    const started = startTestServer({ ...flags, 'init-certificates': admins.map(({ pem }) => pem) });
    await expect(started).rejects.toMatchObject({ code: 'unavailable', reason: 'store_unreachable' });
  });

  test.each([
    { name: 'authorities that are none', change: { 'etcd-ca-file': 'key' }, mode: 0o600, at: 'store.etcd.caFile' },
    {
      name: 'a certificate that is not there',
      change: { 'etcd-cert-file': 'absent' },
      mode: 0o600,
      at: 'store.etcd.certFile',
    },
    {
      name: 'the key of another certificate',
      change: { 'etcd-key-file': 'another' },
      mode: 0o600,
      at: 'store.etcd.keyFile',
    },
    { name: 'a key that everybody can read', change: {}, mode: 0o644, at: 'store.etcd.keyFile' },
  ])('does not start with $name', async ({ change, mode, at }) => {
    const { flags } = settings;
    const key = flags['etcd-key-file']!;
    const another = `${key}.another`;
    writeFileSync(another, createCertificate().key, { mode: 0o600 });
    const paths: Readonly<Record<string, string>> = { key, another, absent: `${key}.absent` };
    chmodSync(key, mode);
    try {
      const changed = Object.fromEntries(Object.entries(change).map(([flag, which]) => [flag, paths[which]!]));
      const started = startTestServer({ ...flags, ...changed, 'init-certificates': admins.map(({ pem }) => pem) });
      await expect(started).rejects.toMatchObject({ name: 'ConfigError', faults: [{ at }] });
    } finally {
      chmodSync(key, 0o600);
    }
  });

  test('keeps tombstones for 90 days, and those in memory for an hour', async () => {
    const { flags } = settings;
    const etcdConfig = {
      endpoints: [etcd.endpoint],
      caFile: flags['etcd-ca-file']!,
      certFile: flags['etcd-cert-file']!,
      keyFile: flags['etcd-key-file']!,
      quotaBytes: 2_147_483_648,
      prefix: 'letterlock/',
    };
    const log = createLog('silent');
    const durable = openStore({ etcd: etcdConfig }, { clock: systemClock, log });
    expect(durable).toMatchObject({ isTransient: false, tombstoneSeconds: 90 * 86_400 });
    expect(() => durable.dump()).toThrow(TypeError);
    await durable.close();
    const transient = openStore({ memory: { refuseSwap: false } }, { clock: systemClock, log });
    expect(transient).toMatchObject({ isTransient: true, tombstoneSeconds: 3600 });
    await transient.close();
  });
});
