/**
 * The agent as a process, against a real server over real TLS and gRPC, with a Kubernetes that is not there.
 * @module
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AgentWorld, eventually, target, writerToken, type Answer, type RunningAgent } from './testing/agent-world.ts';

let world: AgentWorld;
let agent: RunningAgent;

beforeAll(async () => {
  world = await AgentWorld.start();
  agent = world.startAgent({ isWriter: true });
}, 60_000);
afterAll(() => world.stop(), 30_000);
function put(values: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const all = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken, ...headers };
  return agent.ask('PUT', target('db'), { headers: all, body: JSON.stringify(values) });
}
const fileIs = (name: string, text: string): Promise<true> =>
  eventually(`${name} is written`, () =>
    existsSync(agent.path(name)) && readFileSync(agent.path(name), 'utf8') === text ? true : undefined,
  );

describe('a pod with an agent', () => {
  test('waits while the secret is not written, and says so', async () => {
    await eventually('it waits', () => agent.lines.find((line) => line.includes('NotWritten')));
    const { status, body } = await agent.ask('GET', '/healthz');
    expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 503, ready: false, waiting: 'NotWritten' });
  }, 60_000);

  test('writes by the socket with both factors, and gets what it wrote as files', async () => {
    const { status, body } = await put({ username: 'orders', password: 'value-first' });
    expect({ status, body: JSON.parse(body) }).toMatchObject({ status: 201, body: { version: 1 } });
    await fileIs('db/password', 'value-first');
    expect(statSync(agent.path('db/password')).mode & 0o777).toBe(0o440);
    expect(readFileSync(agent.path('db/username'), 'utf8')).toBe('orders');
    expect((await agent.ask('GET', '/healthz')).status).toBe(200);
    expect(JSON.parse((await agent.ask('GET', '/v1/secrets/db')).body)).toEqual({
      password: 'value-first',
      username: 'orders',
    });
  }, 60_000);

  test('follows an update, and learns the version that it must write', async () => {
    expect(JSON.parse((await put({ username: 'orders', password: 'value-second' })).body)).toMatchObject({
      version: 2,
    });
    await fileIs('db/password', 'value-second');
  }, 60_000);

  test.each([
    { name: 'no token', headers: { 'letterlock-writer-token': '' }, status: 403, code: 'denied' },
    { name: 'a token of nobody', headers: { 'letterlock-writer-token': 'x' }, status: 403, code: 'denied' },
    {
      name: 'another type of content',
      headers: { 'content-type': 'text/plain' },
      status: 415,
      code: 'unsupported_media',
    },
  ])('refuses a write with $name', async ({ headers, status, code }) => {
    const answer = await put({ password: 'value-third' }, headers);
    expect({ status: answer.status, ...JSON.parse(answer.body) }).toMatchObject({ status, code });
  });

  test.each([
    { method: 'GET' as const, path: '/v1/secrets/other', status: 404 },
    { method: 'GET' as const, path: '/v1/secrets?x=1', status: 400 },
    { method: 'PUT' as const, path: '/v1/secrets', status: 405 },
    { method: 'PUT' as const, path: '/v1/bindings/shop/nobody/secrets/db', status: 404 },
  ])('answers $status to $method $path', async ({ method, path, status }) => {
    const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
    const answer = await agent.ask(method, path, method === 'PUT' ? { headers, body: '{"a":"b"}' } : {});
    expect(answer.status).toBe(status);
  });

  test('keeps its files while the service is sealed, and says that they may be old', async () => {
    using admin = world.admin();
    await admin.seal();
    const stale = await eventually('it is stale', async () => {
      const { body } = await agent.ask('GET', '/healthz');
      return (JSON.parse(body) as { stale: boolean }).stale ? body : undefined;
    });
    expect(JSON.parse(stale)).toMatchObject({ ready: true, waiting: 'Sealed' });
    expect(readFileSync(agent.path('db/password'), 'utf8')).toBe('value-second');
    expect(JSON.parse((await agent.ask('GET', '/v1/secrets/db')).body)).toMatchObject({ password: 'value-second' });
    expect((await put({ password: 'value-third' })).status).toBe(503);
  }, 60_000);

  test('goes on after the unseal, with the same key and without an alarm', async () => {
    using admin = world.admin();
    await admin.giveShare({ pin: { acceptUnpinned: true }, boot: world.server.bootFingerprint });
    const answer = await eventually('it writes again', async () => {
      const given = await put({ username: 'orders', password: 'value-third' });
      return given.status === 201 ? given : undefined;
    });
    expect(JSON.parse(answer.body)).toMatchObject({ version: 3 });
    await fileIs('db/password', 'value-third');
  }, 60_000);

  test('never prints a value', () => {
    const printed = agent.lines.join('\n');
    for (const value of ['value-first', 'value-second', 'value-third', writerToken])
      expect(printed).not.toContain(value);
  });

  test('ends in order, and leaves its files', async () => {
    await agent.stop();
    expect(agent.exitCode).toBe(0);
    expect(readFileSync(agent.path('db/password'), 'utf8')).toBe('value-third');
  }, 30_000);
});
