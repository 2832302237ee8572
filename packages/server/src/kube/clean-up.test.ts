import { beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError, hasStatus } from './api-error.ts';
import { pathOf, type ResourcePlace } from './api-client.ts';
import { cleanUp } from './clean-up.ts';
import { FakeApi } from './testing/fake-api.ts';

const group = 'letterlock.dev/v1alpha1';
const namespace = 'letterlock-system';
const names = { namespace, secret: 'letterlock-webhook-tls', lease: 'letterlock-controller' };
const ours = { managedFields: [{ manager: 'letterlock-controller', operation: 'Apply' }] };
const places = {
  secret: { apiVersion: 'v1', resource: 'secrets', namespace, name: names.secret },
  lease: { apiVersion: 'coordination.k8s.io/v1', resource: 'leases', namespace, name: names.lease },
  trust: { apiVersion: 'v1', resource: 'configmaps', namespace: 'shop', name: 'letterlock-trust' },
  recipient: { apiVersion: group, resource: 'secretrecipients', namespace: 'shop', name: 'orders-1' },
  binding: { apiVersion: group, resource: 'secretbindings', namespace: 'shop', name: 'orders-db' },
} as const;

let api: FakeApi;

async function make({ name, ...place }: ResourcePlace, metadata: object = {}): Promise<void> {
  await api.ask({ method: 'POST', path: pathOf(place), body: { metadata: { name, ...metadata } } });
}

async function isThere(place: ResourcePlace): Promise<boolean> {
  try {
    await api.ask({ method: 'GET', path: pathOf(place) });
    return true;
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    return false;
  }
}

const finalizersOf = async (): Promise<unknown> =>
  ((await api.ask({ method: 'GET', path: pathOf(places.binding) })) as { metadata: { finalizers?: unknown } }).metadata
    .finalizers;

beforeEach(() => {
  api = new FakeApi();
});

describe('cleanUp()', () => {
  test('takes away everything that the service made', async () => {
    await make(places.secret);
    await make(places.lease);
    await make(places.trust, ours);
    await make(places.recipient);
    expect(await cleanUp({ api, ...names })).toEqual({
      secrets: 1,
      leases: 1,
      trusts: 1,
      recipients: 1,
      bindings: 0,
    });
    for (const place of [places.secret, places.lease, places.trust, places.recipient])
      expect(await isThere(place)).toBe(false);
  });

  test.each([
    { name: 'another Secret', place: { ...places.secret, name: 'other' }, metadata: {} },
    { name: 'another Lease', place: { ...places.lease, name: 'other' }, metadata: {} },
    { name: 'another ConfigMap', place: { ...places.trust, name: 'other' }, metadata: ours },
    {
      name: 'a ConfigMap of the trust’s name that somebody else made',
      place: places.trust,
      metadata: { managedFields: [{ manager: 'kubectl', operation: 'Apply' }] },
    },
    { name: 'a binding', place: places.binding, metadata: {} },
  ])('leaves $name', async ({ place, metadata }) => {
    await make(place, metadata);
    await cleanUp({ api, ...names });
    expect(await isThere(place)).toBe(true);
  });

  test('takes our finalizer off a binding, and leaves those of others', async () => {
    await make(places.binding, { finalizers: ['example.com/x', 'letterlock.dev/purge'] });
    expect(await cleanUp({ api, ...names })).toMatchObject({ bindings: 1 });
    expect(await finalizersOf()).toEqual(['example.com/x']);
  });

  test('lets a binding go that was deleted after its service', async () => {
    await make(places.binding, { finalizers: ['letterlock.dev/purge'] });
    await api.ask({ method: 'DELETE', path: pathOf(places.binding) });
    expect(await isThere(places.binding)).toBe(true);
    await cleanUp({ api, ...names });
    expect(await isThere(places.binding)).toBe(false);
  });

  test('finds nothing where there is nothing, and can be repeated', async () => {
    await make(places.trust, ours);
    await cleanUp({ api, ...names });
    expect(await cleanUp({ api, ...names })).toEqual({ secrets: 0, leases: 0, trusts: 0, recipients: 0, bindings: 0 });
  });

  test('says so when it is refused', async () => {
    api.failure = new ApiError(403, 'Forbidden');
    await expect(cleanUp({ api, ...names })).rejects.toMatchObject({ status: 403 });
  });
});
