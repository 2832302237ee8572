import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  certificatePem,
  createSelfSignedCertificate,
  importVerifyingKey,
  openDelivery,
  sealEnvelope,
  verifyKeyset,
  verifyReceipt,
} from '@letterlock/crypto';
import type { DeliveryResponse, ProblemDocument, ReceiptResponse, StateResponse } from '@letterlock/protocol';
import { TestClient } from '../testing/test-client.ts';
import {
  apply,
  createIdentity,
  nowSeconds,
  register,
  startTestServer,
  wrapFor,
  type TestIdentity,
  type TestServer,
} from '../testing/test-server.ts';

let server: TestServer;
let client: TestClient;
const writer = createIdentity();
const reader = createIdentity();
const stranger = createIdentity();
const path = 'team-a/db/password';
const routes = ['write', 'read', 'list', 'versions', 'destroy'] as const;

beforeAll(async () => {
  server = await startTestServer();
  client = await server.connect();
  for (const identity of [writer, reader, stranger]) await register(server, client, identity);
  for (const [who, verbs] of [
    [writer.id, ['write', 'list', 'destroy']],
    [reader.id, ['read']],
  ] as const) {
    await apply(server, client, { op: 'grant.put', args: { path: 'team-a', verbs, who } });
  }
});
afterAll(async () => {
  client.close();
  await server.close();
});

async function version(ver: number, at = path) {
  const { envelope } = await sealEnvelope({
    header: { kind: 'kv', mode: 'e2e', path: at, ver, iat: nowSeconds(), rcp: [`k:${reader.id}`] },
    content: Buffer.from(`\ncontent ${ver}`),
    recipients: [verifyKeyset(reader.keyset).enc],
    writer: writer.sig,
  });
  return envelope;
}
function call(who: TestIdentity, route: (typeof routes)[number], body: object) {
  return client.prove(who.sig, { method: 'POST', path: `/v1/secrets/${route}`, body });
}
async function withCertificateOf({ sig }: TestIdentity): Promise<TestClient> {
  const der = createSelfSignedCertificate({
    key: sig,
    commonName: 'x',
    notBeforeSeconds: nowSeconds() - 60,
    notAfterSeconds: nowSeconds() + 3600,
  });
  const key = sig.keyObject.export({ format: 'pem', type: 'pkcs8' });
  return TestClient.connect(server.origin, { cert: certificatePem(der), key });
}

describe('the routes of secrets', () => {
  test('store a version once, answer the same again, and refuse what is not higher with the latest', async () => {
    const first = await version(3);
    const statuses = [await call(writer, 'write', first), await call(writer, 'write', first)].map(
      ({ status }) => status,
    );
    const refused = await call(writer, 'write', await version(3));
    expect(statuses).toEqual([201, 200]);
    expect(JSON.parse(refused.body)).toMatchObject({ status: 409, code: 'conflict', ver: 3 });
  });

  test('give who may not read, and who is no reader, the bytes of what does not exist', async () => {
    const at = 'team-a/private';
    await call(writer, 'write', await version(1, at));
    const answers = [
      await call(stranger, 'read', { path: at }),
      await call(stranger, 'read', { path: 'team-a/none' }),
      await call(writer, 'read', { path: at }),
      await call(reader, 'read', { path: 'team-a/none' }),
    ];
    const bodies = answers.map(({ body }) => ({ ...(JSON.parse(body) as ProblemDocument), instance: '' }));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  test('list and destroy for who holds the verbs', async () => {
    const at = 'team-a/listed';
    await call(writer, 'write', await version(1, at));
    const listed = JSON.parse((await call(writer, 'list', { path: 'team-a' })).body) as { items: object[] };
    expect(listed.items).toContainEqual({ name: 'listed', ver: 1 });
    expect(JSON.parse((await call(reader, 'versions', { path: at })).body)).toMatchObject({
      items: [{ ver: 1, st: 'STORED', wrt: writer.id }],
    });
    for (const [route, body] of [
      ['list', { path: 'team-a' }],
      ['versions', { path: at }],
      ['destroy', { path: at, ver: 1 }],
    ] as const) {
      expect((await call(stranger, route, body)).status).toBe(403);
    }
    const destroyed = await call(writer, 'destroy', { path: at, ver: 1 });
    const { sik } = JSON.parse((await client.send({ method: 'GET', path: '/v1/sys/state' })).body) as StateResponse;
    const { rcpt } = JSON.parse(destroyed.body) as ReceiptResponse;
    expect(verifyReceipt(rcpt, importVerifyingKey(sik))).toMatchObject({ st: 'DESTROYED' });
    expect(JSON.parse((await call(reader, 'read', { path: at })).body)).toMatchObject({ status: 410, st: 'DESTROYED' });
  });

  test('are counted in the metrics, each version once however often it is written', async () => {
    const at = 'team-a/counted';
    const numbers = async (): Promise<Readonly<Record<string, number>>> => {
      const text = await (await fetch(`${server.healthOrigin}/metrics`)).text();
      const lines = text.matchAll(/^(letterlock_(?:secret_transitions_total|live_secret_versions)\S*) (\d+)$/gm);
      return Object.fromEntries([...lines].map(([, name, number]) => [name!, Number(number)]));
    };
    const before = await numbers();
    const envelope = await version(1, at);
    expect((await call(writer, 'write', envelope)).status).toBe(201);
    expect((await call(writer, 'write', envelope)).status).toBe(200);
    expect((await call(writer, 'write', await version(2, at))).status).toBe(201);
    await call(reader, 'read', { path: at });
    await call(stranger, 'read', { path: at });
    await call(writer, 'destroy', { path: at, ver: 1 });
    const after = await numbers();
    const grown = Object.fromEntries(
      Object.entries(after).map(([name, number]) => [name.replace('letterlock_', ''), number - (before[name] ?? 0)]),
    );
    expect(grown).toMatchObject({
      'secret_transitions_total{transition="written"}': 2,
      'secret_transitions_total{transition="read"}': 1,
      'secret_transitions_total{transition="destroyed"}': 1,
      live_secret_versions: 1,
    });
  });

  test('serve client certificates for writing and reading, and nothing else', async () => {
    const at = 'team-a/by-mtls';
    const [asWriter, asReader] = [await withCertificateOf(writer), await withCertificateOf(reader)];
    const send = (by: TestClient, route: string, body: object) =>
      by.send({ method: 'POST', path: `/v1/secrets/${route}`, body });
    expect((await send(asWriter, 'write', await version(1, at))).status).toBe(201);
    const read = await send(asReader, 'read', { path: at });
    const { sik } = JSON.parse((await client.send({ method: 'GET', path: '/v1/sys/state' })).body) as StateResponse;
    const { content } = await openDelivery({
      answer: JSON.parse(read.body) as DeliveryResponse,
      expected: { path: at, readerId: reader.id, sentBodyHashes: [] },
      instanceKey: importVerifyingKey(sik),
      deliveryKey: reader.enc,
      encryptionKeys: [reader.enc],
    });
    expect(Buffer.from(content.expose()).toString()).toBe('\ncontent 1');
    for (const [route, body] of [
      ['list', { path: 'team-a' }],
      ['versions', { path: at }],
      ['destroy', { path: at, ver: 1 }],
    ] as const) {
      expect((await send(asWriter, route, body)).status).toBe(401);
    }
    for (const each of [asWriter, asReader]) each.close();
  });

  test('take each kind of envelope at its own route only', async () => {
    const { envelope } = await wrapFor(writer, reader, { path });
    expect(JSON.parse((await call(writer, 'write', envelope)).body)).toMatchObject({ code: 'bad_envelope' });
    const granted = await apply(server, client, {
      op: 'grant.put',
      args: { path: 'team-a/wraps', verbs: ['wrap'], who: writer.id },
    });
    expect(granted.status).toBe(200);
    const stored = await client.prove(writer.sig, {
      method: 'POST',
      path: '/v1/wraps',
      body: await version(1, 'team-a/wraps'),
    });
    expect(JSON.parse(stored.body)).toMatchObject({ code: 'bad_envelope' });
  });

  test.each(routes)('%s: is refused to an admin, whatever the body asks for', async (route) => {
    const body = {
      write: await version(9),
      read: { path },
      list: {},
      versions: { path },
      destroy: { path, ver: 1 },
    }[route];
    const { status } = await client.prove(server.admins[0]!.sig, {
      method: 'POST',
      path: `/v1/secrets/${route}`,
      body,
    });
    expect(status).toBe(route === 'read' ? 404 : 403);
  });
});
