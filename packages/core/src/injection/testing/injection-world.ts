/**
 * Settings, pods and reviews for tests of injection: the valid case, to be changed in one field.
 * It must never be shared between tests that change it.
 * @module
 */
import type { AdmissionRequest } from '../admission-request.ts';
import type { InjectionWorld } from '../decide-injection.ts';
import { answerReview } from '../decide-injection.ts';
import { defaultInjectionSettings, type InjectionSettings } from '../injection-settings.ts';
import type { Container, Json, Pod, PodSpec } from '../pod.ts';
import { applyPatch } from './apply-patch.ts';

export const imageDigest = `sha256:${'a1'.repeat(32)}`;
export const imageId = `registry.example/letterlock/agent@${imageDigest}`;

export const settings: InjectionSettings = {
  ...defaultInjectionSettings,
  trustDomain: 'prod.example',
  serviceNamespace: 'letterlock-system',
  directOrigin: 'https://letterlock.letterlock-system.svc:8443',
  agentTarget: 'letterlock.letterlock-system.svc:8444',
  instanceKey: '4zXuyfZCqKhaNN8ryIhRoBckVPHvBaUSEHbDWJmuHTc',
  image: imageId,
  startupCommand: ['/nodejs/bin/node', '/agent/agent.js', 'startup'],
};

export const world: InjectionWorld = { settings, isNamespaceAsking: false, isInitialised: true };

export interface PodChange {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<PodSpec>;
}

/** A pod of one container that asks for injection; annotations are given without the prefix. */
export function makePod(change: PodChange = {}): Pod {
  const annotations = Object.entries({ inject: 'true', ...change.annotations });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: 'orders-',
      namespace: 'shop',
      annotations: Object.fromEntries(annotations.map(([name, value]) => [`letterlock.dev/${name}`, value])),
      ...(change.labels === undefined ? {} : { labels: change.labels }),
    },
    spec: { serviceAccountName: 'orders', containers: [{ name: 'app', image: 'app:1' }], ...change.spec },
  };
}

export function makeReview(object: Json | undefined, change: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    uid: 'f0f0f0f0-0000-4000-8000-000000000000',
    kind: '/v1/Pod',
    subResource: '',
    operation: 'CREATE',
    namespace: 'shop',
    isDryRun: false,
    object,
    ...change,
  };
}

/** The pod after the webhook's patch. */
export function injected(pod: Pod, change: Partial<InjectionWorld> = {}): Pod {
  const { response } = answerReview(makeReview(pod), { ...world, ...change });
  if (!response.response.allowed) throw new Error(response.response.status?.message ?? 'refused');
  const patch = Buffer.from(response.response.patch ?? 'W10=', 'base64').toString('utf8');
  return applyPatch(pod, JSON.parse(patch) as object[]) as Pod;
}

export function agentOf(pod: Pod): Container {
  return (pod.spec.initContainers ?? []).find(({ name }) => name === 'letterlock-agent')!;
}

/** The pod with its agent's container changed. */
export function withAgent(pod: Pod, change: (agent: Container) => Container): Pod {
  const initContainers = (pod.spec.initContainers ?? []).map((container) =>
    container.name === 'letterlock-agent' ? change(container) : container,
  );
  return { ...pod, spec: { ...pod.spec, initContainers } };
}

/** What in-tree admission does to a pod after our patch: a LimitRange, the ServiceAccount's token, priority, tolerations. */
export function asStored(pod: Pod): Pod {
  const mount = {
    name: 'kube-api-access-x7k2p',
    mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
    readOnly: true,
  };
  const change = (container: Container): Container => ({
    ...container,
    resources: { limits: { cpu: '500m', memory: '512Mi' }, requests: { cpu: '100m', memory: '256Mi' } },
    volumeMounts: [...(container.volumeMounts ?? []), mount],
  });
  const { initContainers = [], containers, volumes = [] } = pod.spec;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata?.annotations, 'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu' },
    },
    spec: {
      ...pod.spec,
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      tolerations: [
        { effect: 'NoExecute', key: 'node.kubernetes.io/not-ready', operator: 'Exists', tolerationSeconds: 300 },
      ],
      initContainers: initContainers.map(change),
      containers: containers.map(change),
      volumes: [...volumes, { name: mount.name, projected: { defaultMode: 420, sources: [] } }],
    },
  };
}
