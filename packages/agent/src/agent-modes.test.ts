/**
 * Agents as processes that differ in what their pod or binding says: jobs, waiting, failing, files, templates, updates told, restarts.
 * @module
 */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AgentWorld, eventually, target, writerToken, type RunningAgent } from './testing/agent-world.ts';
import { waitForFiles } from './startup.ts';

let world: AgentWorld;
let writer: RunningAgent;

beforeAll(async () => {
  world = await AgentWorld.start();
  writer = world.startAgent({ isWriter: true });
  await eventually('the writer listens', () => (existsSync(writer.path('agent.sock')) ? true : undefined));
}, 60_000);
afterAll(() => world.stop(), 30_000);

const ended = (agent: RunningAgent): Promise<number> => eventually('it ends', () => agent.exitCode ?? undefined);

async function write(values: object, by = writer): Promise<void> {
  const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
  await eventually('it is written', async () => {
    const { status } = await by.ask('PUT', target('db'), { headers, body: JSON.stringify(values) });
    return status === 201 ? true : undefined;
  });
}

describe('before the secret is written', () => {
  // The same start of the container can have one key: the writer's is gone once it has ended.
  test('an agent that must not wait fails, and says why', async () => {
    await world.forget(writer);
    const agent = world.startAgent({ delivery: { files: [], on_missing: 'Fail' } });
    expect(await ended(agent)).toBe(1);
    expect(agent.lines.join('\n')).toContain('NotWritten');
  }, 60_000);

  test('one that waits for a second fails after it', async () => {
    await world.forget();
    const agent = world.startAgent({ delivery: { files: [], wait_timeout_seconds: 1 } });
    expect(await ended(agent)).toBe(1);
  }, 60_000);

  test('one that may start without is ready, with no files', async () => {
    await world.forget();
    const agent = world.startAgent({ delivery: { files: [], on_missing: 'Start' } });
    expect(await waitForFiles(agent.path('agent.sock'), AbortSignal.timeout(20_000))).toBe(true);
    expect(existsSync(agent.path('db'))).toBe(false);
    await agent.stop();
  }, 60_000);

  test('the startup command ends without success when nothing listens', async () => {
    expect(await waitForFiles(join(world.folder, 'none.sock'), AbortSignal.timeout(250))).toBe(false);
  });
});

describe('once it is written', () => {
  test('an update is told to the application, which need not take it at once', async () => {
    const calls: string[] = [];
    const application = createServer((request, response) => {
      calls.push(`${request.method} ${request.url}`);
      response.writeHead(calls.length === 1 ? 500 : 204).end();
    });
    application.listen(0, '127.0.0.1');
    await once(application, 'listening');
    const { port } = application.address() as AddressInfo;
    await world.forget();
    writer = world.startAgent({
      isWriter: true,
      delivery: { files: [], on_update: { action: 'HTTP', port, path: '/reload' } },
    });
    await eventually('the writer listens', () => (existsSync(writer.path('agent.sock')) ? true : undefined));
    await write({ username: 'or ders', password: 'p@ss' });
    await eventually('it is ready', () => (existsSync(writer.path('db/password')) ? true : undefined));
    expect(calls).toEqual([]);
    await write({ username: 'or ders', password: 'p@ss2' });
    await eventually('it is told', () => (calls.length >= 2 ? true : undefined));
    expect(new Set(calls)).toEqual(new Set(['POST /reload']));
    application.close();
    await writer.stop();
  }, 60_000);

  test('a job gets the files of its annotations, and its agent ends', async () => {
    await world.forget();
    const agent = world.startAgent({
      mode: 'init',
      delivery: {
        files: [
          {
            binding: 'orders-db',
            secret: 'db',
            path: 'url',
            template: 'pg://<< .username | urlencode >>@db',
            perms: '0444',
          },
          { binding: 'orders-db', secret: 'db', path: 'env', format: 'json' },
        ],
      },
    });
    expect(await ended(agent)).toBe(0);
    expect(readFileSync(agent.path('url'), 'utf8')).toBe('pg://or%20ders@db');
    expect(statSync(agent.path('url')).mode & 0o777).toBe(0o444);
    expect(JSON.parse(readFileSync(agent.path('env'), 'utf8'))).toEqual({ username: 'or ders', password: 'p@ss2' });
    expect(existsSync(agent.path('db'))).toBe(false);
  }, 60_000);

  test('a binding that has grown beyond a MiB keeps its files, and its pod says why', async () => {
    await world.forget();
    world.offer(['db', 'big', 'huge']);
    const agent = world.startAgent({ isWriter: true, delivery: { files: [], on_missing: 'Start' } });
    await eventually('it is enrolled', () => agent.lines.find((line) => line.includes('"Enrolled"')));
    const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
    const put = (secret: string, bytes: number) =>
      agent.ask('PUT', target(secret), { headers, body: JSON.stringify({ a: 'x'.repeat(bytes), b: 'y' }) });
    expect((await put('big', 390_000)).status).toBe(201);
    await eventually('the first is there', () => (existsSync(agent.path('big/a')) ? true : undefined));
    // More than an envelope holds.
    const refused = await put('huge', 400_000);
    expect({ status: refused.status, ...(JSON.parse(refused.body) as object) }).toMatchObject({
      status: 413,
      code: 'too_large',
    });
    expect(agent.lines.at(-1)).toContain('"TooLarge"');
    expect((await put('huge', 390_000)).status).toBe(201);
    await eventually('the second is there', () => (existsSync(agent.path('huge/a')) ? true : undefined));
    expect((await put('db', 390_000)).status).toBe(201);
    await eventually('it says so', async () => {
      const { status, body } = await agent.ask('GET', '/healthz');
      return status === 200 && (JSON.parse(body) as { waiting?: string }).waiting === 'TooLarge' ? true : undefined;
    });
    expect(statSync(agent.path('huge/a')).size).toBe(390_000);
    expect(readFileSync(agent.path('db/password'), 'utf8')).toBe('p@ss2');
    expect(agent.exitCode).toBeNull();
    await write({ username: 'or ders', password: 'p@ss2' }, agent);
    await agent.stop();
  }, 120_000);

  test("a binding's own files are written", async () => {
    await world.forget();
    world.offer(['db'], { files: [{ secret: 'db', path: 'conf/password', key: 'password', perms: '0400' }] });
    const agent = world.startAgent({ mode: 'init' });
    expect(await ended(agent)).toBe(0);
    expect(readFileSync(agent.path('conf/password'), 'utf8')).toBe('p@ss2');
    expect(statSync(agent.path('conf/password')).mode & 0o777).toBe(0o400);
  }, 60_000);

  test('a container that starts again has its files at once, also while the service cannot be asked', async () => {
    await world.forget();
    const before = world.startAgent();
    await eventually('it is ready', () => (existsSync(before.path('conf/password')) ? true : undefined));
    await before.stop();
    rmSync(join(before.folder, 'trust'), { recursive: true });
    const after = world.startAgent({ folder: before.folder, hasTrust: false });
    expect(await waitForFiles(after.path('agent.sock'), AbortSignal.timeout(20_000))).toBe(true);
    await eventually('it says what it waits for', () => after.lines.find((line) => line.includes('trust_not_there')));
    expect(readFileSync(after.path('conf/password'), 'utf8')).toBe('p@ss2');
    await after.stop();
  }, 60_000);
});
