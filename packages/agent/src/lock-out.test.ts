/**
 * Honest agents are not locked out: each test fails when the tolerance that it names is taken away. The agent is a process, the
 * server real, and the way between them may lose an answer.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { podOf, reviewedPod } from '@letterlock/core/testing';
import { AgentWorld, eventually, target, writerToken, type RunningAgent } from './testing/agent-world.ts';
import { LosingProxy } from './testing/losing-proxy.ts';

const pod = `${reviewedPod.namespace}/${reviewedPod.podName}`;
/** Seconds after which a second key for one start is an alarm. */
const settlingSeconds = 10;

const ending: (() => Promise<void>)[] = [];
// Also after a test that failed: a process would be left behind.
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
}, 30_000);

async function start(...given: Parameters<typeof AgentWorld.start>): Promise<AgentWorld> {
  const world = await AgentWorld.start(...given);
  ending.unshift(() => world.stop());
  return world;
}

const enrolled = (agent: RunningAgent): Promise<string> =>
  eventually('it is enrolled', () => agent.lines.find((line) => line.includes('"Enrolled"')));

async function figure(agent: RunningAgent, name: string): Promise<number> {
  const { body } = await agent.ask('GET', '/metrics');
  return Number(new RegExp(`^letterlock_agent_${name} (\\d+)$`, 'm').exec(body)?.[1]);
}

async function write(agent: RunningAgent, password: string): Promise<true> {
  const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
  return eventually(`${password} is written`, async () => {
    const { status } = await agent.ask('PUT', target('db'), { headers, body: JSON.stringify({ password }) });
    return status === 201 ? true : undefined;
  });
}

const fileIs = (agent: RunningAgent, text: string): Promise<true> =>
  eventually(`the file says ${text}`, () => {
    const path = agent.path('db/password');
    return existsSync(path) && readFileSync(path, 'utf8') === text ? true : undefined;
  });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('an honest agent', () => {
  test('whose answer was lost enrols again with the same key', async () => {
    const proxy = await LosingProxy.start();
    const direct = await freePort();
    proxy.leadTo(direct);
    const world = await start({
      'listen-direct': `127.0.0.1:${direct}`,
      'public-origins': `https://localhost:${proxy.port}`,
    });
    ending.push(() => proxy.close());
    // The request has arrived when its token is reviewed: from there on only its answer is under way.
    const review = world.witness.reviewToken.bind(world.witness);
    let reviews = 0;
    world.witness.reviewToken = (asked) => {
      reviews += 1;
      if (reviews === 1) proxy.loseNext();
      return review(asked);
    };
    const agent = world.startAgent({ isWriter: true });
    await enrolled(agent);
    expect(proxy.lost).toBe(1);
    expect(reviews).toBe(2);
    expect(await figure(agent, 'failures_total')).toBe(1);
    await write(agent, 'after-the-loss');
    await fileIs(agent, 'after-the-loss');
    expect(world.alarms).toEqual([]);
  }, 60_000);

  describe('that was killed and started again', () => {
    let monotonicOffset: number;
    const clock = {
      nowSeconds: () => Math.floor(Date.now() / 1000),
      monotonicSeconds: () => Math.floor(performance.now() / 1000) + monotonicOffset,
    };

    /** The second process of a pod whose kubelet still reports the first one. */
    async function crashed(): Promise<{ world: AgentWorld; second: RunningAgent }> {
      monotonicOffset = 0;
      const world = await start({}, { clock });
      const first = world.startAgent({ isWriter: true });
      await enrolled(first);
      await write(first, 'before-the-crash');
      await fileIs(first, 'before-the-crash');
      await first.crash();
      const second = world.startAgent({ isWriter: true, folder: first.folder });
      await eventually('it was refused twice', async () =>
        existsSync(second.path('agent.sock')) && (await figure(second, 'failures_total').catch(() => 0)) >= 2
          ? true
          : undefined,
      );
      expect(second.lines.join('\n')).not.toContain('"Enrolled"');
      return { world, second };
    }

    test('is taken as soon as the kubelet reports the new start, and nobody is alarmed, then or later', async () => {
      const { world, second } = await crashed();
      monotonicOffset += settlingSeconds - 5;
      await world.services!.workloads.judgeSuspicions();
      expect(world.alarms).toEqual([]);
      await fileIs(second, 'before-the-crash');
      world.witness.pods.set(pod, podOf({ agent: { container: 'containerd://second', restarts: 1 } }));
      await enrolled(second);
      await write(second, 'after-the-crash');
      await fileIs(second, 'after-the-crash');
      monotonicOffset += settlingSeconds;
      await world.services!.workloads.judgeSuspicions();
      expect(world.alarms).toEqual([]);
    }, 60_000);

    test('is a thief if the first start is still reported ten seconds later', async () => {
      const { world } = await crashed();
      monotonicOffset += settlingSeconds + 1;
      await world.services!.workloads.judgeSuspicions();
      expect(world.alarms).toMatchObject([{ pod: reviewedPod.podName, podUid: reviewedPod.podUid }]);
    }, 60_000);
  });

  test('whose certificate ended while the service was sealed enrols again with the same key', async () => {
    const authorityTimes = { leaf: 6, published: 60, retired: 67, lifetime: 3600, renewBefore: 600 };
    const world = await start({}, { authorityTimes });
    const agent = world.startAgent({ isWriter: true });
    await enrolled(agent);
    await write(agent, 'before-the-seal');
    await fileIs(agent, 'before-the-seal');
    const before = { id: agent.processId, enrolments: await figure(agent, 'enrolments_total') };
    using admin = world.admin();
    await admin.seal();
    await eventually('its certificate has ended', async () =>
      (await figure(agent, 'certificate_end_seconds')) < Math.floor(Date.now() / 1000) ? true : undefined,
    );
    await fileIs(agent, 'before-the-seal');
    await admin.giveShare({ pin: { acceptUnpinned: true }, boot: world.server.bootFingerprint });
    await write(agent, 'next-update');
    await fileIs(agent, 'next-update');
    expect(await figure(agent, 'enrolments_total')).toBeGreaterThan(before.enrolments);
    expect({ id: agent.processId, exit: agent.exitCode }).toEqual({ id: before.id, exit: null });
    expect(world.alarms).toEqual([]);
  }, 90_000);
});
