/**
 * The pods of this story: honest ones, and such whose agent never gets through, so that the test can stand in for it.
 * It must never change what the injector wrote: who stands in has the agent's token, its address and nothing else.
 * @module
 */
import type { World } from '../run/world.ts';
import { podSpec } from '../run/workloads.ts';
import { ci, serviceNamespace } from './names.ts';
import type { Place } from './tunnel.ts';

/** A container of the thief's, which is there before the agent. */
export const placeContainer = 'place';

export const placeIn = (pod: string): Place => ({ namespace: ci, pod, container: placeContainer });

/** Asks to be injected, as a writer; its agent finds nobody where the service should be. */
export function heldUpPod(image: string, name: string, serviceAccountName = 'deployer'): object {
  const spec = podSpec(image, serviceAccountName) as { readonly containers: readonly [object] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: ci,
      annotations: { 'letterlock.dev/inject': 'true', 'letterlock.dev/writer': 'true', 'letterlock.dev/order': 'last' },
    },
    spec: {
      ...spec,
      hostAliases: [{ ip: '127.0.0.1', hostnames: [`letterlock.${serviceNamespace}.svc`] }],
      initContainers: [{ ...spec.containers[0], name: placeContainer, restartPolicy: 'Always' }],
    },
  };
}

/** Waits until the kubelet says that the agent runs, and where: before that the service waits too. */
export async function untilAgentRuns(world: World, pod: string): Promise<void> {
  const agent = `{.status.podIP} {.status.initContainerStatuses[?(@.name=="letterlock-agent")].state.running.startedAt}`;
  await world.eventually(
    `the agent of ${pod} did not run`,
    () => /^\S+ \S+$/.test(world.kubectl(['-n', ci, 'get', 'pod', pod, '-o', `jsonpath=${agent}`])),
    120,
  );
}

/** Ends the process of an agent, past the guard: nodes/proxy is the kubelet itself. */
export function endAgent(world: World, pod: string): void {
  const { spec } = world.read(`-n ${ci} pod ${pod}`) as { readonly spec: { readonly nodeName: string } };
  const command = encodeURIComponent('/nodejs/bin/node -e process.kill(1)');
  const path = `/api/v1/nodes/${spec.nodeName}/proxy/run/${ci}/${pod}/letterlock-agent?cmd=${command}`;
  world.kubectl(['create', '--raw', path, '-f', '-'], { input: '' });
}
