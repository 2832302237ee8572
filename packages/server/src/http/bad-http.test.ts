import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomIdentifier } from '@letterlock/crypto';
import { limits, problems, type ProblemCode, type ProblemDocument } from '@letterlock/protocol';
import { RawConnection, type RawAnswer } from '../testing/raw-connection.ts';
import type { TestRequest } from '../testing/test-client.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

/** Stands in every request of these tests, and may stand in no answer and no log line. */
const marker = 'cafe-marker-5a1e';
const cid = randomIdentifier();
const openPath = `/v1/wraps/${randomIdentifier()}/open`;
const valid: TestRequest = { method: 'POST', path: openPath, body: { cid }, headers: { 'X-Marker': marker } };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

function expectProblem(answer: RawAnswer, code: ProblemCode): ProblemDocument {
  const document = JSON.parse(answer.body) as ProblemDocument;
  expect({ status: answer.status, code: document.code }).toEqual({ status: problems[code].status, code });
  expect(document.type).toBe(`urn:letterlock:error:${code}`);
  expect(document.title).toBe(problems[code].title);
  expect(document.instance).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  expect(answer.body).not.toMatch(/\\n| {4}at |node:|\.ts:/);
  expect(answer.body).not.toContain(marker);
  return document;
}

/** The server still answers, and nothing of what was sent is in its log. */
async function expectUnharmed(at: TestServer = server): Promise<void> {
  const client = await at.connect();
  expect((await client.send({ method: 'GET', path: '/v1/sys/state' })).status).toBe(200);
  client.close();
  expect(at.logged.join('\n')).not.toContain(marker);
  expect(at.logged.join('\n')).not.toContain('"internal"');
}

/** Far above what any refusal takes (under 50 ms on an idle core), far below what a quadratic or unbounded one would. */
const runawayCpuMilliseconds = 1000;

/** CPU of both ends while one request is refused. */
async function cpuMilliseconds(run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const head = `POST ${openPath} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
const repeated = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`X-${index}`, marker]));
const deep = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;

const refused: readonly (TestRequest & { readonly name: string; readonly code: ProblemCode })[] = [
  { ...valid, name: '3.1.1 a body of 1 MiB and one byte', body: 'x'.repeat(limits.bodyBytes + 1), code: 'too_large' },
  { ...valid, name: '3.1.2 JSON nested deeper than 6', body: deep(7), code: 'bad_encoding' },
  { ...valid, name: '3.1.2 JSON nested 100,000 deep', body: deep(100_000), code: 'bad_encoding' },
  { ...valid, name: '3.1.3 a repeated member', body: `{"cid":"${cid}","cid":"${cid}"}`, code: 'bad_encoding' },
  { ...valid, name: '3.1.4 __proto__', body: `{"__proto__":{"a":1},"cid":"${cid}"}`, code: 'bad_encoding' },
  { ...valid, name: '3.1.4 constructor', body: `{"cid":"${cid}","constructor":"${marker}"}`, code: 'bad_encoding' },
  { ...valid, name: '3.1.5 no content type', headers: { 'Content-Type': undefined }, code: 'unsupported_media' },
  { ...valid, name: '3.1.5 text/plain', headers: { 'Content-Type': 'text/plain' }, code: 'unsupported_media' },
  {
    ...valid,
    name: '3.1.5 a content type with a parameter',
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    code: 'unsupported_media',
  },
  {
    ...valid,
    name: '3.1.5 two content types',
    headers: { 'content-type': 'application/json' },
    code: 'unsupported_media',
  },
  { ...valid, name: '3.1.6 an unknown member', body: `{"cid":"${cid}","other":"${marker}"}`, code: 'bad_encoding' },
  { ...valid, name: '3.1.6 a missing member', body: '{}', code: 'bad_encoding' },
  { ...valid, name: '3.1.7 a dot segment', path: `/v1/../v1/wraps/${marker}/open`, code: 'bad_request' },
  { ...valid, name: '3.1.7 an escaped slash', path: `/v1/wraps%2f${marker}/open`, code: 'bad_request' },
  { ...valid, name: '3.1.7 an escaped zero byte', path: `/v1/wraps/%00${marker}/open`, code: 'bad_request' },
  { ...valid, name: '3.1.7 an empty segment', path: '/v1/wraps//open', code: 'bad_request' },
  { ...valid, name: '3.1.7 a trailing slash', path: `${openPath}/`, code: 'bad_request' },
  { ...valid, name: '3.1.7 a path of 513 bytes', path: `/v1/${'a'.repeat(509)}`, code: 'bad_request' },
  { ...valid, name: '3.1.7 an absolute target', path: `https://${marker}${openPath}`, code: 'bad_request' },
  { ...valid, name: '3.1.7 a segment that is no identifier', path: `/v1/wraps/${marker}/open`, code: 'bad_request' },
  { ...valid, name: 'an unknown route', path: `/v1/${marker}`, code: 'not_found' },
  { ...valid, name: '3.1.9 a lone surrogate', body: String.raw`{"cid":"\ud800"}`, code: 'bad_encoding' },
  { ...valid, name: '3.1.9 invalid UTF-8', body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), code: 'bad_encoding' },
  { ...valid, name: '3.1.9 a byte order mark', body: `\uFEFF{"cid":"${cid}"}`, code: 'bad_encoding' },
  { ...valid, name: '3.1.9 white space', body: `{"cid": "${cid}"}`, code: 'bad_encoding' },
  { ...valid, name: '3.1.10 a number for a string', body: '{"cid":5}', code: 'bad_encoding' },
  ...['1e400', '9007199254740993', '-0', '1.5', 'null'].map((number) => ({
    ...valid,
    name: `3.1.10 the number ${number}`,
    path: '/v1/wraps',
    body: `{"hdr":"AA","payload":"a..b.c.d","sig":"a.b.c","slots":["a.b.c.d.e"],"v":${number}}`,
    code: 'bad_encoding' as const,
  })),
  {
    ...valid,
    name: '3.1.10 a string for an integer',
    path: '/v1/wraps',
    body: '{"hdr":"AA","payload":"AA..AA.AA.AA","sig":"AA.AA.AA","slots":["AA.AA.AA.AA.AA"],"v":"1"}',
    code: 'bad_encoding',
  },
  // Host, Content-Type and Content-Length are three of them.
  { ...valid, name: '3.1.13 101 headers', headers: repeated(98), code: 'headers_too_large' },
  { ...valid, name: '3.1.13 303 headers', headers: repeated(300), code: 'headers_too_large' },
  {
    ...valid,
    name: '3.1.14 a gzip bomb',
    body: gzipSync(Buffer.alloc(10 * limits.bodyBytes)),
    headers: { 'Content-Encoding': 'gzip' },
    code: 'unsupported_media',
  },
  {
    ...valid,
    name: '3.1.14 Content-Encoding: identity',
    headers: { 'Content-Encoding': 'identity' },
    code: 'unsupported_media',
  },
  { ...valid, name: '3.1.15 a query', path: `${openPath}?${marker}`, code: 'bad_request' },
  { ...valid, name: '3.1.15 an empty query', path: `${openPath}?`, code: 'bad_request' },
  { ...valid, name: '3.1.15 a fragment', path: `${openPath}#${marker}`, code: 'bad_request' },
  { ...valid, name: 'a request of a web page', headers: { Origin: `https://${marker}` }, code: 'bad_request' },
  { ...valid, name: 'no Host', headers: { Host: undefined }, code: 'bad_request' },
  { ...valid, name: 'two Hosts', headers: { host: marker }, code: 'bad_request' },
  { ...valid, name: 'an expectation', headers: { Expect: marker }, code: 'bad_request' },
  {
    method: 'GET',
    path: '/v1/sys/state',
    name: 'a body where none is taken',
    body: marker,
    headers: { 'Content-Type': undefined },
    code: 'bad_request',
  },
];

describe('bad HTTP (3.1)', () => {
  test.each(refused)('refuses $name', async ({ name: _name, code, ...request }) => {
    const client = await server.connect();
    let answer: RawAnswer | undefined;
    const cpu = await cpuMilliseconds(async () => {
      answer = await client.send(request);
    });
    expectProblem(answer!, code);
    expect(cpu).toBeLessThan(runawayCpuMilliseconds);
    client.close();
    await expectUnharmed();
  });

  test.each(['TRACE', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'GET', 'HEAD', 'PROPFIND'])(
    '3.1.8 refuses the undeclared method %s with the allowed ones',
    async (method) => {
      const client = await server.connect();
      const answer = await client.send({ method, path: openPath, headers: { 'X-Marker': marker } });
      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toBe('POST');
      expect(answer.body).not.toContain(marker);
      client.close();
      await expectUnharmed();
    },
  );

  test('3.1.8 refuses CONNECT and closes', async () => {
    const connection = await RawConnection.open(portOf(server));
    connection.send(`CONNECT ${marker}:443 HTTP/1.1\r\nHost: ${marker}\r\n\r\n`);
    const answer = await connection.receive();
    expectProblem(answer, 'method_not_allowed');
    expect(answer.headers['allow']).toBe('GET, POST');
    await connection.closed();
    await expectUnharmed();
  });

  test.each([
    {
      name: 'Transfer-Encoding and Content-Length',
      message: `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    },
    { name: 'two Content-Lengths', message: `${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\n${marker}` },
    { name: 'two equal Content-Lengths', message: `${head}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}` },
    { name: 'a list of Content-Lengths', message: `${head}Content-Length: 2, 2\r\n\r\n{}` },
    { name: 'a signed Content-Length', message: `${head}Content-Length: +2\r\n\r\n{}` },
    { name: 'another transfer coding', message: `${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n` },
    { name: 'an obscured transfer coding', message: `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n` },
    { name: 'bare line feeds', message: `${head.replaceAll('\r\n', '\n')}X-Marker: ${marker}\n\n` },
    { name: 'a bare line feed in one header', message: `${head}X-Marker: a\nX-Other: ${marker}\r\n\r\n` },
    { name: 'a folded header', message: `${head}X-Marker: a\r\n ${marker}\r\nContent-Length: 0\r\n\r\n` },
    { name: 'a space before the colon', message: `${head}Content-Length : 0\r\n\r\n` },
    { name: 'a zero byte in a header', message: `${head}X-Marker: a\0${marker}\r\n\r\n` },
    { name: 'a bad chunk size', message: `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n${marker}\r\n0\r\n\r\n` },
    { name: 'HTTP/0.9', message: `GET ${openPath}\r\n\r\n` },
    { name: 'the preface of HTTP/2', message: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
    { name: 'no HTTP at all', message: `\u0016\u0003\u0001${marker}\r\n\r\n` },
  ])('3.1.11 refuses $name and closes', async ({ message }) => {
    const connection = await RawConnection.open(portOf(server));
    connection.send(Buffer.from(message, 'latin1'));
    expectProblem(await connection.receive(), 'bad_request');
    await connection.closed();
    await expectUnharmed();
  });

  test('3.1.13 refuses headers of more than 16 KiB and closes', async () => {
    const connection = await RawConnection.open(portOf(server));
    connection.send(`${head}X-Marker: ${marker.repeat(1100)}\r\n\r\n`);
    expectProblem(await connection.receive(), 'headers_too_large');
    await connection.closed();
    await expectUnharmed();
  });

  test('accepts a body of 1 MiB as such, and 100 headers', async () => {
    const client = await server.connect();
    const body = 'x'.repeat(limits.bodyBytes);
    expectProblem(await client.send({ ...valid, body }), 'bad_encoding');
    // Host, Content-Type and Content-Length are three of them.
    expectProblem(await client.send({ ...valid, headers: repeated(97) }), 'bad_proof');
    client.close();
  });

  test('accepts a chunked body, and refuses one that grows beyond the limit', async () => {
    const client = await server.connect();
    const chunked = { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' };
    const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;
    const body = chunk('{"cid":') + chunk(`"${cid}"}`) + chunk('');
    expectProblem(await client.send({ ...valid, body, headers: chunked }), 'bad_proof');
    const large = chunk('x'.repeat(limits.bodyBytes)) + chunk('x') + chunk('');
    expectProblem(await client.send({ ...valid, body: large, headers: chunked }), 'too_large');
    client.close();
  });

  test('answers at once and closes when far more is announced', async () => {
    const client = await server.connect();
    client.connection.send(`${head}Content-Length: ${1024 * limits.bodyBytes}\r\n\r\n`);
    client.connection.send('x'.repeat(5 * limits.bodyBytes));
    expectProblem(await client.connection.receive(), 'too_large');
    await client.connection.closed();
    await expectUnharmed();
  });

  test('3.1.16 ignores what X-Forwarded headers say', async () => {
    const client = await server.connect();
    const admin = server.admins[0]!;
    const headers = {
      'X-Forwarded-For': '203.0.113.7',
      'X-Forwarded-Host': 'other.example',
      'X-Forwarded-Client-Cert': `Hash=${admin.id}`,
      Forwarded: 'for=203.0.113.7;host=other.example',
      Host: 'other.example',
    };
    expect((await client.prove(admin.sig, { method: 'GET', path: '/v1/grants', headers })).status).toBe(200);
    expectProblem(await client.send({ method: 'GET', path: '/v1/grants', headers }), 'bad_proof');
    client.close();
  });

  test('keeps the connection after a refusal', async () => {
    const client = await server.connect();
    expectProblem(await client.send({ ...valid, path: `/v1/${marker}` }), 'not_found');
    expectProblem(await client.send({ ...valid, headers: { 'Content-Type': 'text/plain' } }), 'unsupported_media');
    expectProblem(await client.send(valid), 'bad_proof');
    expect((await client.send({ method: 'GET', path: '/v1/sys/state' })).status).toBe(200);
    client.close();
  });
});

describe('TLS', () => {
  test('refuses TLS 1.2', async () => {
    await expect(RawConnection.open(portOf(server), { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' })).rejects.toThrow(
      /protocol version/,
    );
    await expectUnharmed();
  });

  test('does not resume sessions', async () => {
    const first = await RawConnection.open(portOf(server));
    const ticket = new Promise<Buffer>((resolve) => first.socket.once('session', resolve));
    first.send('GET /v1/sys/state HTTP/1.1\r\nHost: a\r\n\r\n');
    await first.receive();
    const session = await Promise.race([ticket, Promise.resolve(undefined)]);
    first.close();
    const second = await RawConnection.open(portOf(server), session === undefined ? {} : { session });
    expect(second.socket.isSessionReused()).toBe(false);
    second.close();
  });
});

describe('slow clients (3.1.12)', () => {
  /** Each has one short limit only, so that no other can do its work. */
  const limitsOf = { head: { headersMilliseconds: 300 }, body: { requestMilliseconds: 600 } } as const;
  const servers = new Map<keyof typeof limitsOf, TestServer>();
  beforeAll(async () => {
    for (const part of ['head', 'body'] as const) {
      const long = { headersMilliseconds: 600, requestMilliseconds: 60_000, checkMilliseconds: 50 };
      servers.set(part, await startTestServer({}, { timeouts: { ...long, ...limitsOf[part] } }));
    }
  });
  afterAll(async () => {
    for (const each of servers.values()) await each.close();
  });

  test.each([
    { name: 'nothing', limit: 'head', parts: [] },
    { name: 'a head that does not end', limit: 'head', parts: [`POST ${openPath} HTTP/1.1\r\nX-Marker: ${marker}`] },
    { name: 'a body that does not end', limit: 'body', parts: [`${head}Content-Length: 100\r\n\r\n`, '{'] },
  ] as const)('3.1.12 closes a connection that sends $name', async ({ limit, parts }) => {
    const impatient = servers.get(limit)!;
    const connection = await RawConnection.open(portOf(impatient));
    for (const part of parts) connection.send(part);
    expectProblem(await connection.receive(), 'bad_request');
    await connection.closed();
    await expectUnharmed(impatient);
  });

  test('3.1.12 closes a connection that goes on byte by byte', async () => {
    const impatient = servers.get('head')!;
    const connection = await RawConnection.open(portOf(impatient));
    const drip = setInterval(() => connection.send('a'), 20);
    await connection.closed();
    clearInterval(drip);
    await expectUnharmed(impatient);
  });

  test('closes a connection that does not finish its handshake', async () => {
    const impatient = servers.get('head')!;
    const socket = connect(portOf(impatient), '127.0.0.1');
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
    await promise;
    expect(socket.destroyed).toBe(true);
  });
});

function portOf({ origin }: TestServer): number {
  return Number(new URL(origin).port);
}
