import { describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from './kubernetes-object.ts';
import { createLiveWorld } from './live-bindings.ts';
import { ObjectStore } from './object-store.ts';

interface Change {
  readonly pod?: object;
  readonly podMetadata?: object;
  readonly bindingMetadata?: object;
  readonly spec?: object;
}

/** One binding and one pod that it selects, each changed in one thing. */
function worldOf({ pod = {}, podMetadata = {}, bindingMetadata = {}, spec = {} }: Change) {
  const pods = new ObjectStore();
  pods.put({
    metadata: { name: 'orders-1', namespace: 'shop', uid: 'u', labels: { app: 'orders' }, ...podMetadata },
    spec: { serviceAccountName: 'orders' },
    status: { phase: 'Running' },
    ...pod,
  } as unknown as KubernetesObject);
  const binding = {
    metadata: { name: 'db', namespace: 'shop', uid: 'b', generation: 1, ...bindingMetadata },
    spec: {
      workload: { serviceAccountNames: ['orders'], podSelector: { matchLabels: { app: 'orders' } } },
      secrets: [{ name: 'db', keys: ['a'] }],
      ...spec,
    },
  } as unknown as KubernetesObject;
  return createLiveWorld({
    bindings: {
      get: (key) => (key === 'shop/db' ? binding : undefined),
      in: (namespace) => (namespace === 'shop' ? [binding] : []),
    },
    pods,
    isCurrent: () => true,
  });
}

const timeOfDeath = '2026-01-01T00:00:00Z';

describe('createLiveWorld()', () => {
  test('a binding selects a live pod of its namespace, ServiceAccount and labels', () => {
    const world = worldOf({});
    const live = world.bindingOf('shop', 'db')!;
    expect(live.selectsPod('u')).toBe(true);
    expect(live.selectsPod('other')).toBe(false);
    expect(world.bindingsIn('shop').map(({ name }) => name)).toEqual(['db']);
    expect(world.bindingsIn('other')).toEqual([]);
  });

  test.each<{ name: string; change: Change }>([
    { name: 'in another namespace', change: { podMetadata: { namespace: 'other' } } },
    { name: 'of another ServiceAccount', change: { pod: { spec: { serviceAccountName: 'other' } } } },
    { name: 'of no ServiceAccount of its own', change: { pod: { spec: {} } } },
    { name: 'with another label', change: { podMetadata: { labels: { app: 'other' } } } },
    { name: 'without labels', change: { podMetadata: { labels: undefined } } },
    { name: 'that terminates', change: { podMetadata: { deletionTimestamp: timeOfDeath } } },
    { name: 'that has succeeded', change: { pod: { status: { phase: 'Succeeded' } } } },
    { name: 'that has failed', change: { pod: { status: { phase: 'Failed' } } } },
  ])('does not select a pod $name', ({ change }) => {
    expect(worldOf(change).bindingOf('shop', 'db')!.selectsPod('u')).toBe(false);
  });

  test.each<{ name: string; change: Change }>([
    { name: 'terminates', change: { bindingMetadata: { deletionTimestamp: timeOfDeath } } },
    { name: 'cannot be read', change: { spec: { workload: undefined } } },
    { name: 'is not supported yet', change: { spec: { keyHeldBy: 'Pod' } } },
  ])('knows no binding that $name', ({ change }) => {
    const world = worldOf(change);
    expect(world.bindingOf('shop', 'db')).toBeUndefined();
    expect(world.bindingsIn('shop')).toEqual([]);
  });
});
