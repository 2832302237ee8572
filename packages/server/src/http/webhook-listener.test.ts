import { once } from 'node:events';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defaultInjectionSettings, type InjectionSettings } from '@letterlock/core';
import { certificatePem, createSelfSignedCertificate, generateSigningKey } from '@letterlock/crypto';
import { pino } from 'pino';
import { RawConnection, type RawAnswer } from '../testing/raw-connection.ts';
import { defaultTimeouts, type ListenerTimeouts } from './direct-listener.ts';
import { createWebhookListener, reviewLimitBytes, type AdmissionOutcome } from './webhook-listener.ts';

/** Stands in every request, and may stand in no log line. */
const marker = 'cafe-marker-5a1e';
const settings: InjectionSettings = {
  ...defaultInjectionSettings,
  trustDomain: 'prod.example',
  serviceNamespace: 'letterlock-system',
  directOrigin: 'https://letterlock.letterlock-system.svc:8443',
  agentTarget: 'letterlock.letterlock-system.svc:9443',
  instanceKey: undefined,
  image: 'agent:1',
  startupCommand: ['agent', 'startup'],
};

interface Listening {
  readonly server: Server;
  readonly port: number;
  readonly logged: string[];
  readonly outcomes: AdmissionOutcome[];
  isInitialised: boolean;
}

async function start(timeouts: Partial<ListenerTimeouts> = {}): Promise<Listening> {
  const key = generateSigningKey('P-256');
  const nowSeconds = Math.floor(Date.now() / 1000);
  const der = createSelfSignedCertificate({
    key,
    commonName: 'webhook',
    notBeforeSeconds: nowSeconds - 60,
    notAfterSeconds: nowSeconds + 3600,
  });
  const logged: string[] = [];
  const outcomes: AdmissionOutcome[] = [];
  const facts = { isInitialised: true };
  const server = createWebhookListener({
    certificate: certificatePem(der),
    key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }),
    world: () => ({ settings, isInitialised: facts.isInitialised }),
    answered: (outcome) => outcomes.push(outcome),
    timeouts: { ...defaultTimeouts, ...timeouts },
    log: pino({}, { write: (line) => void logged.push(line) }),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(facts, { server, port: (server.address() as AddressInfo).port, logged, outcomes });
}

async function close({ server }: Listening): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

const pod = (annotations: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'orders-', namespace: 'shop', annotations: { marker, ...annotations } },
  spec: { serviceAccountName: 'orders', containers: [{ name: 'app', image: 'app:1' }] },
});

const review = (object: object, change: object = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'f0f0f0f0-0000-4000-8000-000000000000',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'shop',
    object,
    ...change,
  },
});

const asking = pod({ 'letterlock.dev/inject': 'true' });

/** A review as good as any but for one byte, inside of a text that nobody needs. */
function withBadByte(text: string): Buffer {
  const bytes = Buffer.from(text);
  const at = bytes.indexOf('app:1');
  bytes[at + 3] = 0xff;
  return bytes;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

async function send(at: Listening, o: Sent): Promise<RawAnswer> {
  const { method = 'POST', path = '/v1/admission/pod?timeout=5s', headers = {}, body } = o;
  const fields = {
    Host: 'a',
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const connection = await RawConnection.open(at.port);
  connection.send(
    `${method} ${path} HTTP/1.1\r\n${Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  connection.send(body);
  const answer = await connection.receive();
  connection.socket.destroy();
  return answer;
}

interface Answered {
  readonly kind?: string;
  readonly code?: string;
  readonly response?: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patch?: string;
    readonly status?: { readonly message: string };
  };
}

function read(answer: RawAnswer): Answered {
  return JSON.parse(answer.body) as Answered;
}

let listening: Listening;
beforeAll(async () => {
  listening = await start();
});
afterAll(() => close(listening));

describe('the webhook', () => {
  test('injects a pod that asks', async () => {
    const answer = await send(listening, { body: JSON.stringify(review(asking)) });
    expect(answer.status).toBe(200);
    const { kind, response } = read(answer);
    expect(kind).toBe('AdmissionReview');
    expect(response).toMatchObject({ uid: 'f0f0f0f0-0000-4000-8000-000000000000', allowed: true });
    expect(Buffer.from(response?.patch ?? '', 'base64').toString()).toContain('letterlock-agent');
    expect(listening.outcomes.at(-1)).toBe('inject');
  });

  test.each([
    { path: '/v1/admission/namespace', isInjected: true },
    { path: '/v1/admission/pod', isInjected: false },
  ])('at $path a pod that says nothing is injected: $isInjected', async ({ path, isInjected }) => {
    const answer = await send(listening, { path, body: JSON.stringify(review(pod({}))) });
    expect(read(answer).response?.patch !== undefined).toBe(isInjected);
  });

  test('refuses a pod that asks wrongly, with what is wrong', async () => {
    const body = JSON.stringify(review(pod({ 'letterlock.dev/inject': 'yes please' })));
    const { response } = read(await send(listening, { body }));
    expect(response?.allowed).toBe(false);
    expect(response?.status?.message).toContain('letterlock.dev');
    expect(listening.outcomes.at(-1)).toBe('deny');
  });

  test('asks anew whether the service was initialised', async () => {
    listening.isInitialised = false;
    const refused = read(await send(listening, { body: JSON.stringify(review(asking)) }));
    listening.isInitialised = true;
    const injected = read(await send(listening, { body: JSON.stringify(review(asking)) }));
    expect([refused.response?.allowed, injected.response?.allowed]).toEqual([false, true]);
  });

  const body = JSON.stringify(review(asking));
  const { request: _, ...withoutRequest } = review(asking);
  test.each([
    { name: '3.7.1 text', status: 400, sent: { body: 'hello' } },
    { name: '3.7.1 no body', status: 400, sent: { body: '' } },
    { name: '3.7.1 JSON that is not an object', status: 400, sent: { body: '[]' } },
    {
      name: '3.7.1 v1beta1',
      status: 400,
      sent: { body: JSON.stringify({ ...review(asking), apiVersion: 'admission.k8s.io/v1beta1' }) },
    },
    { name: '3.7.1 no request', status: 400, sent: { body: JSON.stringify(withoutRequest) } },
    { name: '3.7.1 no uid', status: 400, sent: { body: JSON.stringify(review(asking, { uid: undefined })) } },
    { name: '3.7.1 an empty uid', status: 400, sent: { body: JSON.stringify(review(asking, { uid: '' })) } },
    { name: '3.7.1 bytes that are not UTF-8', status: 400, sent: { body: withBadByte(body) } },
    {
      name: '3.7.2 8 MiB and one byte, announced',
      status: 413,
      sent: { body, headers: { 'Content-Length': String(reviewLimitBytes + 1) } },
    },
    { name: 'T-30 gzip', status: 415, sent: { body: gzipSync(body), headers: { 'Content-Encoding': 'gzip' } } },
    { name: 'T-30 another content type', status: 415, sent: { body, headers: { 'Content-Type': 'text/plain' } } },
    { name: 'T-30 a __proto__ that brings the members', status: 400, sent: { body: `{"__proto__":${body}}` } },
    { name: 'T-30 any other query', status: 400, sent: { body, path: '/v1/admission/pod?x=1' } },
    { name: 'T-30 two queries', status: 400, sent: { body, path: '/v1/admission/pod?timeout=5s?timeout=5s' } },
    { name: 'another path', status: 404, sent: { body, path: '/v1/admission' } },
    { name: 'a path of every object', status: 404, sent: { body, path: '/toString' } },
    { name: 'another method', status: 405, sent: { body: '', method: 'PUT' } },
  ] as const)('$name is $status, and never allowed', async ({ status, sent }) => {
    const answer = await send(listening, sent);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(read(answer).response).toBeUndefined();
    expect(read(answer)).not.toHaveProperty('allowed');
    expect(answer.body).not.toContain(marker);
    expect(listening.outcomes.at(-1)).toBe('refused');
  });

  test('3.7.2 8 MiB and one byte that come unannounced are 413', async () => {
    const connection = await RawConnection.open(listening.port);
    connection.send(
      'POST /v1/admission/pod HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const piece = Buffer.alloc(1_048_576, 0x20);
    for (let index = 0; index < 8; index += 1) {
      connection.send(`${piece.length.toString(16)}\r\n`);
      connection.send(piece);
      connection.send('\r\n');
    }
    connection.send('1\r\n \r\n0\r\n\r\n');
    expect((await connection.receive()).status).toBe(413);
    connection.socket.destroy();
  });

  test('a review of almost 8 MiB is answered', async () => {
    const big = pod({ 'letterlock.dev/inject': 'false', padding: 'x'.repeat(8_000_000) });
    expect(read(await send(listening, { body: JSON.stringify(review(big)) })).response?.allowed).toBe(true);
  });

  test('an object of a hundred thousand levels ends nothing', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const text = JSON.stringify(review(asking)).replace('"app:1"', `"app:1","x":${deep}`);
    const answer = await send(listening, { body: text });
    expect(read(answer).response?.allowed ?? false).toBe(answer.status === 200);
    expect((await send(listening, { body })).status).toBe(200);
  });

  test('TLS below 1.3 is refused', async () => {
    await expect(RawConnection.open(listening.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/alert|version/i);
  });

  test('no log line quotes a review', () => {
    expect(listening.logged.length).toBeGreaterThan(10);
    expect(listening.logged.join('')).not.toContain(marker);
  });
});

describe('a slow client (T-30)', () => {
  test.each([
    { name: 'nothing', limit: { headersMilliseconds: 300 }, text: '' },
    {
      name: 'a head that does not end',
      limit: { headersMilliseconds: 300 },
      text: 'POST /v1/admission/pod HTTP/1.1\r\nX: y',
    },
    {
      name: 'a body that does not end',
      limit: { requestMilliseconds: 600 },
      text: 'POST /v1/admission/pod HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    },
  ])('that sends $name is disconnected', async ({ limit, text }) => {
    const impatient = await start({
      headersMilliseconds: 600,
      requestMilliseconds: 60_000,
      checkMilliseconds: 50,
      ...limit,
    });
    const connection = await RawConnection.open(impatient.port);
    if (text !== '') connection.send(text);
    await connection.closed();
    expect(impatient.outcomes).not.toContain('inject');
    await close(impatient);
  });
});
