/**
 * Finds pods that ask for an agent and have none, and says so at each until it is gone or made again.
 * It must never change or delete a pod.
 * @module
 */
import { isLeftOut } from '@letterlock/core';
import { kubernetesGroup } from '@letterlock/protocol';
import type { ControllerView, Reconcile } from './controller-ports.ts';
import { isRecord } from './kubernetes-object.ts';

const injectLabel = `${kubernetesGroup}/inject`;
const sayAgainSeconds = 600;

/** @returns for `namespace/name` of a pod */
export function createLeftOutFinder({ options, pods, namespaces, leftOut }: ControllerView): Reconcile {
  const { injection, events } = options;
  return async (key) => {
    const pod = pods.get(key);
    if (pod === undefined || injection === undefined) return undefined;
    const { namespace = '', name, uid, deletionTimestamp } = pod.metadata;
    const status = isRecord(pod['status']) ? pod['status'] : {};
    const hasEnded = status['phase'] === 'Succeeded' || status['phase'] === 'Failed' || deletionTimestamp !== undefined;
    const isNamespaceAsking = namespaces.get(namespace)?.metadata.labels?.[injectLabel] === 'enabled';
    if (hasEnded || !isLeftOut(pod, { settings: injection, isNamespaceAsking })) {
      leftOut.delete(uid);
      return undefined;
    }
    leftOut.add(uid);
    events.record(
      { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
      {
        type: 'Warning',
        reason: 'NotInjected',
        message: `It asks for the agent of Letterlock and has none, since the webhook did not see it when it was made. Have it made again: kubectl -n ${namespace} delete pod ${name}`,
      },
    );
    return sayAgainSeconds;
  };
}
