/**
 * T-31 and the gRPC rows of the bad-input list that a server without agents has: what a peer's listener refuses, and that it lives on.
 * @module
 */
import { once, type EventEmitter } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createBootKeys, type BootKeys, type Installation } from '@letterlock/core';
import { FakeAttestor, SealWorld } from '@letterlock/core/testing';
import { certificatePem, createSelfSignedCertificate, verifyingKeyOf, type SigningKey } from '@letterlock/crypto';
import { canonicalBytes, limits } from '@letterlock/protocol';
import { createLog } from '../log.ts';
import { encodeDocument } from './document-codec.ts';
import { createGrpcListener, type GrpcListener } from './grpc-listener.ts';
import { createPeerClient } from './peer-client.ts';
import { createPeerService } from './peer-service.ts';

const path = '/letterlock.v1.Peer/Unseal';
const attestor = (name: string): FakeAttestor => new FakeAttestor({ instance: name, start: name });

function material({ tls }: { readonly tls: SigningKey }): { readonly certificate: string; readonly key: string } {
  const now = Math.floor(Date.now() / 1000);
  const der = createSelfSignedCertificate({
    key: tls,
    commonName: 'test',
    notBeforeSeconds: now - 60,
    notAfterSeconds: now + 3600,
  });
  return { certificate: certificatePem(der), key: tls.keyObject.export({ format: 'pem', type: 'pkcs8' }) };
}

let a: SealWorld;
let b: SealWorld;
let listener: GrpcListener;
let port: number;
/** Calls that reached the installation. */
let granted = 0;
const sessions: ClientHttp2Session[] = [];

beforeAll(async () => {
  a = await SealWorld.unsealed({ attestor: attestor('a') });
  b = await a.restarted({ attestor: attestor('b') });
  const { installation } = a;
  const counting = {
    grantPeer: (...given: Parameters<Installation['grantPeer']>) => {
      granted += 1;
      return installation.grantPeer(...given);
    },
  } as unknown as Installation;
  const log = createLog('silent');
  listener = createGrpcListener({
    ...material(a.boot),
    readPublicKey: verifyingKeyOf,
    services: [createPeerService({ installation: counting, log, granted: () => undefined, refused: () => undefined })],
    log,
  });
  listener.server.listen(0, '127.0.0.1');
  await once(listener.server, 'listening');
  ({ port } = listener.server.address() as AddressInfo);
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});
afterAll(() => listener.close(1000));

async function connect(boot: BootKeys = b.boot): Promise<ClientHttp2Session> {
  const { certificate: cert, key } = material(boot);
  const opened = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, cert, key });
  sessions.push(opened);
  opened.on('error', () => undefined);
  await once(opened, 'remoteSettings', { signal: AbortSignal.timeout(2000) });
  return opened;
}

/** Waits for the end of a connection or stream, whatever ends it. */
function closed(of: EventEmitter & { readonly closed: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    if (of.closed) resolve();
    const timer = setTimeout(() => reject(new Error('It was not closed')), 5000);
    of.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

interface Answer {
  readonly status: number | undefined;
  readonly reason: string | undefined;
}

/** Sends frames as they are. @returns the status, and what ErrorInfo names */
async function call(on: ClientHttp2Session, frames: Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  const stream = on.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const found: Record<string, string> = {};
  const keep = (given: object): void => void Object.assign(found, given);
  stream.on('response', keep);
  stream.on('trailers', keep);
  stream.on('error', () => undefined);
  stream.resume();
  stream.end(frames);
  await closed(stream);
  const status = found['grpc-status'];
  const details = Buffer.from(found['grpc-status-details-bin'] ?? '', 'base64').toString('latin1');
  return {
    status: status === undefined ? undefined : Number(status),
    reason: /ErrorInfo.*?([a-z_]+).\nletterlock/s.exec(details)?.[1],
  };
}

function frame(message: Uint8Array, o: { readonly flag?: number; readonly length?: number } = {}): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(o.flag ?? 0, 0);
  head.writeUInt32BE(o.length ?? message.length, 1);
  return Buffer.concat([head, message]);
}

async function request(boot: BootKeys = b.boot, name = 'b'): Promise<Uint8Array> {
  const token = await attestor(name).present(boot.boot);
  return encodeDocument(canonicalBytes({ benc: { ...boot.enc.jwk }, token }));
}

/** The server is there, and does what it should. */
async function expectAlive(): Promise<void> {
  const boot = createBootKeys();
  const name = boot.boot;
  expect(await call(await connect(boot), frame(await request(boot, name)))).toEqual({ status: 0, reason: undefined });
}

describe('T-31 the listener for replicas', () => {
  test('unseals an attested replica', async () => {
    const { certificate, key } = material(b.boot);
    await b.installation.unsealByPeer(createPeerClient({ address: `127.0.0.1:${port}`, certificate, key }));
    expect(b.installation.state).toBe('unsealed');
  });

  test('closes a connection without a client certificate before it serves anything', async () => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.on('error', () => undefined);
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    await closed(socket);
    expect(received).toBe(0);
    await expectAlive();
  });

  test("refuses a stranger's certificate, also with the token and the key of another", async () => {
    const stranger = createBootKeys();
    const answer = await call(await connect(stranger), frame(await request()));
    expect(answer).toEqual({ status: 7, reason: 'denied' });
  });

  test.each([
    { name: 'TLS 1.2', options: { maxVersion: 'TLSv1.2' as const } },
    { name: 'HTTP/1.1', options: { ALPNProtocols: ['http/1.1'] } },
    { name: 'no protocol', options: { ALPNProtocols: [] } },
  ])('does not speak $name', async ({ options }) => {
    const { certificate: cert, key } = material(b.boot);
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, cert, key, ...options });
    socket.on('error', () => undefined);
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    await closed(socket);
    expect(received).toBe(0);
    await expectAlive();
  });

  test('does not speak HTTP/2 in clear', async () => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await closed(socket);
    await expectAlive();
  });

  const zeros = Buffer.alloc(8 * limits.agentMessageBytes);
  test.each([
    { name: 'a message over 64 KiB', frames: () => frame(Buffer.alloc(limits.peerMessageBytes + 1)), status: 8 },
    { name: 'a message over 1 MiB', frames: () => frame(zeros), status: 8 },
    {
      name: 'the length of one',
      frames: () => frame(new Uint8Array(0), { length: 0xff_ff_ff_ff }),
      status: 8,
    },
    {
      name: 'a message that grows when it is unpacked',
      frames: () => frame(gzipSync(zeros), { flag: 1 }),
      headers: { 'grpc-encoding': 'gzip' },
      status: 8,
    },
    {
      name: 'what is not packed as it says',
      frames: () => frame(Buffer.from('not gzip'), { flag: 1 }),
      headers: { 'grpc-encoding': 'gzip' },
      status: 13,
    },
    {
      name: 'an unknown packing',
      frames: () => frame(Buffer.from('x'), { flag: 1 }),
      headers: { 'grpc-encoding': 'br' },
      status: 12,
    },
    { name: 'a message that is none', frames: () => frame(Buffer.from('xxxx')), status: 3 },
    { name: 'a document that is none', frames: () => frame(encodeDocument(Buffer.from('{}'))), status: 3 },
    {
      name: 'a document that is nested',
      frames: () => frame(encodeDocument(Buffer.from('['.repeat(10_000)))),
      status: 3,
    },
    { name: 'no message at all', frames: () => new Uint8Array(0), status: 12 },
    {
      name: 'a path in another case',
      frames: () => frame(new Uint8Array(0)),
      headers: { ':path': path.toLowerCase() },
      status: 12,
    },
    {
      name: 'a path with a further slash',
      frames: () => frame(new Uint8Array(0)),
      headers: { ':path': `/${path}` },
      status: 12,
    },
    {
      name: 'a path without its slash',
      frames: () => frame(new Uint8Array(0)),
      headers: { ':path': path.slice(1) },
      status: undefined,
    },
    {
      name: 'the reflection service',
      frames: () => frame(new Uint8Array(0)),
      headers: { ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' },
      status: 12,
    },
    {
      name: 'metadata over 16 KiB',
      frames: () => frame(encodeDocument(Buffer.from('{}'))),
      headers: { 'x-more': 'a'.repeat(limits.headersBytes) },
      status: 8,
    },
    {
      name: 'a deadline that is none',
      frames: () => frame(new Uint8Array(0)),
      headers: { 'grpc-timeout': 'soon' },
      status: 13,
    },
  ])('refuses $name, and lives on', async ({ frames, headers = {}, status }) => {
    const before = granted;
    expect(await call(await connect(), frames(), headers)).toMatchObject({ status });
    expect(granted).toBe(before);
    await expectAlive();
  });

  test('a truncated message ends its call alone', async () => {
    const before = granted;
    const answer = await call(await connect(), frame(Buffer.from('x'), { length: 100 }));
    expect(answer.status).not.toBe(0);
    expect(granted).toBe(before);
    await expectAlive();
  });

  test.each([
    { name: 'frames that are none', bytes: Buffer.alloc(64, 0xff) },
    { name: 'a header block that is none', bytes: Buffer.from('00000401250000000180ffffff', 'hex') },
    { name: 'data for a stream that is not there', bytes: Buffer.from('0000050001000000010000000000', 'hex') },
  ])('$name end their connection alone', async ({ bytes }) => {
    const { certificate: cert, key } = material(b.boot);
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, cert, key, ALPNProtocols: ['h2'] });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.from('000000040000000000', 'hex'));
    socket.write(bytes);
    socket.resume();
    await closed(socket);
    await expectAlive();
  });

  test('calls that are cancelled in a row leave nothing behind', async () => {
    const on = await connect();
    for (let n = 0; n < 200; n += 1) {
      const stream = on.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => undefined);
      stream.close(8);
      await closed(stream);
    }
    await expectAlive();
  });

  test('says which streams it takes at once', async () => {
    const on = await connect();
    expect(on.remoteSettings.maxConcurrentStreams).toBe(64);
  });
});
