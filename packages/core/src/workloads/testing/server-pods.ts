/**
 * Replicas of the service as pods of one StatefulSet, in the form in which an API server gives them, and one that signs for them.
 * It must never be used outside tests.
 * @module
 */
import type { TokenFacts } from '../../proof/token-review.ts';
import type { BootWitness, OwnPod } from '../kubernetes-attestor.ts';
import { FakeWitness } from './fake-witness.ts';

export const serverNamespace = 'letterlock-system';
export const serverImage = `sha256:${'5e'.repeat(32)}`;
const statefulSetUid = '0b9d8f3e-61c2-4d0e-9a55-2f6f0c7b1a10';

/** A pod of the StatefulSet. @param ordinal - its number, and what tells it from the others */
export function serverPod(ordinal: number) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `letterlock-server-${ordinal}`,
      namespace: serverNamespace,
      uid: `7c1d2e3f-0000-4000-8000-00000000000${ordinal}`,
      labels: { 'app.kubernetes.io/name': 'letterlock' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          name: 'letterlock-server',
          uid: statefulSetUid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      serviceAccountName: 'letterlock-server',
      nodeName: 'node-1',
      containers: [{ name: 'server', image: 'registry.example/letterlock/server:1.0.0' }],
    },
    status: {
      phase: 'Running',
      podIP: `10.244.0.${10 + ordinal}`,
      podIPs: [{ ip: `10.244.0.${10 + ordinal}` }],
      containerStatuses: [
        {
          name: 'server',
          ready: false,
          restartCount: 0,
          image: 'registry.example/letterlock/server:1.0.0',
          imageID: `registry.example/letterlock/server@${serverImage}`,
          containerID: `containerd://c0ffee${ordinal}`,
          state: { running: { startedAt: '2026-11-24T12:00:00Z' } },
        },
      ],
    },
  };
}
export type ServerPodObject = ReturnType<typeof serverPod>;

/** Signs tokens as the API server does: for whose pod they are asked, and this audience alone. */
export class FakeBootWitness extends FakeWitness implements BootWitness {
  #issued = 0;

  requestBootToken(pod: OwnPod, audience: string): Promise<string> {
    return Promise.resolve(this.issue(pod, audience));
  }

  /** What somebody who may mint tokens makes of any pod and audience. */
  issue({ namespace, serviceAccount, name, uid }: OwnPod, audience: string): string {
    this.#issued += 1;
    const token = `header.token-${this.#issued}.signature`;
    const facts: TokenFacts = { namespace, serviceAccount, podName: name, podUid: uid };
    this.tokens.set(token, { facts, audience });
    return token;
  }

  put(pod: ServerPodObject): void {
    this.pods.set(`${pod.metadata.namespace}/${pod.metadata.name}`, pod);
  }
}
