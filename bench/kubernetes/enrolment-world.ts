/**
 * Any number of injected pods and their tokens, as an API server shows them, for the measurement of enrolments.
 * It must never be used where something is to be protected: every token is genuine.
 * @module
 */
import { decideInjection, defaultInjectionSettings, inject, type InjectionSettings } from '@letterlock/core';

const namespace = 'shop';
const serviceAccount = 'orders';
export const imageDigest = `sha256:${'a1'.repeat(32)}`;

export const injectionSettings: InjectionSettings = {
  ...defaultInjectionSettings,
  trustDomain: 'bench.example',
  serviceNamespace: 'letterlock-system',
  directOrigin: 'https://letterlock.letterlock-system.svc:8443',
  agentTarget: 'letterlock.letterlock-system.svc:9443',
  instanceKey: undefined,
  image: `registry.example/letterlock-agent@${imageDigest}`,
  startupCommand: ['/nodejs/bin/node', '/app/lib/letterlock-agent.js', 'startup'],
};

const uidOf = (number: number): string => `0f4a1c7e-2b39-4c52-9c0e-${String(number).padStart(12, '0')}`;

/** Of the API server, for the token `token-<number>`. */
export function statusOf(token: string, audience: string): object {
  const number = numberOf(token);
  return {
    authenticated: true,
    user: {
      username: `system:serviceaccount:${namespace}:${serviceAccount}`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/node-name': ['node-1'],
        'authentication.kubernetes.io/pod-name': [`orders-${number}`],
        'authentication.kubernetes.io/pod-uid': [uidOf(number)],
      },
    },
    audiences: [audience],
  };
}

const decision = decideInjection(
  {
    uid: uidOf(0),
    kind: '/v1/Pod',
    subResource: '',
    operation: 'CREATE',
    namespace,
    isDryRun: false,
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, annotations: { 'letterlock.dev/inject': 'true' } },
      spec: { serviceAccountName: serviceAccount, containers: [{ name: 'app', image: 'app:1' }] },
    },
  },
  { settings: injectionSettings, isNamespaceAsking: false, isInitialised: true },
);
if (decision.do !== 'inject') throw new TypeError(`Cannot measure: the pod is not injected, ${decision.reason}`);
const injected = inject(decision.pod, decision.request, injectionSettings);

/** The live pod of a name. */
export function podOf(name: string): object {
  const number = numberOf(name);
  return {
    ...injected,
    metadata: { ...injected.metadata, name, uid: uidOf(number) },
    spec: { ...injected.spec, nodeName: 'node-1' },
    status: {
      phase: 'Pending',
      podIP: '127.0.0.1',
      podIPs: [{ ip: '127.0.0.1' }],
      initContainerStatuses: [
        {
          name: 'letterlock-agent',
          containerID: `containerd://${number}`,
          imageID: injectionSettings.image,
          restartCount: 0,
          state: { running: { startedAt: '2026-11-24T12:00:00Z' } },
        },
      ],
    },
  };
}

function numberOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}
