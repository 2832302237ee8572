import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileWriter, stdoutWriter } from './file-writers.ts';
import { httpWriter } from './http-writer.ts';
import { parseSinkAddress } from './sink-address.ts';

const folder = mkdtempSync(join(tmpdir(), 'letterlock-sinks-'));
const never = new AbortController().signal;
let path: string;
let count = 0;

beforeEach(() => {
  count += 1;
  path = join(folder, `${count}.jsonl`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('fileWriter()', () => {
  test('appends lines to a file that only its owner may read', async () => {
    for (const line of ['{"a":1}', '{"a":2}']) {
      const writer = fileWriter(path);
      await writer.write([line], never);
      await writer.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['a whole line before it', '{"a":1}\n{"a":', '{"a":1}\n'],
    ['nothing before it', '{"a":', ''],
    ['one byte', '{', ''],
  ])('drops half a line with %s', async (_, before, after) => {
    writeFileSync(path, before);
    const writer = fileWriter(path);
    await writer.write(['{"b":1}'], never);
    await writer.close();
    expect(readFileSync(path, 'utf8')).toBe(`${after}{"b":1}\n`);
  });

  test.each([
    ['something else', 'precious text without an end'],
    ['one long line', `{"${'a'.repeat(70_000)}`],
  ])('touches no file that holds %s', (_, text) => {
    writeFileSync(path, text);
    expect(() => fileWriter(path)).toThrow('expected a file of audit lines');
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  test('goes on in a new file when the old one was moved', async () => {
    const writer = fileWriter(path);
    await writer.write(['{"a":1}'], never);
    renameSync(path, `${path}.1`);
    await writer.write(['{"a":2}'], never);
    await writer.close();
    expect([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['{"a":1}\n', '{"a":2}\n']);
  });
});

describe('stdoutWriter()', () => {
  test('writes lines to its descriptor', async () => {
    const descriptor = openSync(path, 'w');
    await stdoutWriter(descriptor).write(['{"a":1}', '{"a":2}'], never);
    closeSync(descriptor);
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
  });
});

describe('httpWriter()', () => {
  let server: Server;
  let url: string;
  let status = 200;
  const received: { readonly type: string | undefined; readonly body: string }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
      request.on('end', () => {
        received.push({ type: request.headers['content-type'], body });
        // 0: never answers.
        if (request.url === '/elsewhere') response.writeHead(200).end();
        else if (status !== 0) response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/audit`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('posts a batch as JSON lines', async () => {
    await httpWriter(url).write(['{"a":1}', '{"a":"é"}'], never);
    expect(received).toEqual([{ type: 'application/x-ndjson', body: '{"a":1}\n{"a":"é"}\n' }]);
  });

  test.each([500, 404, 302])('fails when the collector answers %i', async (answer) => {
    status = answer;
    await expect(httpWriter(url).write(['{"a":1}'], never)).rejects.toThrow(
      answer === 302 ? 'fetch failed' : `The collector answered ${answer}`,
    );
  });

  test('fails at the deadline', async () => {
    status = 0;
    await expect(httpWriter(url).write(['{"a":1}'], AbortSignal.timeout(20))).rejects.toThrow(
      expect.objectContaining({ name: 'TimeoutError' }),
    );
  });
});

describe('audit.sinks', () => {
  test.each([
    ['stdout', { kind: 'stdout' }],
    ['file:/var/log/letterlock/audit.jsonl', { kind: 'file', path: '/var/log/letterlock/audit.jsonl' }],
    ['https://collector.example/in', { kind: 'http', url: 'https://collector.example/in' }],
    ['http://127.0.0.1:8686/', { kind: 'http', url: 'http://127.0.0.1:8686/' }],
    ['http://localhost:8686/', { kind: 'http', url: 'http://localhost:8686/' }],
    ['http://collector.example/in', undefined],
    ['https://name:word@collector.example/', undefined],
    ['https://collector.example/?token=x', undefined],
    ['https://collector.example/#x', undefined],
    ['file:audit.jsonl', undefined],
    ['file:/var/log/', undefined],
    ['stderr', undefined],
    ['', undefined],
  ])('%p', (text, address) => {
    expect(parseSinkAddress(text)).toEqual(address);
  });
});
