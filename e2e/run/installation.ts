/**
 * Installs the chart for a story with everything real: its images, two admins, and the agent's digest as the kubelet reports it.
 * It must never install with a value that a user would not have.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from './world.ts';

/** Name of the release. Of the service there is one in a cluster, so stories that install it come one after the other. */
export const release = 'letterlock';
export const chart = join(import.meta.dirname, '../../charts/letterlock');

/** Values of the chart that these stories give. */
export interface ServiceValues {
  readonly image: object;
  readonly agent: {
    readonly image: object;
    readonly formerDigests: readonly string[];
    readonly [member: string]: unknown;
  };
  readonly init: { readonly certificates: readonly string[] };
  readonly [member: string]: unknown;
}

/** The least values: images of this checkout and two new admins, whose keys are in the folder of the steps. Makes the namespace. */
export async function valuesOf(world: World, namespace: string): Promise<ServiceValues> {
  const certificates = ['anna', 'ben'].map((name) => {
    world.letterlock(`init admin --name ${name} --force`);
    return readFileSync(join(world.folder, `${name}.crt`), 'utf8');
  });
  const agent = await world.image('agent');
  world.apply([namespaceObject(namespace)]);
  return {
    image: imageValues(await world.image('server')),
    // Images that no registry knows have no digest before a node runs them.
    agent: { image: imageValues(agent), formerDigests: [digestOf(world, namespace, agent)] },
    init: { certificates },
  };
}

/** Installs or upgrades, and waits until the server is Ready. */
export function helmApply(world: World, verb: 'install' | 'upgrade', namespace: string, values: object): string {
  writeFileSync(join(world.folder, 'values.json'), JSON.stringify(values));
  // The definitions outlive a release.
  const takeOwnership = verb === 'install' ? '--take-ownership' : '';
  const words = `${verb} ${release} ${chart} --namespace ${namespace} --values values.json ${takeOwnership} --wait --timeout 120s`;
  return world.helm(
    words.split(' ').filter((word) => word !== ''),
    { seconds: 130 },
  );
}

/** Uninstalls it where it still is, and deletes its namespace and others. */
export function uninstallService(world: World, namespace: string, ...others: readonly string[]): void {
  helmUninstall(world, namespace);
  const all = [...others, namespace].join(' ');
  world.kubectl(`delete namespace ${all} --ignore-not-found --timeout=90s`, { seconds: 100 });
}

export function helmUninstall(world: World, namespace: string): void {
  world.helm(`uninstall ${release} --namespace ${namespace} --ignore-not-found --wait --timeout 90s`, { seconds: 100 });
}

/** Waits until the API server is told whom to trust for the webhook: pods that ask can be made from then on. */
export async function webhookTrusted(world: World): Promise<void> {
  await world.eventually('the webhook had no caBundle', () => {
    const path = '{.webhooks[*].clientConfig.caBundle}';
    const words = `get mutatingwebhookconfiguration letterlock-injector -o jsonpath=${path}`;
    return (
      world
        .kubectl(words)
        .split(' ')
        .filter((bundle) => bundle !== '').length === 2
    );
  });
}

/** Under Pod Security `restricted`. */
export function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): object {
  const all = { 'pod-security.kubernetes.io/enforce': 'restricted', ...labels };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: all } };
}

/** `registry/repository:tag` as the chart wants it. */
export function imageValues(image: string): object {
  const slash = image.lastIndexOf('/');
  const colon = image.lastIndexOf(':');
  return { registry: image.slice(0, slash), repository: image.slice(slash + 1, colon), tag: image.slice(colon + 1) };
}

/** Of an image, as this cluster's kubelets report it. Shape: `sha256:…`. */
export function digestOf(world: World, namespace: string, image: string): string {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'digest', namespace },
    spec: {
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'digest',
          image,
          command: ['/nodejs/bin/node', '--version'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
  const inside = `-n ${namespace}`;
  world.kubectl(`${inside} wait --for=create serviceaccount/default --timeout=30s`);
  world.apply([pod]);
  world.kubectl(`${inside} wait --for=jsonpath={.status.phase}=Succeeded pod/digest --timeout=50s`);
  const id = world.kubectl(`${inside} get pod digest -o jsonpath={.status.containerStatuses[0].imageID}`);
  world.kubectl(`${inside} delete pod digest`);
  const digest = /sha256:[0-9a-f]{64}$/.exec(id)?.[0];
  if (digest === undefined) throw new Error(`Cannot find a digest in ${id}`);
  return digest;
}
