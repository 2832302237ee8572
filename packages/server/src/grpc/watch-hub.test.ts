import { afterEach, describe, expect, test } from '@jest/globals';
import type { LiveBinding, Permitted } from '@letterlock/core';
import { ProblemError, type WatchEvent } from '@letterlock/protocol';
import type { UnsealedAgentServices } from './agent-calls.ts';
import { WatchHub, type WatchedSecret } from './watch-hub.ts';

const stops: AbortController[] = [];
// Also after a test that failed: a stream would keep the process.
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

/** A stream of one pod, and what it rests on. */
function streamed(names: readonly string[] = ['db']) {
  const facts = {
    isUnsealed: true,
    isKnown: true,
    names,
    failure: undefined as Error | undefined,
    once: undefined as string | undefined,
    wrap: undefined as string | undefined,
  };
  const versions = new Map<string, number>();
  const looks: string[] = [];
  const events: string[] = [];
  const unsealed = {
    secrets: {
      latest: async ({ action }: Permitted<'secret.read'>) => {
        looks.push(action.path);
        return versions.get(action.path) ?? 0;
      },
    },
    wraps: { latest: async () => facts.wrap },
  } as unknown as UnsealedAgentServices;
  const hub = new WatchHub({ everyMilliseconds: 10, isUnsealed: () => facts.isUnsealed });
  const stop = new AbortController();
  stops.push(stop);
  const follow = () =>
    hub.follow({
      unsealed,
      stillKnown: async () => facts.isKnown,
      permissions: () => {
        if (facts.failure !== undefined) throw facts.failure;
        return facts.names.map((secret): WatchedSecret => {
          const opens = secret === facts.once ? 'Once' : 'Unlimited';
          const binding = {
            namespace: 'shop',
            name: 'b',
            secrets: [{ name: secret, opens }],
          } as unknown as LiveBinding;
          const permission = { action: { act: 'secret.read', path: `k8s/shop/b/${secret}` } };
          return { binding, secret, permission: permission as unknown as Permitted<'secret.read'> };
        });
      },
      emit: ({ secret, version, wrap }: WatchEvent) => {
        events.push(`${secret} ${version}${wrap === '' ? '' : ` ${wrap}`}`);
      },
      signal: stop.signal,
    });
  return { hub, facts, versions, looks, events, follow, stop };
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 4000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('It did not become so');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('WatchHub', () => {
  test('tells of what opens once which wrap it is, and each new one', async () => {
    const { facts, events, versions, follow, stop } = streamed(['token']);
    facts.once = 'token';
    versions.set('k8s/shop/b/token', 7);
    const followed = follow();
    await until(() => events.length === 2);
    facts.wrap = 'w1';
    await until(() => events.length === 3);
    facts.wrap = 'w2';
    await until(() => events.length === 4);
    expect(events).toEqual(['token 0', ' 0', 'token 1 w1', 'token 1 w2']);
    stop.abort();
    await followed;
  });

  test('tells each secret once, then that this is everything, then what changes', async () => {
    const { versions, events, follow, stop } = streamed(['db', 'mail']);
    versions.set('k8s/shop/b/db', 3);
    const followed = follow();
    await until(() => events.length === 3);
    expect(events).toEqual(['db 3', 'mail 0', ' 0']);
    versions.set('k8s/shop/b/mail', 1);
    await until(() => events.length === 4);
    stop.abort();
    await followed;
    expect(events.at(-1)).toBe('mail 1');
  });

  test.each<{ name: string; change: (o: ReturnType<typeof streamed>) => void; code: string }>([
    { name: 'the service is sealed', change: ({ facts }) => (facts.isUnsealed = false), code: 'sealed' },
    { name: 'the pod is not known any more', change: ({ facts }) => (facts.isKnown = false), code: 'bad_proof' },
    {
      name: 'nobody can say what is permitted',
      change: ({ facts }) => (facts.failure = new ProblemError('unavailable')),
      code: 'unavailable',
    },
  ])('ends when $name', async ({ change, code }) => {
    const given = streamed();
    const followed = given.follow().catch((error: unknown) => error);
    await until(() => given.events.length === 2);
    change(given);
    given.versions.set('k8s/shop/b/db', 9);
    expect(await followed).toMatchObject({ code });
    expect(given.events).toEqual(['db 0', ' 0']);
  });

  test('tells nothing more of a secret that may no longer be read', async () => {
    const { facts, versions, events, looks, follow, stop } = streamed(['db', 'mail']);
    const followed = follow();
    await until(() => events.length === 3);
    facts.names = ['db'];
    versions.set('k8s/shop/b/mail', 5);
    looks.length = 0;
    await until(() => looks.length >= 3);
    stop.abort();
    await followed;
    expect(events).toHaveLength(3);
    expect(looks).not.toContain('k8s/shop/b/mail');
  });

  test('looks once for the streams of many pods, and at once after a write here', async () => {
    const { hub, versions, looks, events, follow, stop } = streamed();
    const all = [follow(), follow(), follow()];
    await until(() => events.length === 6);
    expect(looks).toHaveLength(1);
    versions.set('k8s/shop/b/db', 1);
    hub.noticed('k8s/shop/b/db');
    await until(() => events.filter((event) => event === 'db 1').length === 3);
    stop.abort();
    await Promise.all(all);
  });
});
