/**
 * The chart with everything real: its images, two admins, and the agent's digest as the kubelet reports it.
 * It must never install with a value that a user would not have.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../run/world.ts';

export const serviceNamespace = 'letterlock-deliver';
export const release = 'letterlock';
const chart = join(import.meta.dirname, '../../charts/letterlock');

/** Installs it, and waits until its server is Ready. */
export async function installService(world: World): Promise<void> {
  const certificates = ['anna', 'ben'].map((name) => {
    world.letterlock(`init admin --name ${name}`);
    return readFileSync(join(world.folder, `${name}.crt`), 'utf8');
  });
  const agent = await world.image('agent');
  world.apply([namespaceObject(serviceNamespace)]);
  const values = {
    image: imageValues(await world.image('server')),
    // Images that no registry knows have no digest before a node runs them.
    agent: { image: imageValues(agent), formerDigests: [digestOf(world, agent)] },
    init: { certificates },
  };
  writeFileSync(join(world.folder, 'values.json'), JSON.stringify(values));
  // The definitions outlive a release.
  const words = `install ${release} ${chart} --namespace ${serviceNamespace} --values values.json --take-ownership --wait --timeout 120s`;
  world.helm(words, { seconds: 130 });
}

/** Uninstalls it where it still is. */
export function uninstallService(world: World, ...namespaces: readonly string[]): void {
  const words = `uninstall ${release} --namespace ${serviceNamespace} --ignore-not-found --wait --timeout 60s`;
  world.helm(words, { seconds: 70 });
  const all = [...namespaces, serviceNamespace].join(' ');
  world.kubectl(`delete namespace ${all} --ignore-not-found --timeout=90s`, { seconds: 100 });
}

export function namespaceObject(name: string): object {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function imageValues(image: string): object {
  const slash = image.lastIndexOf('/');
  const colon = image.lastIndexOf(':');
  return { registry: image.slice(0, slash), repository: image.slice(slash + 1, colon), tag: image.slice(colon + 1) };
}

function digestOf(world: World, image: string): string {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'digest', namespace: serviceNamespace },
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
  const inside = `-n ${serviceNamespace}`;
  world.kubectl(`${inside} wait --for=create serviceaccount/default --timeout=30s`);
  world.apply([pod]);
  world.kubectl(`${inside} wait --for=jsonpath={.status.phase}=Succeeded pod/digest --timeout=50s`);
  const id = world.kubectl(`${inside} get pod digest -o jsonpath={.status.containerStatuses[0].imageID}`);
  world.kubectl(`${inside} delete pod digest`);
  const digest = /sha256:[0-9a-f]{64}$/.exec(id)?.[0];
  if (digest === undefined) throw new Error(`Cannot find a digest in ${id}`);
  return digest;
}
