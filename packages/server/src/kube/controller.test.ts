import { afterEach, describe, expect, test } from '@jest/globals';
import type { ObservedRecords } from '@letterlock/core';
import { injectionSettings } from '@letterlock/core/testing';
import { pino } from 'pino';
import { pathOf } from './api-client.ts';
import { ApiError } from './api-error.ts';
import type { UnsealedSources } from './controller-ports.ts';
import { Controller } from './controller.ts';
import { createEventRecorder } from './events.ts';
import { FakeApi } from './testing/fake-api.ts';

const apiVersion = 'letterlock.dev/v1alpha1';
const bindings = pathOf({ apiVersion, resource: 'secretbindings', namespace: 'shop' });
const pods = pathOf({ apiVersion: 'v1', resource: 'pods', namespace: 'shop' });
const recipients = pathOf({ apiVersion, resource: 'secretrecipients', namespace: 'shop' });
const trust = pathOf({ apiVersion: 'v1', resource: 'configmaps', namespace: 'shop', name: 'letterlock-trust' });
const running: Controller[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((controller) => controller.stop()));
});

function start() {
  const api = new FakeApi();
  const facts = {
    isLeading: true,
    isSealed: false,
    bundle: 'a.b.c',
    secret: undefined as { version: number } | undefined,
  };
  const records = new Map<string, ObservedRecords>();
  const purged: string[] = [];
  const told: string[] = [];
  const log = pino({ level: 'silent' });
  const clock = { seconds: 1_790_000_000 };
  const nowSeconds = (): number => clock.seconds;
  const sources: UnsealedSources = {
    publicKeyOf: async () => ({ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }),
    purge: async ({ namespace, name }) => void purged.push(`${namespace}/${name}`),
    retain: async ({ name, retainSeconds }) => void told.push(`retain ${name} ${retainSeconds}`),
    purgeRetained: async () => [],
    secretOf: async () => facts.secret,
    lookAtPods: async () => new Set(records.keys()),
    recordsOf: (uid) => records.get(uid) ?? { keyset: undefined, chain: undefined, deliveries: [] },
    trust: () => ({ 'bundle.jws': facts.bundle }),
    podChanged: async () => void told.push('changed'),
    podGone: async () => void told.push('gone'),
    podsListed: async (uids) => void told.push(`listed ${uids.size}`),
  };
  const controller = new Controller({
    api,
    log,
    trustDomain: 'prod.example',
    service: 'https://letterlock:8443',
    injection: injectionSettings,
    events: createEventRecorder({ api, log, nowSeconds, instance: 'test' }),
    nowSeconds,
    monotonicSeconds: nowSeconds,
    isLeading: () => facts.isLeading,
    unsealed: () => (facts.isSealed ? undefined : sources),
  });
  running.push(controller);
  return { api, clock, facts, records, controller, purged, told };
}

const binding = (spec: object = {}) => ({
  apiVersion,
  kind: 'SecretBinding',
  metadata: { name: 'db', namespace: 'shop' },
  spec: { workload: { serviceAccountNames: ['orders'] }, secrets: [{ name: 'db', keys: ['a'] }], ...spec },
});
const pod = (name: string, serviceAccountName = 'orders') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop' },
  spec: { serviceAccountName },
  status: { phase: 'Running' },
});

const withAgent = (name: string, serviceAccountName = 'deployer') => ({
  ...pod(name),
  spec: { serviceAccountName, initContainers: [{ name: 'letterlock-agent' }] },
});

async function read(api: FakeApi, path: string): Promise<Record<string, Record<string, unknown>> | undefined> {
  return (await api.ask({ method: 'GET', path }).catch(() => undefined)) as never;
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 4000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('It did not become so');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('the controller', () => {
  test('gives a binding its key and conditions, its namespace the trust, and says why a pod waits', async () => {
    const { api, controller } = start();
    await api.ask({ method: 'POST', path: bindings, body: binding() });
    await api.ask({ method: 'POST', path: pods, body: withAgent('orders-1', 'orders') });
    controller.start();
    await until(async () => (await read(api, `${bindings}/db`))?.['status']?.['recipientCount'] === 1);
    const status = (await read(api, `${bindings}/db`))!['status']!;
    expect(status).toMatchObject({ observedGeneration: 1, publicKey: { x: 'x' } });
    await until(async () => (await read(api, trust)) !== undefined);
    expect((await read(api, trust))!['data']).toEqual({ 'bundle.jws': 'a.b.c' });
    await until(() => api.requests.some(({ path }) => path.endsWith('/events')));
    expect(api.requests.find(({ path }) => path.endsWith('/events'))?.body).toMatchObject({
      reason: 'NotWritten',
      involvedObject: { kind: 'Pod', name: 'orders-1' },
    });
  });

  test('a pod that receives has a recipient, which goes with it and shows what it opened', async () => {
    const { api, controller, facts, records } = start();
    facts.secret = { version: 7 };
    await api.ask({ method: 'POST', path: bindings, body: binding() });
    const made = (await api.ask({ method: 'POST', path: pods, body: withAgent('orders-1', 'orders') })) as {
      metadata: { uid: string };
    };
    await api.ask({ method: 'POST', path: pods, body: withAgent('writer') });
    await api.ask({ method: 'POST', path: pods, body: pod('plain') });
    const { uid } = made.metadata;
    controller.start();
    const phase = async () => (await read(api, `${recipients}/orders-1`))?.['status']?.['phase'];
    await until(async () => (await phase()) === 'Injected');
    expect(await read(api, `${recipients}/orders-1`)).toMatchObject({
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'orders-1', uid }] },
      spec: { podName: 'orders-1', podUid: uid, serviceAccountName: 'orders', bindings: ['db'] },
    });
    const delivery = { binding: 'db', secret: 'db', ver: 7, at: 1_790_000_000, opened: 1_790_000_000 };
    records.set(uid, { keyset: 'k', chain: ['c'], deliveries: [delivery] });
    await until(async () => (await phase()) === 'Opened');
    expect((await read(api, `${recipients}/orders-1`))?.['status']).toMatchObject({ keyset: 'k', chain: ['c'] });
    await until(async () => (await read(api, `${bindings}/db`))?.['status']?.['openedCount'] === 1);
    expect((await read(api, `${bindings}/db`))?.['status']).toMatchObject({
      secrets: [{ name: 'db', latestVersion: 7, pending: 0, delivered: 1, opened: 1 }],
    });
    for (const name of ['writer', 'plain']) expect(await read(api, `${recipients}/${name}`)).toBeUndefined();
  });

  test('a recipient of an earlier pod of that name makes room', async () => {
    const { api, controller } = start();
    await api.ask({ method: 'POST', path: bindings, body: binding() });
    const spec = { podName: 'orders-0', podUid: 'earlier', serviceAccountName: 'orders' };
    const kind = { apiVersion, kind: 'SecretRecipient' };
    await api.ask({
      method: 'POST',
      path: recipients,
      body: { ...kind, metadata: { name: 'orders-0', namespace: 'shop' }, spec },
    });
    await api.ask({ method: 'POST', path: pods, body: withAgent('orders-0', 'orders') });
    controller.start();
    await until(async () => {
      const uid = (await read(api, `${recipients}/orders-0`))?.['spec']?.['podUid'];
      return uid !== undefined && uid !== 'earlier';
    });
    const removal = api.requests.find(({ method }) => method === 'DELETE');
    expect(removal?.body).toMatchObject({ preconditions: { uid: expect.any(String) } });
  });

  test('a pod that limits itself to other bindings is none of this one’s', async () => {
    const { api, controller } = start();
    await api.ask({ method: 'POST', path: bindings, body: binding() });
    const body = withAgent('orders-1', 'orders');
    const annotations = { 'letterlock.dev/binding': 'other' };
    await api.ask({ method: 'POST', path: pods, body: { ...body, metadata: { ...body.metadata, annotations } } });
    controller.start();
    await until(async () => (await read(api, `${bindings}/db`))?.['status'] !== undefined);
    expect((await read(api, `${bindings}/db`))?.['status']?.['recipientCount']).toBe(0);
    expect(await read(api, `${recipients}/orders-1`)).toBeUndefined();
  });

  test('a binding says how long what was written outlives it', async () => {
    const { api, controller, told } = start();
    await api.ask({ method: 'POST', path: bindings, body: binding({ retainFor: '24h' }) });
    controller.start();
    await until(() => told.some((line) => line.startsWith('retain')));
    expect(told).toContain('retain db 86400');
  });

  test('a pod that asks for the agent and has none has an event, and is counted while it is there', async () => {
    const { api, controller } = start();
    const annotations = { 'letterlock.dev/inject': 'true' };
    const container = { name: 'app', image: 'app' };
    const asking = (name: string, more: object = {}) => {
      const body = pod(name);
      const metadata = { ...body.metadata, annotations };
      return { ...body, metadata, spec: { ...body.spec, containers: [container], ...more } };
    };
    await api.ask({ method: 'POST', path: pods, body: asking('left-out') });
    await api.ask({ method: 'POST', path: pods, body: asking('windows', { os: { name: 'windows' } }) });
    await api.ask({
      method: 'POST',
      path: pods,
      body: asking('injected', { initContainers: [{ name: 'letterlock-agent', image: 'a' }] }),
    });
    await api.ask({ method: 'POST', path: pods, body: { ...pod('plain'), spec: { containers: [container] } } });
    controller.start();
    await until(() => controller.leftOut === 1);
    await until(() => api.requests.some(({ path }) => path.endsWith('/events')));
    expect(api.requests.filter(({ path }) => path.endsWith('/events')).map(({ body }) => body)).toEqual([
      expect.objectContaining({ reason: 'NotInjected', involvedObject: expect.objectContaining({ name: 'left-out' }) }),
    ]);
    await api.ask({ method: 'DELETE', path: `${pods}/left-out` });
    await until(() => controller.leftOut === 0);
  });

  test('the label of a namespace asks for pods that are there already', async () => {
    const { api, controller } = start();
    const body = { ...pod('plain'), spec: { containers: [{ name: 'app', image: 'app' }] } };
    await api.ask({ method: 'POST', path: pods, body });
    controller.start();
    await until(() => controller.world.isCurrent());
    const metadata = { name: 'shop', labels: { 'letterlock.dev/inject': 'enabled' } };
    const path = pathOf({ apiVersion: 'v1', resource: 'namespaces' });
    expect(controller.leftOut).toBe(0);
    await api.ask({ method: 'POST', path, body: { apiVersion: 'v1', kind: 'Namespace', metadata } });
    await until(() => controller.leftOut === 1);
  });

  test('rights rest on nothing before the first lists, nor five minutes after the last news', async () => {
    const { api, controller, clock } = start();
    expect(controller.world.isCurrent()).toBe(false);
    controller.start();
    await until(() => controller.world.isCurrent());
    const before = api.requests.length;
    api.failure = new ApiError(503, 'ServiceUnavailable');
    api.closeWatches();
    await until(() => api.requests.length >= before + 3);
    clock.seconds += 299;
    expect(controller.world.isCurrent()).toBe(true);
    clock.seconds += 2;
    expect(controller.world.isCurrent()).toBe(false);
  });

  test('applies nothing while it does not lead, and knows the bindings all the same', async () => {
    const { api, controller, facts } = start();
    facts.isLeading = false;
    await api.ask({ method: 'POST', path: bindings, body: binding() });
    controller.start();
    await until(() => controller.world.isCurrent());
    await until(() => controller.world.bindingOf('shop', 'db') !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await read(api, `${bindings}/db`))!['status']).toBeUndefined();
  });

  test('a pod is selected by its ServiceAccount while it lives', async () => {
    const { api, controller } = start();
    await api.ask({ method: 'POST', path: bindings, body: binding() });
    const made = (await api.ask({ method: 'POST', path: pods, body: pod('orders-1') })) as {
      metadata: { uid: string };
    };
    const other = (await api.ask({ method: 'POST', path: pods, body: pod('x', 'other') })) as {
      metadata: { uid: string };
    };
    controller.start();
    const selects = (uid: string): boolean => controller.world.bindingOf('shop', 'db')?.selectsPod(uid) ?? false;
    await until(() => selects(made.metadata.uid));
    expect(selects(other.metadata.uid)).toBe(false);
    await api.ask({ method: 'DELETE', path: `${pods}/orders-1` });
    await until(() => !selects(made.metadata.uid));
  });

  test('tells which pods there are, and which go', async () => {
    const { api, controller, told } = start();
    await api.ask({ method: 'POST', path: pods, body: pod('orders-1') });
    controller.start();
    await until(() => told.includes('listed 1'));
    await api.ask({ method: 'DELETE', path: `${pods}/orders-1` });
    await until(() => told.includes('gone'));
    expect(told).toEqual(['changed', 'listed 1', 'gone']);
  });

  test('a namespace without bindings is given the trust with its first agent', async () => {
    const { api, controller } = start();
    controller.start();
    await until(() => controller.world.isCurrent());
    await api.ask({ method: 'POST', path: pods, body: withAgent('writer') });
    await until(async () => (await read(api, trust)) !== undefined);
    expect((await read(api, trust))!['data']).toEqual({ 'bundle.jws': 'a.b.c' });
  });

  test('after an unseal tells which pods there are, and how agents are', async () => {
    const { api, controller, facts, told } = start();
    facts.isSealed = true;
    await api.ask({ method: 'POST', path: pods, body: withAgent('writer') });
    controller.start();
    await until(() => controller.world.isCurrent());
    expect(told).toEqual([]);
    facts.isSealed = false;
    controller.refresh();
    await until(() => told.length === 2);
    expect(told).toEqual(['listed 1', 'changed']);
    await until(async () => (await read(api, trust)) !== undefined);
  });

  test('a bundle with another number reaches a namespace of which nothing else has changed', async () => {
    const { api, controller, facts } = start();
    await api.ask({ method: 'POST', path: pods, body: withAgent('writer') });
    controller.start();
    await until(async () => (await read(api, trust)) !== undefined);
    facts.bundle = 'd.e.f';
    controller.trustChanged();
    await until(async () => (await read(api, trust))!['data']!['bundle.jws'] !== 'a.b.c');
    expect((await read(api, trust))!['data']).toEqual({ 'bundle.jws': 'd.e.f' });
  });

  test('Purge destroys the keys before the binding goes; a binding that terminates gives no rights', async () => {
    const { api, controller, purged, facts } = start();
    await api.ask({ method: 'POST', path: bindings, body: binding({ deletionPolicy: 'Purge' }) });
    controller.start();
    await until(async () => JSON.stringify(await read(api, `${bindings}/db`)).includes('letterlock.dev/purge'));
    facts.isLeading = false;
    await api.ask({ method: 'DELETE', path: `${bindings}/db` });
    await until(() => controller.world.bindingOf('shop', 'db') === undefined);
    facts.isLeading = true;
    await until(async () => (await read(api, `${bindings}/db`)) === undefined);
    expect(purged).toEqual(['shop/db']);
  });

  test('a sealed service says so', async () => {
    const { api, controller, facts } = start();
    facts.isSealed = true;
    await api.ask({ method: 'POST', path: bindings, body: binding() });
    controller.start();
    await until(async () => JSON.stringify(await read(api, `${bindings}/db`)).includes('"Sealed"'));
    expect(await read(api, trust)).toBeUndefined();
  });
});
