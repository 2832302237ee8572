/**
 * Agents while the service cannot be asked: sealed at their start, or gone after it.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AgentWorld, eventually, target, writerToken, type RunningAgent } from './testing/agent-world.ts';

let world: AgentWorld;
let agent: RunningAgent;

beforeAll(async () => {
  world = await AgentWorld.start();
}, 60_000);
afterAll(() => world.stop(), 30_000);

const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
const put = (value: string) => agent.ask('PUT', target('db'), { headers, body: JSON.stringify({ value }) });
const health = async (): Promise<object> => {
  const { status, body } = await agent.ask('GET', '/healthz');
  return { status, ...(JSON.parse(body) as object) };
};

describe('a pod that comes while the service is sealed', () => {
  test('waits, says why in its log and on its socket, and is not ready', async () => {
    using admin = world.admin();
    // The trust of the namespace was written before.
    const folder = world.folderWithTrust();
    await admin.seal();
    agent = world.startAgent({ isWriter: true, folder, hasTrust: false });
    const line = await eventually('it says so', () => agent.lines.find((each) => each.includes('"Sealed"')));
    expect(JSON.parse(line)).toMatchObject({ msg: 'Waiting', because: 'Sealed' });
    expect(await health()).toMatchObject({ status: 503, ready: false, waiting: 'Sealed' });
    expect((await put('first')).status).toBe(503);
  }, 60_000);

  test('goes on after the unseal, without a restart and with the same key', async () => {
    using admin = world.admin();
    await admin.giveShare({ pin: { acceptUnpinned: true }, boot: world.server.bootFingerprint });
    await eventually('it writes', async () => ((await put('first')).status === 201 ? true : undefined));
    await eventually('the file is there', () => (existsSync(agent.path('db/value')) ? true : undefined));
    expect(await health()).toMatchObject({ status: 200, ready: true });
    expect(agent.exitCode).toBeNull();
    expect(agent.lines.join('\n')).not.toContain('chain_other_key');
  }, 60_000);
});

describe('a pod whose service goes away', () => {
  test('keeps serving the last version, and says that it may be old', async () => {
    await world.server.close();
    const since = await eventually('it is stale', async () => {
      const said = (await health()) as { readonly stale: boolean; readonly since?: number; readonly waiting?: string };
      return said.stale && said.waiting === 'ServerUnreachable' ? said.since : undefined;
    });
    expect(Math.abs(since - Date.now() / 1000)).toBeLessThan(60);
    expect(await health()).toMatchObject({ status: 200, ready: true });
    expect(readFileSync(agent.path('db/value'), 'utf8')).toBe('first');
    expect(JSON.parse((await agent.ask('GET', '/v1/secrets/db')).body)).toEqual({ value: 'first' });
    expect((await put('second')).status).toBe(503);
    expect(agent.exitCode).toBeNull();
  }, 60_000);
});
