/**
 * What this story has: the chart, transient, in its own namespace, and beside it a namespace with a pod that looks injected.
 * It must never depend on the webhook, which would refuse much of it first: the guards must hold alone.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../run/world.ts';

export const serviceNamespace = 'letterlock-guards';
export const shop = 'letterlock-guards-shop';
export const trustDomain = 'guards.example';
/** Of the release; its server and ServiceAccount have fixed names. */
export const release = 'letterlock';
export const serverAccount = 'letterlock-server';
export const chart = join(import.meta.dirname, '../../charts/letterlock');

/** May edit the shop, and nothing else. */
export const editor = '--as=guards-editor';
/** May edit the namespace of the service. */
export const operator = '--as=guards-operator';

const podSecurity = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } };
const containerSecurity = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

/** A volume with a token of this audience. */
export function tokenVolume(name: string, audience: string): object {
  return { name, projected: { sources: [{ serviceAccountToken: { audience, path: 'token' } }] } };
}

/** A container that does nothing. */
export function container(name: string, image: string, more: object = {}): object {
  return { name, image, securityContext: containerSecurity, ...more };
}

/** A pod with an agent as the injector makes one, as far as the guards look. Shape of spec: members that differ. */
export function injectedPod(image: string, name: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: shop,
      labels: { app: 'orders', 'letterlock.dev/inject': 'true' },
      annotations: { 'letterlock.dev/status': 'injected' },
    },
    spec: {
      serviceAccountName: 'orders',
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      securityContext: podSecurity,
      initContainers: [
        container('letterlock-agent', image, {
          restartPolicy: 'Always',
          command: ['sleep', 'infinity'],
          resources: { requests: { cpu: '10m' }, limits: { cpu: '500m' } },
          volumeMounts: [{ name: 'letterlock-enrolment', mountPath: '/enrolment', readOnly: true }],
        }),
      ],
      containers: [
        container('app', image, {
          command: ['sleep', 'infinity'],
          volumeMounts: [{ name: 'letterlock-secrets', mountPath: '/run/letterlock', readOnly: true }],
        }),
      ],
      volumes: [
        tokenVolume('letterlock-enrolment', 'letterlock-test:shop'),
        { name: 'letterlock-secrets', emptyDir: { medium: 'Memory' } },
      ],
      ...spec,
    },
  };
}

/** Two namespaces, each with somebody who may edit it, and a trust bundle that was there before. */
export function makeNamespaces(world: World): void {
  world.apply([
    namespaceObject(serviceNamespace, { 'pod-security.kubernetes.io/enforce': 'restricted' }),
    namespaceObject(shop),
    roleBinding(serviceNamespace, 'guards-operator'),
    roleBinding(shop, 'guards-editor'),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'orders', namespace: shop } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'letterlock-trust', namespace: shop },
      data: { 'bundle.jws': 'x' },
    },
  ]);
}

/** Installs the chart with two admins, and waits for its server. */
export async function installChart(world: World): Promise<void> {
  const certificates = ['anna', 'ben'].map((name) => {
    world.letterlock(`init admin --name ${name}`);
    return readFileSync(join(world.folder, `${name}.crt`), 'utf8');
  });
  const values = {
    image: imageValues(await world.image('server')),
    agent: { image: imageValues(await world.image('app')) },
    ca: { trustDomain },
    init: { certificates },
  };
  writeFileSync(join(world.folder, 'values.json'), JSON.stringify(values));
  const words = `install ${release} ${chart} --namespace ${serviceNamespace} --values values.json --take-ownership`;
  world.note(world.helm(`${words} --wait --timeout 120s`, { seconds: 130 }).split('\n')[0] ?? '');
}

/** `registry/repository:tag` as the chart wants it. */
function imageValues(image: string): object {
  const slash = image.lastIndexOf('/');
  const colon = image.lastIndexOf(':');
  return { registry: image.slice(0, slash), repository: image.slice(slash + 1, colon), tag: image.slice(colon + 1) };
}

function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function roleBinding(namespace: string, user: string): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: user, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  };
}
