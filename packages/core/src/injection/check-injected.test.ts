import { describe, expect, test } from '@jest/globals';
import { checkInjected, type AgentStatus, type WrittenForms } from './check-injected.ts';
import type { Container, Pod, Volume } from './pod.ts';
import {
  agentOf,
  asStored,
  imageDigest,
  imageId,
  injected,
  makePod,
  settings,
  withAgent,
} from './testing/injection-world.ts';

const annotations = { 'secret-db': 'orders-db/db', writer: 'true' };
const live = asStored(injected(makePod({ annotations })));
const status: AgentStatus = { imageId };
const forms: WrittenForms = { settings: [settings], imageDigests: [imageDigest] };

function check(pod: Pod, change: Partial<AgentStatus> = {}, others: Partial<WrittenForms> = {}): string {
  const result = checkInjected(pod, { ...status, ...change }, { ...forms, ...others });
  return result.isInjected ? 'injected' : result.reason;
}
const agent = (change: (container: Container) => Container): Pod => withAgent(live, change);
const spec = (change: Partial<Pod['spec']>): Pod => ({ ...live, spec: { ...live.spec, ...change } });
const volume = (name: string, change: (found: Volume) => Volume): Pod =>
  spec({ volumes: live.spec.volumes!.map((found) => (found.name === name ? change(found) : found)) });
const annotated = (change: Readonly<Record<string, string>>): Pod => ({
  ...live,
  metadata: { ...live.metadata, annotations: { ...live.metadata?.annotations, ...change } },
});
const mounting = (name: string): Container => ({ name: 'other', volumeMounts: [{ name, mountPath: '/x' }] });
const context = agentOf(live)['securityContext'] as object;
const probe = agentOf(live)['startupProbe'] as object;
const env = agentOf(live)['env'] as readonly object[];
const mounts = agentOf(live).volumeMounts!;

describe('checkInjected()', () => {
  test.each([
    { name: 'as the injector wrote it', pod: injected(makePod({ annotations })) },
    { name: 'as it is stored', pod: live },
    { name: 'of agent: init', pod: asStored(injected(makePod({ annotations: { agent: 'init' } }))) },
    {
      name: 'without the ServiceAccount’s token',
      pod: agent(({ volumeMounts, ...rest }) => ({ ...rest, volumeMounts: volumeMounts!.slice(0, 3) })),
    },
    {
      name: 'with other resources',
      pod: agent((container) => ({ ...container, resources: { limits: { memory: '1Gi' } } })),
    },
    { name: 'without resources', pod: agent(({ resources: _resources, ...rest }) => rest) },
    { name: 'with another status annotation', pod: annotated({ 'letterlock.dev/status': 'anything' }) },
    { name: 'with annotations of others', pod: annotated({ 'example.com/x': '{{' }) },
    {
      name: 'with members in another order',
      pod: agent((container) => Object.fromEntries(Object.entries(container).toReversed()) as unknown as Container),
    },
  ])('accepts a pod $name', ({ pod }) => {
    expect(check(pod)).toBe('injected');
  });

  test('accepts what earlier settings wrote, and only while they are listed', () => {
    const before = { ...settings, directOrigin: 'https://old.example:8443' };
    expect(check(live, {}, { settings: [{ ...settings, logLevel: 'debug' }, settings] })).toBe('injected');
    expect(check(live, {}, { settings: [before] })).toBe('agent_container');
  });

  test('does not accept halves of two forms', () => {
    const other = { ...settings, trustDomain: 'other.example' };
    const volumes = JSON.parse(
      JSON.stringify(live.spec.volumes).replaceAll('prod.example', 'other.example'),
    ) as Volume[];
    const mixed = spec({ volumes });
    expect(check(mixed, {}, { settings: [settings, other] })).toBe('agent_volumes');
  });

  test.each([
    { name: 'the container is missing', pod: spec({ initContainers: [] }), is: 'agent_missing' },
    {
      name: 'it is a regular container',
      pod: spec({ initContainers: [], containers: [agentOf(live)] }),
      is: 'agent_missing',
    },
    { name: 'it is there twice', pod: spec({ initContainers: [agentOf(live), agentOf(live)] }), is: 'agent_repeated' },
    {
      name: 'another has its name',
      pod: spec({ containers: [...live.spec.containers, { name: 'letterlock-agent' }] }),
      is: 'agent_repeated',
    },
    {
      name: 'an annotation is not readable',
      pod: annotated({ 'letterlock.dev/unknown': 'x' }),
      is: 'agent_annotations',
    },
    {
      name: 'an annotation asks for something else',
      pod: annotated({ 'letterlock.dev/log-level': 'debug' }),
      is: 'agent_container',
    },
    {
      name: 'another image',
      pod: agent((container) => ({ ...container, image: 'evil@sha256:0' })),
      is: 'agent_container',
    },
    { name: 'arguments', pod: agent((container) => ({ ...container, args: ['-e', 'x'] })), is: 'agent_container' },
    {
      name: 'a command',
      pod: agent((container) => ({ ...container, command: ['node', '-e', 'x'] })),
      is: 'agent_container',
    },
    {
      name: 'a hook',
      pod: agent((container) => ({ ...container, lifecycle: { preStop: {} } })),
      is: 'agent_container',
    },
    {
      name: 'another probe',
      pod: agent((container) => ({ ...container, startupProbe: { ...probe, exec: { command: ['x'] } } })),
      is: 'agent_container',
    },
    {
      name: 'one probe more',
      pod: agent((container) => ({ ...container, livenessProbe: { exec: { command: ['x'] } } })),
      is: 'agent_container',
    },
    {
      name: 'another variable',
      pod: agent((container) => ({
        ...container,
        env: [...env, { name: 'NODE_OPTIONS', value: '--inspect' }] as never,
      })),
      is: 'agent_container',
    },
    {
      name: 'one variable fewer',
      pod: agent((container) => ({ ...container, env: env.slice(1) as never })),
      is: 'agent_container',
    },
    {
      name: 'variables from elsewhere',
      pod: agent((container) => ({ ...container, envFrom: [{ configMapRef: { name: 'x' } }] })),
      is: 'agent_container',
    },
    { name: 'an input', pod: agent((container) => ({ ...container, stdin: true })), is: 'agent_container' },
    {
      name: 'a working directory',
      pod: agent((container) => ({ ...container, workingDir: '/x' })),
      is: 'agent_container',
    },
    {
      name: 'another user',
      pod: agent((container) => ({ ...container, securityContext: { ...context, runAsUser: 0 } })),
      is: 'agent_container',
    },
    {
      name: 'capabilities',
      pod: agent((container) => ({
        ...container,
        securityContext: { ...context, capabilities: { add: ['SYS_PTRACE'] } },
      })),
      is: 'agent_container',
    },
    {
      name: 'one mount more',
      pod: agent((container) => ({ ...container, volumeMounts: [...mounts, { name: 'x', mountPath: '/agent' }] })),
      is: 'agent_container',
    },
    {
      name: 'two mounts of a ServiceAccount’s token',
      pod: agent((container) => ({ ...container, volumeMounts: [...mounts, mounts[3]!] })),
      is: 'agent_container',
    },
    {
      name: 'the token’s mount at another place',
      pod: agent((container) => ({
        ...container,
        volumeMounts: [...mounts.slice(0, 3), { ...mounts[3]!, mountPath: '/agent' }],
      })),
      is: 'agent_container',
    },
    {
      name: 'the token’s mount of another volume',
      pod: agent((container) => ({
        ...container,
        volumeMounts: [...mounts.slice(0, 3), { ...mounts[3]!, name: 'mine' }],
      })),
      is: 'agent_container',
    },
    {
      name: 'the token’s mount of a part of it',
      pod: agent((container) => ({
        ...container,
        volumeMounts: [...mounts.slice(0, 3), { ...mounts[3]!, subPath: 'x' }],
      })),
      is: 'agent_container',
    },
    {
      name: 'it does not restart',
      pod: agent(({ restartPolicy: _restartPolicy, ...rest }) => rest),
      is: 'agent_container',
    },
    {
      name: 'a trust volume that is the pod’s own',
      pod: volume('letterlock-trust', ({ name }) => ({ name, configMap: { name: 'mine' } })),
      is: 'agent_volumes',
    },
    {
      name: 'secrets on a disk',
      pod: volume('letterlock-secrets', ({ name }) => ({ name, emptyDir: {} })),
      is: 'agent_volumes',
    },
    {
      name: 'secrets on the node',
      pod: volume('letterlock-secrets', ({ name }) => ({ name, hostPath: { path: '/x' } })),
      is: 'agent_volumes',
    },
    {
      name: 'another audience',
      pod: volume(
        'letterlock-enrolment',
        (found) => JSON.parse(JSON.stringify(found).replace('prod', 'other')) as Volume,
      ),
      is: 'agent_volumes',
    },
    {
      name: 'no writer’s volume for a writer',
      pod: spec({ volumes: live.spec.volumes!.filter(({ name }) => name !== 'letterlock-writer') }),
      is: 'agent_volumes',
    },
    {
      name: 'a volume twice',
      pod: spec({ volumes: [...live.spec.volumes!, live.spec.volumes![0]!] }),
      is: 'agent_volumes',
    },
    {
      name: 'an init container with the enrolment token',
      pod: spec({ initContainers: [...live.spec.initContainers!, mounting('letterlock-enrolment')] }),
      is: 'enrolment_volume_shared',
    },
    {
      name: 'a container with the enrolment token',
      pod: spec({ containers: [...live.spec.containers, mounting('letterlock-enrolment')] }),
      is: 'enrolment_volume_shared',
    },
    {
      name: 'an ephemeral container with the enrolment token',
      pod: spec({ ephemeralContainers: [mounting('letterlock-enrolment')] }),
      is: 'enrolment_volume_shared',
    },
    {
      name: 'the audience in another volume',
      pod: spec({ volumes: [...live.spec.volumes!, { ...live.spec.volumes![0]!, name: 'mine' }] }),
      is: 'enrolment_audience_elsewhere',
    },
    {
      name: 'a debugger at the agent',
      pod: spec({ ephemeralContainers: [{ name: 'debug', targetContainerName: 'letterlock-agent' }] }),
      is: 'agent_debugged',
    },
    { name: 'one process namespace', pod: spec({ shareProcessNamespace: true }), is: 'host_namespaces' },
    { name: 'the host’s processes', pod: spec({ hostPID: true }), is: 'host_namespaces' },
  ])('refuses: $name', ({ pod, is }) => {
    expect(check(pod)).toBe(is);
  });

  test.each([
    { name: 'another digest', imageId: `x@sha256:${'b2'.repeat(32)}` },
    { name: 'no digest', imageId: 'registry.example/letterlock/agent:1' },
    { name: 'the digest as a tag', imageId: `${imageDigest.slice(7)}@sha256:${'b2'.repeat(32)}` },
    { name: 'something behind the digest', imageId: `${imageId}0` },
    { name: 'nothing', imageId: '' },
  ])('refuses an image of $name', ({ imageId: other }) => {
    expect(check(live, { imageId: other })).toBe('agent_image');
  });

  test.each([
    { name: 'pulled', imageId },
    { name: 'imported', imageId: imageDigest },
    { name: 'pulled, as Docker says it', imageId: `docker-pullable://${imageId}` },
  ])('accepts an image that was $name', ({ imageId: same }) => {
    expect(check(live, { imageId: same })).toBe('injected');
  });
});
