import { afterEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { ApiError } from './api-error.ts';
import { pathOf } from './api-client.ts';
import { Informer, type InformerOptions } from './informer.ts';
import { FakeApi } from './testing/fake-api.ts';

const path = pathOf({ apiVersion: 'v1', resource: 'pods', namespace: 'shop' });
const collection = '/api/v1/pods';
const running: Informer[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((informer) => informer.stop()));
});

interface World {
  readonly api: FakeApi;
  readonly informer: Informer;
  readonly seen: string[];
  readonly pauses: number[];
  readonly clock: { seconds: number };
  readonly lines: string[];
}

function start(options: Partial<InformerOptions> = {}): World {
  const api = new FakeApi();
  const seen: string[] = [];
  const pauses: number[] = [];
  const lines: string[] = [];
  const clock = { seconds: 1000 };
  const informer = new Informer({
    api,
    path,
    resource: 'pods',
    log: pino({ level: 'debug' }, { write: (line) => void lines.push(line) }),
    monotonicSeconds: () => clock.seconds,
    nowSeconds: () => clock.seconds,
    changed: ({ metadata }) => seen.push(`+${metadata.name}`),
    gone: ({ metadata }) => seen.push(`-${metadata.name}`),
    pause: async (milliseconds) => {
      pauses.push(milliseconds);
      await new Promise<void>((resolve) => setImmediate(resolve));
    },
    ...options,
  });
  running.push(informer);
  return { api, informer, seen, pauses, clock, lines };
}

const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' } });

async function make(api: FakeApi, name: string): Promise<void> {
  await api.ask({ method: 'POST', path, body: pod(name) });
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('It did not become so');
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

describe('Informer', () => {
  test('lists in pages', async () => {
    const { api, informer } = start();
    for (let index = 0; index < 501; index += 1) await make(api, `p${index}`);
    informer.start();
    await informer.synced;
    expect(informer.size).toBe(501);
  });

  test('goes on from its place when a watch ends, without another list', async () => {
    const { api, informer, seen } = start();
    informer.start();
    await informer.synced;
    api.closeWatches();
    await make(api, 'late');
    await until(() => seen.includes('+late'));
    expect(api.requests.filter(({ query }) => query?.['limit'] !== undefined)).toHaveLength(1);
  });

  test('lists again after 410, and tells what went meanwhile', async () => {
    const { api, informer, seen } = start();
    await make(api, 'stays');
    await make(api, 'goes');
    informer.start();
    await informer.synced;
    api.failure = new ApiError(503, 'ServiceUnavailable');
    api.closeWatches();
    await until(() => informer.downSinceSeconds !== undefined);
    api.failure = undefined;
    await api.ask({ method: 'DELETE', path: `${path}/goes` });
    await make(api, 'comes');
    api.forget();
    await until(() => seen.includes('+comes'));
    expect(seen).toEqual(['+stays', '+goes', '-goes', '+comes']);
    expect(informer.get('shop/goes')).toBeUndefined();
  });

  test('tells that a pod of the same name is another one', async () => {
    const { api, informer, seen } = start();
    await make(api, 'web-0');
    informer.start();
    await informer.synced;
    api.failure = new ApiError(0, 'ECONNREFUSED');
    api.closeWatches();
    await until(() => informer.downSinceSeconds !== undefined);
    api.failure = undefined;
    await api.ask({ method: 'DELETE', path: `${path}/web-0` });
    await make(api, 'web-0');
    api.forget();
    await until(() => seen.length === 3);
    expect(seen).toEqual(['+web-0', '-web-0', '+web-0']);
  });

  test('says since when it is down, waits longer each time, and recovers', async () => {
    const { api, informer, clock, pauses, seen } = start();
    informer.start();
    await informer.synced;
    expect(informer.downSinceSeconds).toBeUndefined();
    clock.seconds = 2000;
    api.failure = new ApiError(0, 'ECONNREFUSED');
    api.closeWatches();
    await until(() => pauses.length >= 9);
    expect(informer.downSinceSeconds).toBe(2000);
    expect(pauses.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000, 8000]);
    api.failure = undefined;
    await make(api, 'after');
    await until(() => seen.includes('+after'));
    expect(informer.downSinceSeconds).toBeUndefined();
  });

  test('is down before its first list', () => {
    const { informer } = start();
    expect(informer.downSinceSeconds).toBe(1000);
  });

  test('goes on when a handler throws', async () => {
    const seen: string[] = [];
    const { api, informer, lines } = start({
      changed: ({ metadata }) => {
        seen.push(metadata.name);
        throw new TypeError('defect');
      },
    });
    await make(api, 'one');
    informer.start();
    await informer.synced;
    await make(api, 'two');
    await until(() => seen.length === 2);
    expect(lines.filter((line) => line.includes('A handler failed'))).toHaveLength(2);
  });

  test.each([
    { name: 'an event without a type', event: { object: { metadata: { name: 'x', uid: 'u', resourceVersion: '7' } } } },
    {
      name: 'an event of an unknown type',
      event: { type: 'OTHER', object: { metadata: { name: 'x', uid: 'u', resourceVersion: '7' } } },
    },
    {
      name: 'an object without a uid',
      event: { type: 'ADDED', object: { metadata: { name: 'x', resourceVersion: '7' } } },
    },
    { name: 'a bookmark without a version', event: { type: 'BOOKMARK', object: { metadata: {} } } },
    { name: 'an event without an object', event: { type: 'ADDED', object: { metadata: {} } } },
  ])('lists again after $name', async ({ event }) => {
    const { api, informer, seen } = start();
    informer.start();
    await informer.synced;
    api.emit(collection, {
      ...event,
      object: { ...event.object, metadata: { ...event.object.metadata, namespace: 'shop' } },
    });
    await make(api, 'after');
    await until(() => seen.includes('+after'));
    await until(() => api.requests.filter(({ query }) => query?.['limit'] !== undefined).length >= 2);
    expect(seen).toEqual(['+after']);
  });

  test('passes over an object of a list that cannot be read', async () => {
    const { api, informer } = start();
    api.answers.set(path, () => ({
      metadata: { resourceVersion: '100' },
      items: [
        { metadata: { name: 'no-uid' } },
        { metadata: { name: 'whole', namespace: 'shop', uid: 'u', resourceVersion: '7' } },
      ],
    }));
    informer.start();
    await informer.synced;
    expect([...informer.objects].map(({ metadata }) => metadata.name)).toEqual(['whole']);
  });

  test.each([
    { name: 'no items', answer: { metadata: { resourceVersion: '100' } } },
    { name: 'no version', answer: { metadata: {}, items: [] } },
    { name: 'no object', answer: 'text' },
  ])('does not take a list with $name for an empty one', async ({ answer }) => {
    const { api, informer, seen, pauses } = start();
    await make(api, 'stays');
    informer.start();
    await informer.synced;
    api.forget();
    api.answers.set(path, () => answer);
    api.closeWatches();
    await until(() => pauses.length >= 2);
    expect(informer.get('shop/stays')).toBeDefined();
    expect(seen).toEqual(['+stays']);
  });

  test('does not keep managedFields', async () => {
    const { api, informer } = start();
    await api.ask({
      method: 'POST',
      path,
      body: { ...pod('managed'), metadata: { ...pod('managed').metadata, managedFields: [{ manager: 'x' }] } },
    });
    informer.start();
    await informer.synced;
    expect(informer.get('shop/managed')?.metadata).not.toHaveProperty('managedFields');
  });

  test('never writes an answer of the API server into the log', async () => {
    const { api, informer, lines, pauses } = start();
    api.answers.set(path, () => ({ metadata: { token: 'hunter2' } }));
    informer.start();
    await until(() => pauses.length >= 1);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('')).not.toContain('hunter2');
  });
});
