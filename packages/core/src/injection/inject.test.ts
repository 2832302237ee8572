import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readPodDelivery } from '@letterlock/protocol';
import type { Container, Pod } from './pod.ts';
import { agentOf, asStored, injected, makePod, settings, withAgent } from './testing/injection-world.ts';

const names = (pod: Pod): readonly string[] => (pod.spec.initContainers ?? []).map(({ name }) => name);
const mountsOf = (pod: Pod, container: string): readonly string[] =>
  [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
    .find(({ name }) => name === container)!
    .volumeMounts?.map(({ name, mountPath, readOnly }) => `${name} ${mountPath}${readOnly === true ? ' ro' : ''}`) ??
  [];
const always = (name: string): Container => ({ name, restartPolicy: 'Always' });

describe('inject()', () => {
  test.each([
    { name: 'first', initContainers: [{ name: 'migrate' }], order: 'first', is: ['letterlock-agent', 'migrate'] },
    { name: 'alone', initContainers: undefined, order: 'first', is: ['letterlock-agent'] },
    { name: 'last', initContainers: [{ name: 'migrate' }], order: 'last', is: ['migrate', 'letterlock-agent'] },
    {
      name: 'behind Istio',
      initContainers: [{ name: 'istio-init' }, always('istio-proxy'), { name: 'migrate' }],
      order: 'first',
      is: ['istio-init', 'istio-proxy', 'letterlock-agent', 'migrate'],
    },
    {
      name: 'behind Linkerd',
      initContainers: [{ name: 'linkerd-init' }, always('linkerd-proxy'), { name: 'migrate' }],
      order: 'first',
      is: ['linkerd-init', 'linkerd-proxy', 'letterlock-agent', 'migrate'],
    },
    {
      name: 'before a proxy that is no sidecar',
      initContainers: [{ name: 'istio-init' }, { name: 'istio-proxy' }],
      order: 'first',
      is: ['letterlock-agent', 'istio-init', 'istio-proxy'],
    },
    {
      name: 'before another native sidecar',
      initContainers: [always('logs')],
      order: 'first',
      is: ['letterlock-agent', 'logs'],
    },
  ])('puts the agent $name', ({ initContainers, order, is }) => {
    const spec = initContainers === undefined ? {} : { initContainers };
    expect(names(injected(makePod({ annotations: { order }, spec })))).toEqual(is);
  });

  test('moves behind a mesh that came later', () => {
    const pod = injected(makePod({ spec: { initContainers: [{ name: 'migrate' }] } }));
    const meshed = {
      ...pod,
      spec: { ...pod.spec, initContainers: [always('istio-proxy'), ...pod.spec.initContainers!] },
    };
    expect(names(injected(meshed))).toEqual(['istio-proxy', 'letterlock-agent', 'migrate']);
  });

  test('mounts the secrets read-only into all containers, and into no init container', () => {
    const pod = injected(
      makePod({ spec: { containers: [{ name: 'app' }, { name: 'web' }], initContainers: [{ name: 'migrate' }] } }),
    );
    expect(mountsOf(pod, 'app')).toEqual(['letterlock-secrets /run/letterlock ro']);
    expect(mountsOf(pod, 'web')).toEqual(['letterlock-secrets /run/letterlock ro']);
    expect(mountsOf(pod, 'migrate')).toEqual([]);
  });

  test('mounts them only into the containers that are named', () => {
    const annotations = { containers: 'web,migrate', 'mount-path': '/secrets' };
    const pod = injected(
      makePod({
        annotations,
        spec: { containers: [{ name: 'app' }, { name: 'web' }], initContainers: [{ name: 'migrate' }] },
      }),
    );
    expect(mountsOf(pod, 'app')).toEqual([]);
    expect(mountsOf(pod, 'web')).toEqual(['letterlock-secrets /secrets ro']);
    expect(mountsOf(pod, 'migrate')).toEqual(['letterlock-secrets /secrets ro']);
  });

  test('gives the write token to the application alone, and the enrolment token to the agent alone', () => {
    const pod = injected(makePod({ annotations: { writer: 'true' } }));
    expect(mountsOf(pod, 'app')).toEqual([
      'letterlock-secrets /run/letterlock ro',
      'letterlock-writer /var/run/secrets/letterlock.dev/writer ro',
    ]);
    expect(mountsOf(pod, 'letterlock-agent')).toEqual([
      'letterlock-enrolment /var/run/secrets/letterlock.dev/enrolment ro',
      'letterlock-trust /var/run/secrets/letterlock.dev/trust ro',
      'letterlock-secrets /run/letterlock',
    ]);
    const audiences = pod.spec.volumes!.flatMap(
      ({ projected }) => JSON.stringify(projected ?? {}).match(/letterlock-\w+:[\w.]+/g) ?? [],
    );
    expect(audiences).toEqual(['letterlock-enrol:prod.example', 'letterlock-write:prod.example']);
  });

  test('gives nobody a write token who is no writer', () => {
    expect(JSON.stringify(injected(makePod()))).not.toContain('letterlock-write');
  });

  test('adds the group of the files behind those of the pod, once', () => {
    const spec = { securityContext: { runAsUser: 1000, supplementalGroups: [4000] } };
    const once = injected(makePod({ spec }));
    expect(once.spec.securityContext).toEqual({ runAsUser: 1000, supplementalGroups: [4000, 65_530] });
    expect(injected(once).spec.securityContext).toEqual(once.spec.securityContext);
  });

  test('runs the agent as the user of the application where the pod says so', () => {
    const pod = injected(makePod({ annotations: { 'run-as-user': '1000' } }));
    expect(agentOf(pod)['securityContext']).toMatchObject({ runAsUser: 1000, runAsGroup: 65_530, runAsNonRoot: true });
  });

  test('writes an init container that ends, without a probe, for agent: init', () => {
    const agent = agentOf(injected(makePod({ annotations: { agent: 'init' } })));
    expect(agent).not.toHaveProperty('restartPolicy');
    expect(agent).not.toHaveProperty('startupProbe');
    expect(agent['env']).toContainEqual({ name: 'LETTERLOCK_MODE', value: 'init' });
  });

  test('hands the pod’s own settings over, and no dollar sign that the kubelet would expand', () => {
    const template = '$(HOME) is not ours: $PASSWORD << .password >> \\u0024'.replace('$(HOME)', '$HOME');
    const pod = injected(makePod({ annotations: { 'secret-db': 'orders-db/db', 'template-db': template } }));
    const env = agentOf(pod)['env'] as readonly { readonly name: string; readonly value?: string }[];
    const value = env.find(({ name }) => name === 'LETTERLOCK_DELIVERY')!.value!;
    expect(value).not.toContain('$');
    expect(readPodDelivery(value).files).toEqual([{ binding: 'orders-db', secret: 'db', path: 'db', template }]);
  });

  test('names no variable that a Service could fill, and leaves none empty', () => {
    const env = agentOf(injected(makePod(), { settings: { ...settings, instanceKey: undefined } }))['env'];
    for (const { name, value } of env as readonly { readonly name: string; readonly value?: string }[]) {
      expect(name).not.toMatch(/_(?:PORT|HOST|ADDR|PROTO)$/);
      expect(value).not.toBe('');
    }
    expect(env).toContainEqual({ name: 'LETTERLOCK_INSTANCE_KEY', value: 'any' });
  });

  test('does not change its input', () => {
    const pod = makePod({ spec: { initContainers: [{ name: 'migrate' }] } });
    const before = structuredClone(pod);
    injected(pod);
    expect(pod).toEqual(before);
  });

  test('overwrites what another webhook did to the agent', () => {
    const pod = injected(makePod());
    const changed = withAgent(pod, (agent) => ({ ...agent, lifecycle: { postStart: { exec: { command: ['x'] } } } }));
    expect(injected(changed)).toEqual(pod);
  });

  test('takes our volumes out of containers that should not have them', () => {
    const pod = injected(
      makePod({ annotations: { containers: 'app' }, spec: { containers: [{ name: 'app' }, { name: 'web' }] } }),
    );
    const containers = pod.spec.containers.map((container) => ({
      ...container,
      volumeMounts: [...(container.volumeMounts ?? []), { name: 'letterlock-enrolment', mountPath: '/steal' }],
    }));
    const again = injected({ ...pod, spec: { ...pod.spec, containers } });
    expect(JSON.stringify(again)).not.toContain('/steal');
  });

  const container = fc.record({
    name: fc.constantFrom('app', 'web', 'migrate', 'istio-proxy', 'linkerd-proxy', 'logs'),
    restartPolicy: fc.constantFrom(undefined, 'Always'),
    volumeMounts: fc.constantFrom(undefined, [{ name: 'data', mountPath: '/data' }]),
  }) as fc.Arbitrary<Container>;
  const distinct = fc.uniqueArray(container, { selector: ({ name }) => name, maxLength: 4 });
  const pods = fc
    .record({
      containers: distinct,
      initContainers: distinct,
      order: fc.constantFrom('first', 'last'),
      agent: fc.constantFrom('sidecar', 'init'),
      groups: fc.constantFrom(undefined, [1], [65_530]),
      volumes: fc.constantFrom(undefined, [{ name: 'data' }]),
    })
    .map(({ order, agent, groups, ...spec }) =>
      makePod({
        annotations: { order, agent },
        spec: {
          ...(spec as Pod['spec']),
          ...(groups === undefined ? {} : { securityContext: { supplementalGroups: groups } }),
        },
      }),
    );

  test('changes nothing the second time', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const once = injected(pod);
        expect(injected(once)).toEqual(once);
      }),
    );
  });

  test('changes nothing after in-tree admission changed the pod', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const stored = asStored(injected(pod));
        expect(injected(stored)).toEqual(stored);
      }),
    );
  });
});
