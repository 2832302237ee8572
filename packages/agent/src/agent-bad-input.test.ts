/**
 * What the agents' listener does with calls that no library would send, over a real pod's certificate: each is refused, none of
 * them reaches a handler that it should not, and the service lives on. The forms of TLS are in server/grpc, where the listener is.
 * @module
 */
import { gzipSync } from 'node:zlib';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createIdentity, type Identity } from '@letterlock/client';
import { certificatePem, createProof, generateOpeningKey, hash43 } from '@letterlock/crypto';
import { canonicalize, decodeBase64url, encodeDocument, limits, type JcsObject } from '@letterlock/protocol';
import { createDirectService } from './direct-service.ts';
import { RpcClient } from './rpc-client.ts';
import { AgentWorld, enrolToken, trustDomain } from './testing/agent-world.ts';
import { frame, openSession, rawCall, requestHeaders, type RawAnswer } from './testing/raw-grpc.ts';
import type { Trust } from './trust-folder.ts';

const read = '/letterlock.v1.Agent/Read';
const watchesInARow = 200;
const mebibyte = 1_048_576;

let world: AgentWorld;
let identity: Identity;
let trust: Trust;
let certificates: readonly string[];
const sessions: ClientHttp2Session[] = [];

beforeAll(async () => {
  world = await AgentWorld.start();
  identity = createIdentity();
  trust = world.trust();
  const direct = createDirectService({ origin: world.server.origin, identity });
  const chain = await direct.enrol(trust, enrolToken, AbortSignal.timeout(10_000));
  certificates = chain.map((der) => certificatePem(decodeBase64url(der)));
}, 60_000);
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});
afterAll(() => world.stop(), 30_000);

async function connect(): Promise<ClientHttp2Session> {
  const { authorities } = trust;
  const session = await openSession({ port: world.grpcPort, authorities, certificates, key: identity.signingKey });
  sessions.push(session);
  return session;
}

/** The proof of a body, with a nonce that the service has just given. */
async function proofOf(session: ClientHttp2Session, body: Uint8Array): Promise<OutgoingHttpHeaders> {
  const { nonce } = await rawCall(session, frame(encodeDocument(body)), requestHeaders(read));
  const proof = createProof({
    key: identity.signingKey,
    method: 'POST',
    target: `grpc://${trustDomain}${read}`,
    bodyHash: hash43(body),
    nonce: nonce!,
    iat: Math.floor(Date.now() / 1000),
  });
  return { 'letterlock-proof': proof };
}

function valid(): Buffer {
  const rpk = generateOpeningKey().jwk as unknown as JcsObject;
  return Buffer.from(canonicalize({ path: 'k8s/shop/orders-db/db', rpk }));
}

/** The service is there, and answers a call that is right: nothing is written. */
async function expectAlive(): Promise<void> {
  const session = await connect();
  const body = valid();
  const headers = requestHeaders(read, await proofOf(session, body));
  expect(await rawCall(session, frame(encodeDocument(body)), headers)).toMatchObject({ status: 5, code: 'not_found' });
}

const zeros = Buffer.alloc(8 * mebibyte);
const none: Partial<RawAnswer> = {};

describe('a call to the agents’ listener', () => {
  // Each differs from a valid call, which has its proof, in one thing.
  test.each<{
    name: string;
    body?: Buffer;
    frames?: (message: Uint8Array) => Uint8Array;
    headers?: OutgoingHttpHeaders;
    answer: Partial<RawAnswer>;
  }>([
    { name: 'that is right', answer: { status: 5, code: 'not_found' } },
    { name: 'with a message over 1 MiB', frames: () => frame(zeros), answer: { status: 8 } },
    {
      name: 'with the length of one',
      frames: () => frame(new Uint8Array(0), { length: 0xff_ff_ff_ff }),
      answer: { status: 8 },
    },
    {
      name: 'with a message that grows when it is unpacked',
      frames: () => frame(gzipSync(zeros), { flag: 1 }),
      headers: { 'grpc-encoding': 'gzip' },
      answer: { status: 8 },
    },
    {
      name: 'with what is not packed as it says',
      frames: (message) => frame(message, { flag: 1 }),
      headers: { 'grpc-encoding': 'gzip' },
      answer: { status: 13 },
    },
    {
      name: 'with an unknown packing',
      frames: (message) => frame(message, { flag: 1 }),
      headers: { 'grpc-encoding': 'br' },
      answer: { status: 12 },
    },
    {
      name: 'that is packed although it does not say so',
      frames: (message) => frame(gzipSync(message), { flag: 0 }),
      answer: { status: 3, code: 'bad_encoding' },
    },
    { name: 'without a message', frames: () => new Uint8Array(0), answer: { status: 12 } },
    {
      name: 'with two messages',
      frames: (message) => Buffer.concat([frame(message), frame(message)]),
      answer: { status: 12 },
    },
    {
      name: 'with two bodies in one message',
      frames: (message) => frame(Buffer.concat([message, message])),
      answer: { status: 3, code: 'bad_encoding' },
    },
    {
      name: 'with a field that no message has',
      frames: (message) => frame(Buffer.concat([message, Buffer.from([(9 << 3) | 2, 1, 65])])),
      answer: { status: 3, code: 'bad_encoding' },
    },
    {
      name: 'with a document of 10,000 levels',
      body: Buffer.from('['.repeat(10_000) + ']'.repeat(10_000)),
      answer: { status: 3, code: 'bad_encoding' },
    },
    { name: 'in another case', headers: { ':path': read.toLowerCase() }, answer: { status: 12 } },
    { name: 'with a further slash', headers: { ':path': `/${read}` }, answer: { status: 12 } },
    { name: 'without its slash', headers: { ':path': read.slice(1) }, answer: none },
    { name: 'to a service of another version', headers: { ':path': read.replace('v1', 'v2') }, answer: { status: 12 } },
    {
      name: 'for reflection',
      headers: { ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' },
      answer: { status: 12 },
    },
    { name: 'to channelz', headers: { ':path': '/grpc.channelz.v1.Channelz/GetServers' }, answer: { status: 12 } },
    { name: 'by GET', headers: { ':method': 'GET' }, answer: none },
    { name: 'of another content type', headers: { 'content-type': 'application/json' }, answer: none },
    { name: 'with a deadline that is none', headers: { 'grpc-timeout': 'soon' }, answer: { status: 13 } },
    {
      name: 'with metadata over 16 KiB',
      headers: { 'x-more': 'a'.repeat(limits.headersBytes) },
      answer: { status: 8, code: 'headers_too_large' },
    },
    { name: 'with metadata over 64 KiB', headers: { 'x-more': 'a'.repeat(4 * limits.headersBytes) }, answer: none },
    {
      name: 'with two proofs',
      headers: { 'letterlock-proof': ['a.b.c', 'a.b.c'] },
      answer: { status: 16, code: 'bad_proof' },
    },
    {
      name: 'with a proof that is none',
      headers: { 'letterlock-proof': 'a.b.c' },
      answer: { status: 16, code: 'bad_proof' },
    },
    {
      name: 'with bytes that are none in an entry of bytes',
      headers: { 'letterlock-proof-bin': '%%%' },
      answer: { status: 5, code: 'not_found' },
    },
    { name: 'with a version that is text', body: version('"1"'), answer: { status: 3, code: 'bad_encoding' } },
    { name: 'with a version beyond integers', body: version('9007199254740992'), answer: { status: 3 } },
  ])('$name is answered as it should be, and the service lives on', async (row) => {
    const session = await connect();
    const body = row.body ?? valid();
    const message = encodeDocument(body);
    const headers = requestHeaders(read, { ...(await proofOf(session, body)), ...row.headers });
    const answer = await rawCall(session, (row.frames ?? frame)(message), headers);
    expect(answer).toMatchObject(row.answer === none ? { code: undefined } : row.answer);
    expect(answer.status).not.toBe(0);
    await expectAlive();
  });

  test('that is cut off in the middle of a message ends alone', async () => {
    const session = await connect();
    const headers = requestHeaders(read, await proofOf(session, valid()));
    const answer = await rawCall(session, frame(Buffer.from('x'), { length: 100 }), headers);
    expect([undefined, 12, 13]).toContain(answer.status);
    expect(answer.code).toBeUndefined();
    await expectAlive();
  });

  test('that is opened and reset at once, again and again, costs its own connection at most', async () => {
    for (let round = 0; round < 4; round += 1) {
      const session = await connect();
      for (let n = 0; n < 2500 && !session.destroyed; n += 1) {
        const stream = session.request(requestHeaders(read));
        stream.on('error', () => undefined);
        stream.close(8);
      }
    }
    await expectAlive();
  }, 60_000);
});

describe('a stream of Watch', () => {
  // Ten thousand of them, without TLS, are in server/grpc.
  test(`that is cancelled ${watchesInARow} times in a row is taken each time`, async () => {
    const rpc = new RpcClient({
      target: `localhost:${world.grpcPort}`,
      trustDomain,
      key: identity.signingKey,
      certificates,
      authorities: trust.authorities,
      nowSeconds: () => Math.floor(Date.now() / 1000),
    });
    let heard = 0;
    for (let n = 0; n < watchesInARow; n += 1) {
      const stop = new AbortController();
      const onEvent = (): void => {
        heard += stop.signal.aborted ? 0 : 1;
        stop.abort();
      };
      await expect(rpc.watch(onEvent, stop.signal)).rejects.toMatchObject({ reason: 'grpc_cancelled' });
    }
    rpc.close();
    expect(heard).toBe(watchesInARow);
    await expectAlive();
  }, 60_000);
});

function version(text: string): Buffer {
  const document = valid().toString().replace(/\}$/, `,"ver":${text}}`);
  return Buffer.from(document);
}
