/**
 * What everything in this folder relies on: run against the fake in unit tests, and against a real API server by a story.
 * It must never depend on a test runner.
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { ApiError, hasStatus } from '../api-error.ts';
import { pathOf, type ApiClient } from '../api-client.ts';
import { applyObject, fieldManagers } from '../apply.ts';
import { createEventRecorder } from '../events.ts';
import { Informer } from '../informer.ts';
import { Lease } from '../lease.ts';
import { createWitness } from '../witness.ts';

export interface ContractWorld {
  readonly api: ApiClient;
  /** A namespace that exists, in which the case may leave things; a new one for each run. */
  readonly namespace: string;
}

export interface ContractCase {
  readonly title: string;
  readonly run: (world: ContractWorld) => Promise<void>;
}

const silent = pino({ level: 'silent' });
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

const configMap = (namespace: string, name: string, data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

const binding = (namespace: string, name: string) => ({
  apiVersion: 'letterlock.dev/v1alpha1',
  kind: 'SecretBinding',
  metadata: { name, namespace },
  spec: { workload: { serviceAccountNames: ['app'] }, secrets: [{ name: 'db', keys: ['value'] }] },
});

export const kubeContract: readonly ContractCase[] = [
  {
    title: 'what does not exist is 404 NotFound',
    async run({ api, namespace }) {
      const path = pathOf({ apiVersion: 'v1', resource: 'configmaps', namespace, name: 'absent' });
      await rejects(
        api.ask({ method: 'GET', path }),
        (error) => error instanceof ApiError && error.status === 404 && error.reason === 'NotFound',
      );
    },
  },
  {
    title: 'creating twice is 409, replacing an older version too',
    async run({ api, namespace }) {
      const path = pathOf({ apiVersion: 'v1', resource: 'configmaps', namespace });
      const body = configMap(namespace, 'twice', { a: '1' });
      const first = (await api.ask({ method: 'POST', path, body })) as ReturnType<typeof configMap>;
      await rejects(api.ask({ method: 'POST', path, body }), (error) => hasStatus(error, 409));
      const place = `${path}/twice`;
      await api.ask({ method: 'PUT', path: place, body: { ...first, data: { a: '2' } } });
      await rejects(api.ask({ method: 'PUT', path: place, body: { ...first, data: { a: '3' } } }), (error) =>
        hasStatus(error, 409),
      );
    },
  },
  {
    title: 'applying creates, and again changes; the same again changes nothing',
    async run({ api, namespace }) {
      const apply = (data: Record<string, string>) =>
        applyObject(api, {
          object: configMap(namespace, 'applied', data),
          resource: 'configmaps',
          manager: fieldManagers.controller,
        });
      const first = await apply({ a: '1' });
      const second = await apply({ a: '2' });
      const third = await apply({ a: '2' });
      equal(second.metadata.uid, first.metadata.uid);
      ok(second.metadata.resourceVersion !== first.metadata.resourceVersion);
      equal(third.metadata.resourceVersion, second.metadata.resourceVersion);
      deepEqual(third['data'], { a: '2' });
    },
  },
  {
    title: 'applying a status leaves the rest, applying the rest leaves the status',
    async run({ api, namespace }) {
      const object = binding(namespace, 'with-status');
      const resource = 'secretbindings';
      const manager = fieldManagers.controller;
      const created = await applyObject(api, { object, resource, manager });
      const { spec, ...bare } = object;
      await applyObject(api, {
        object: { ...bare, status: { recipientCount: 3 } },
        resource,
        manager,
        subresource: 'status',
      });
      const path = pathOf({ apiVersion: object.apiVersion, resource, namespace, name: 'with-status' });
      const stored = (await api.ask({ method: 'GET', path })) as Record<string, unknown> & typeof created;
      deepEqual(stored['status'], { recipientCount: 3 });
      ok(JSON.stringify(stored['spec']).includes(spec.secrets[0]!.name));
      equal(stored.metadata.generation, created.metadata.generation);
    },
  },
  {
    title: 'an informer has what was there, and sees making, changing and deleting in order',
    async run({ api, namespace }) {
      const path = pathOf({ apiVersion: 'v1', resource: 'configmaps', namespace });
      await api.ask({ method: 'POST', path, body: configMap(namespace, 'followed-0', { a: '0' }) });
      const seen: string[] = [];
      const informer = new Informer({
        api,
        path,
        resource: 'configmaps',
        log: silent,
        monotonicSeconds: nowSeconds,
        nowSeconds,
        changed: ({ metadata, data }) => seen.push(`${metadata.name} ${JSON.stringify(data)}`),
        gone: ({ metadata }) => seen.push(`${metadata.name} gone`),
      });
      informer.start();
      try {
        await informer.synced;
        ok(informer.get(`${namespace}/followed-0`) !== undefined);
        equal(informer.downSinceSeconds, undefined);
        const body = configMap(namespace, 'followed-1', { a: '1' });
        await api.ask({ method: 'POST', path, body });
        await applyObject(api, {
          object: configMap(namespace, 'followed-1', { a: '2' }),
          resource: 'configmaps',
          manager: fieldManagers.controller,
        });
        await api.ask({ method: 'DELETE', path: `${path}/followed-1` });
        await until(() => seen.includes('followed-1 gone'));
        deepEqual(
          seen.filter((line) => line.startsWith('followed-1')),
          ['followed-1 {"a":"1"}', 'followed-1 {"a":"2"}', 'followed-1 gone'],
        );
        equal(informer.get(`${namespace}/followed-1`), undefined);
      } finally {
        await informer.stop();
      }
    },
  },
  {
    title: 'a lease has one holder, until it lets go',
    async run({ api, namespace }) {
      const leaseOf = (holder: string) =>
        new Lease({ api, namespace, name: 'contract', holder, monotonicSeconds: nowSeconds, nowSeconds, log: silent });
      const [one, two] = [leaseOf('one'), leaseOf('two')];
      await one.attempt();
      await two.attempt();
      deepEqual([one.isLeading, two.isLeading], [true, false]);
      await one.attempt();
      await one.release();
      await two.attempt();
      deepEqual([one.isLeading, two.isLeading], [false, true]);
    },
  },
  {
    title: 'an event is recorded once a minute',
    async run({ api, namespace }) {
      const recorder = createEventRecorder({ api, log: silent, nowSeconds, instance: 'contract' });
      const subject = {
        apiVersion: 'letterlock.dev/v1alpha1',
        kind: 'SecretBinding',
        namespace,
        name: 'contract',
        uid: '0f3c0000-0000-4000-8000-000000000000',
      };
      recorder.record(subject, { type: 'Warning', reason: 'NotWritten', message: 'nobody wrote' });
      recorder.record(subject, { type: 'Warning', reason: 'NotWritten', message: 'nobody wrote' });
      await recorder.settle();
      const path = pathOf({ apiVersion: 'v1', resource: 'events', namespace });
      const { items } = (await api.ask({ method: 'GET', path })) as {
        readonly items: readonly { readonly reason: string; readonly involvedObject: { readonly name: string } }[];
      };
      equal(
        items.filter(({ reason, involvedObject }) => reason === 'NotWritten' && involvedObject.name === 'contract')
          .length,
        1,
      );
    },
  },
  {
    title: 'a pod that does not exist is undefined; a token that nobody issued belongs to nobody',
    async run({ api, namespace }) {
      const witness = createWitness(api);
      equal(await witness.readPod(namespace, 'absent'), undefined);
      const status = (await witness.reviewToken({ token: 'a.b.c', audience: 'letterlock-enrol:test' })) as {
        readonly authenticated?: boolean;
        readonly error?: string;
      };
      ok(status.authenticated !== true);
      match(JSON.stringify(status), /^\{/);
    },
  },
];

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('It did not become so in 10 s');
    await pause(20);
  }
}
