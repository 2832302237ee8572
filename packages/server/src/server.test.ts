import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  generateOpeningKey,
  hash43,
  importVerifyingKey,
  openDelivery,
  randomIdentifier,
  readCertificate,
  verifyReceipt,
  verifyState,
} from '@letterlock/crypto';
import type { DeliveryResponse, ReceiptResponse, StateResponse } from '@letterlock/protocol';
import { canonicalize } from '@letterlock/protocol';
import { RawConnection } from './testing/raw-connection.ts';
import type { TestClient } from './testing/test-client.ts';
import {
  apply,
  createIdentity,
  giveShare,
  grantWrap,
  register,
  signedBy,
  startTestServer,
  wrapFor,
  type TestServer,
} from './testing/test-server.ts';

describe('the transient server', () => {
  let server: TestServer;
  let client: TestClient;
  const writer = createIdentity();
  const reader = createIdentity();

  beforeAll(async () => {
    server = await startTestServer();
    client = await server.connect();
    await register(server, client, writer);
    await register(server, client, reader);
    await grantWrap(server, client, writer.id, 'team-a');
  });
  afterAll(async () => {
    client.close();
    await server.close();
  });

  async function store(): Promise<string> {
    const { id, envelope } = await wrapFor(writer, reader, { content: 'hunter2' });
    const { status } = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
    expect(status).toBe(201);
    return id;
  }

  test('signs its state for the key that the connection is served with', async () => {
    const { body, headers } = await client.send({ method: 'GET', path: '/v1/sys/state' });
    const state = JSON.parse(body) as StateResponse;
    expect(state).toMatchObject({ state: 'unsealed', td: 'test.example', v: 1 });
    const instanceKey = importVerifyingKey(state.sik);
    expect(instanceKey.thumbprint).toBe(server.fingerprint);
    const tls = readCertificate(server.certificate).key.thumbprint;
    expect(verifyState(state.jws!, instanceKey, { tls })).toMatchObject({ td: 'test.example', tls });
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json' });
    expect(headers['date']).toBeDefined();
    expect(headers['replay-nonce']).toHaveLength(54);
  });

  test('gives a nonce', async () => {
    const { status, headers, body } = await client.send({ method: 'HEAD', path: '/v1/nonce' });
    expect({ status, body }).toEqual({ status: 200, body: '' });
    expect(headers['replay-nonce']).toHaveLength(54);
  });

  test('wraps, opens once, acknowledges, on one connection with the nonces of the answers', async () => {
    const { id, envelope } = await wrapFor(writer, reader, { content: 'hunter2' });
    const stored = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
    expect(stored.status).toBe(201);

    const deliveryKey = generateOpeningKey('P-256');
    const cid = randomIdentifier();
    const openBody = { cid, rpk: { ...deliveryKey.jwk } };
    const { nonce } = client;
    const opened = await client.prove(reader.sig, { method: 'POST', path: `/v1/wraps/${id}/open`, body: openBody });
    expect(opened.status).toBe(200);
    const state = JSON.parse((await client.send({ method: 'GET', path: '/v1/sys/state' })).body) as StateResponse;
    const instanceKey = importVerifyingKey(state.sik);
    const { content } = await openDelivery({
      answer: JSON.parse(opened.body) as DeliveryResponse,
      expected: {
        id,
        cid,
        nonce,
        readerId: reader.id,
        sentBodyHashes: [hash43(canonicalize(openBody))],
      },
      instanceKey,
      deliveryKey,
      encryptionKeys: [reader.enc],
    });
    expect(Buffer.from(content.expose()).toString()).toBe('hunter2');

    const acknowledged = await client.prove(reader.sig, { method: 'POST', path: `/v1/wraps/${id}/ack`, body: { cid } });
    expect(acknowledged.status).toBe(200);
    const { rcpt } = JSON.parse(acknowledged.body) as ReceiptResponse;
    expect(verifyReceipt(rcpt, instanceKey)).toMatchObject({ id, st: 'OPENED' });

    const again = await client.prove(reader.sig, {
      method: 'POST',
      path: `/v1/wraps/${id}/open`,
      body: { cid: randomIdentifier() },
    });
    expect(again.status).toBe(410);
    expect(JSON.parse(again.body)).toMatchObject({ code: 'gone', st: 'OPENED', kid: reader.id });
  });

  test('stores the same envelope again with 200', async () => {
    const { envelope } = await wrapFor(writer, reader);
    const request = { method: 'POST', path: '/v1/wraps', body: envelope };
    expect((await client.prove(writer.sig, request)).status).toBe(201);
    expect((await client.prove(writer.sig, request)).status).toBe(200);
  });

  test('revokes, and shows the status to writer and recipient', async () => {
    const id = await store();
    const revoked = await client.prove(writer.sig, { method: 'POST', path: `/v1/wraps/${id}/revoke`, body: {} });
    expect(revoked.status).toBe(200);
    for (const party of [writer, reader]) {
      const status = await client.prove(party.sig, { method: 'GET', path: `/v1/wraps/${id}/status` });
      expect(status.status).toBe(200);
    }
  });

  test('shows keysets to registered identities', async () => {
    const { status, body } = await client.prove(writer.sig, { method: 'GET', path: `/v1/identities/${reader.id}` });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ keyset: reader.keyset });
  });

  test('lists and explains grants to admins', async () => {
    const admin = server.admins[0]!;
    const listed = await client.prove(admin.sig, { method: 'GET', path: '/v1/grants' });
    expect(JSON.parse(listed.body)).toEqual({ grants: [{ path: 'team-a', verbs: ['wrap'], who: writer.id }] });
    const question = { path: 'team-a/db', verb: 'wrap', who: writer.id };
    const explained = await client.prove(admin.sig, { method: 'POST', path: '/v1/explain', body: question });
    expect(JSON.parse(explained.body)).toMatchObject({ allowed: true });
  });

  test('serves metrics and readiness on the health listener', async () => {
    expect(await (await fetch(`${server.healthOrigin}/livez`)).json()).toEqual({ status: 'alive' });
    expect(await (await fetch(`${server.healthOrigin}/readyz`)).json()).toEqual({ status: 'ready' });
    const metrics = await (await fetch(`${server.healthOrigin}/metrics`)).text();
    expect(metrics).toContain('letterlock_seal_state{state="unsealed"} 1');
    expect(metrics).toMatch(/letterlock_http_requests_total\{route="wrap",status="201"\} [1-9]/);
  });

  test.each([
    { name: 'an unknown path', path: '/other', method: 'GET', status: 404 },
    { name: 'a query', path: '/livez?a=b', method: 'GET', status: 400 },
    { name: 'another method', path: '/livez', method: 'POST', status: 405 },
    { name: 'another case', path: '/LIVEZ', method: 'GET', status: 404 },
  ])('refuses $name on the health listener', async ({ path, method, status }) => {
    const answer = await fetch(`${server.healthOrigin}${path}`, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.headers.get('x-powered-by')).toBeNull();
    expect(await answer.text()).not.toContain('other');
  });

  test('logs its identity at start, and never a secret', () => {
    const start = JSON.parse(server.logged.find((line) => line.includes('"Listening"'))!) as Record<string, unknown>;
    expect(start).toMatchObject({ fingerprint: server.fingerprint, boot: server.bootFingerprint, state: 'unsealed' });
    expect(server.logged.join('\n')).not.toContain('PRIVATE');
  });

  test('keeps neither names nor content in clear in the store', async () => {
    await store();
    for (const { key, value } of server.store.dump()) {
      const text = `${key} ${Buffer.from(value).toString('latin1')}`;
      expect(text).not.toMatch(/team-a|hunter2/);
      expect(text).not.toContain(reader.id);
    }
  });
});

describe('the seal', () => {
  test('seals for one admin, refuses everything, and one share opens it again', async () => {
    const server = await startTestServer();
    const client = await server.connect();
    const [writer, reader] = [createIdentity(), createIdentity()];
    await register(server, client, writer);
    await register(server, client, reader);
    await grantWrap(server, client, writer.id, 'team-a');
    const { id, envelope } = await wrapFor(writer, reader);
    const request = { method: 'POST', path: '/v1/wraps', body: envelope };
    expect((await client.prove(writer.sig, request)).status).toBe(201);

    const unusedOperation = await signedBy(server.admins[1]!, server, { op: 'identity.put', args: { id: reader.id } });
    const sealed = await apply(server, client, { op: 'seal', args: {} });
    expect(sealed).toMatchObject({ status: 200 });
    expect(JSON.parse(sealed.body)).toEqual({ epoch: expect.any(Number) });

    for (const refused of [
      { method: 'GET', path: `/v1/identities/${writer.id}` },
      { method: 'POST', path: '/v1/identities', body: { keyset: writer.keyset } },
      request,
      { method: 'POST', path: `/v1/wraps/${id}/open`, body: { cid: randomIdentifier() } },
      { method: 'POST', path: `/v1/wraps/${id}/ack`, body: { cid: randomIdentifier() } },
      { method: 'POST', path: `/v1/wraps/${id}/revoke`, body: {} },
      { method: 'GET', path: `/v1/wraps/${id}/status` },
      { method: 'GET', path: '/v1/grants' },
      { method: 'POST', path: '/v1/explain', body: { path: 'a', verb: 'wrap', who: writer.id } },
      { method: 'POST', path: '/v1/sys/op', body: { ops: [unusedOperation] } },
      { method: 'POST', path: '/v1/sys/seal', body: { ops: [unusedOperation] } },
    ]) {
      const answer = await client.prove(writer.sig, refused);
      expect({ path: refused.path, status: answer.status, body: JSON.parse(answer.body) }).toMatchObject({
        path: refused.path,
        status: 503,
        body: { code: 'sealed' },
      });
    }
    // Before anything of the request is read, let alone believed.
    const malformed = await client.send({ method: 'POST', path: '/v1/wraps', body: 'no JSON' });
    expect(malformed.status).toBe(503);
    const ready = await fetch(`${server.healthOrigin}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ status: 'unready', reasons: ['sealed'] });
    expect((await fetch(`${server.healthOrigin}/livez`)).status).toBe(200);

    const unsealed = await giveShare(server, server.admins[2]!);
    expect(unsealed.status).toBe(200);
    expect(JSON.parse(unsealed.body)).toEqual({ transcript: expect.any(String) });
    const opened = await client.prove(reader.sig, {
      method: 'POST',
      path: `/v1/wraps/${id}/open`,
      body: { cid: randomIdentifier() },
    });
    expect(opened.status).toBe(200);
    const next = await wrapFor(writer, reader);
    expect((await client.prove(writer.sig, { ...request, body: next.envelope })).status).toBe(201);
    client.close();
    await server.close();
  });

  test('refuses the share of a stranger, and says who was refused in the log', async () => {
    const server = await startTestServer();
    const client = await server.connect();
    const stranger = createIdentity();
    const answer = await client.prove(stranger.sig, { method: 'GET', path: '/v1/sys/unseal' });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'bad_proof' });
    client.close();
    await server.close();
  });
});

describe('the drain', () => {
  test('finishes a request in flight, answers it as the last of its connection, and stops', async () => {
    const server = await startTestServer();
    const client = await server.connect();
    const message = Buffer.from(client.message({ method: 'POST', path: '/v1/sys/init', body: { jws: 'a.b.c' } }));
    client.connection.send(message.subarray(0, message.length - 1));
    // The server has read the head when it has answered another connection's request.
    const other = await server.connect();
    other.close();
    const closing = server.close();
    client.connection.send(message.subarray(message.length - 1));
    const answer = await client.connection.receive();
    expect(answer.status).toBe(400);
    expect(answer.headers['connection']).toBe('close');
    await closing;
    await server.closed;
    await client.connection.closed();
    await expect(server.connect()).rejects.toThrow('ECONNREFUSED');
  });

  test('does not wait for connections without a request, used or not', async () => {
    const server = await startTestServer();
    const used = await server.connect();
    const fresh = await RawConnection.open(Number(new URL(server.origin).port));
    const halfWay = connect(Number(new URL(server.origin).port), '127.0.0.1');
    await once(halfWay, 'connect');
    const halfWayClosed = once(halfWay, 'close');
    const startedAt = performance.now();
    await Promise.all([server.close(), used.connection.closed(), fresh.closed()]);
    // The handshake that has not ended is cut with the rest; all others end at once.
    await halfWayClosed;
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test('begins when the signal is aborted', async () => {
    const controller = new AbortController();
    const server = await startTestServer({}, { signal: controller.signal });
    controller.abort();
    await server.closed;
    await expect(server.connect()).rejects.toThrow('ECONNREFUSED');
  });
});
