/**
 * Secrets that open once, through real agents as processes: the first pod gets it, a restart is served from the volume, another
 * pod is told who was first.
 * @module
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AgentWorld, eventually, target, writerToken, type RunningAgent } from './testing/agent-world.ts';

let world: AgentWorld;
let first: RunningAgent;

beforeAll(async () => {
  world = await AgentWorld.start();
  world.offer(['db', 'token'], {}, ['token']);
  first = world.startAgent({ isWriter: true, delivery: { files: [], on_missing: 'Start' } });
  await eventually('it listens', () => (existsSync(first.path('agent.sock')) ? true : undefined));
}, 60_000);
afterAll(() => world.stop(), 30_000);

async function write(agent: RunningAgent, secret: string, value: string): Promise<object> {
  const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
  return eventually('it is written', async () => {
    const { status, body } = await agent.ask('PUT', target(secret), { headers, body: JSON.stringify({ value }) });
    return status === 201 ? (JSON.parse(body) as object) : undefined;
  });
}
const fileIs = (agent: RunningAgent, name: string, text: string): Promise<true> =>
  eventually(`${name} is ${text}`, () =>
    existsSync(agent.path(name)) && readFileSync(agent.path(name), 'utf8') === text ? true : undefined,
  );
const said = (agent: RunningAgent, text: string): Promise<string> =>
  eventually(`it says ${text}`, () => agent.lines.find((line) => line.includes(text)));
const kept = (agent: RunningAgent): readonly string[] => readdirSync(agent.path('.agent/once/orders-db'));
/** What happened to wraps, as the audit trail says, once the last of it is there. */
const happened = (...expected: readonly string[]): Promise<true> => {
  const acts = (): readonly string[] => world.done().filter((act) => act.startsWith('wrap.'));
  return eventually(expected.join(', '), () => (acts().length >= expected.length ? true : undefined)).finally(() =>
    expect(acts()).toEqual(expected),
  );
};
const opened = ['wrap.store ok', 'wrap.open ok', 'wrap.acknowledge ok'];

describe('a secret that opens once', () => {
  test('is written as a wrap, opened by the pod, placed in its volume, and acknowledged', async () => {
    expect(await write(first, 'token', 'once-first')).toMatchObject({ version: 1 });
    await fileIs(first, 'token/value', 'once-first');
    await said(first, 'Acknowledged a secret that opens once');
    await happened(...opened);
    // The claim went with the acknowledgement; the content is there, for the agent's user alone.
    expect(kept(first)).toEqual([expect.stringMatching(/^token\.[A-Za-z0-9_-]{22}\.map$/)]);
    expect(statSync(first.path(join('.agent/once/orders-db', kept(first)[0]!))).mode & 0o777).toBe(0o600);
    expect(statSync(first.path('.agent/once/orders-db')).mode & 0o777).toBe(0o700);
  }, 60_000);

  test('is not for another pod, which says when and by which key it was opened', async () => {
    const second = world.startAgent({ pod: world.addPod('orders-2') });
    const line = JSON.parse(await said(second, 'was not for this start of the pod')) as Record<string, unknown>;
    expect(line).toMatchObject({ secret: 'token', because: 'OnceManyPods', state: 'OPENED', proven: true });
    expect(line['by']).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(Math.abs(Number(line['at']) - Date.now() / 1000)).toBeLessThan(120);
    const { status, body } = await eventually('it says so on its socket', async () => {
      const answer = await second.ask('GET', '/healthz');
      return answer.body.includes('OnceManyPods') ? answer : undefined;
    });
    expect({ status, ...(JSON.parse(body) as object) }).toMatchObject({ status: 503, waiting: 'OnceManyPods' });
    expect(existsSync(second.path('token'))).toBe(false);
    await happened(...opened, 'wrap.open refused');
    await second.stop();
  }, 60_000);

  test('is served from the volume after a restart of the container, also in later sets of files', async () => {
    await world.forget(first);
    const again = world.startAgent({ isWriter: true, folder: first.folder, delivery: { files: [] } });
    await said(again, 'Found a secret that an earlier start had opened');
    await said(again, '"Enrolled"');
    await write(again, 'db', 'later');
    await fileIs(again, 'db/value', 'later');
    expect(readFileSync(again.path('token/value'), 'utf8')).toBe('once-first');
    expect(JSON.parse((await again.ask('GET', '/v1/secrets/token')).body)).toEqual({ value: 'once-first' });
    await happened(...opened, 'wrap.open refused');
    first = again;
  }, 60_000);

  test('is opened again when it is written again', async () => {
    await write(first, 'token', 'once-second');
    await fileIs(first, 'token/value', 'once-second');
    await eventually('the first is gone from the volume', () => (kept(first).length === 1 ? true : undefined));
    await happened(...opened, 'wrap.open refused', ...opened);
    await first.stop();
    expect(first.lines.join('\n')).not.toContain('once-second');
  }, 60_000);
});
