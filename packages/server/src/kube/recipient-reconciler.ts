/**
 * One SecretRecipient for each pod that receives: gathers what is known of the pod, lets core decide, and applies.
 * It must never decide, nor touch a recipient of another pod of the same name but to delete it.
 * @module
 */
import {
  decideRecipient,
  readObservedPod,
  type ObservedPod,
  type RecipientDecision,
  type RecipientStatus,
} from '@letterlock/core';
import { pathOf } from './api-client.ts';
import { hasStatus } from './api-error.ts';
import { applyObject, fieldManagers } from './apply.ts';
import { apiVersion, type ControllerView, type Reconcile } from './controller-ports.ts';
import { isRecord, keyOf, type KubernetesObject } from './kubernetes-object.ts';
import { isSame } from './same-object.ts';

const kind = 'SecretRecipient';
const resource = 'secretrecipients';
const soonSeconds = 1;

/** What is decided about a pod as things are. */
export interface GatheredRecipient {
  readonly pod: ObservedPod;
  readonly bindings: readonly string[];
  readonly decision: RecipientDecision;
}

/** @returns undefined for a pod without an agent */
export function gatherRecipient(view: ControllerView, object: KubernetesObject): GatheredRecipient | undefined {
  const pod = readObservedPod(object);
  if (pod === undefined) return undefined;
  const { options, world, observed, recipients } = view;
  const bindings = world
    .bindingsOf(object)
    .map(({ name }) => name)
    .filter((name) => pod.onlyBindings?.includes(name) ?? true)
    .toSorted();
  const decision = decideRecipient({
    nowSeconds: options.nowSeconds(),
    pod,
    records: options.unsealed()?.recordsOf(pod.uid),
    bindings: bindings.map(
      (name) => observed.get(`${pod.namespace}/${name}`) ?? { name, secrets: undefined, waiting: undefined },
    ),
    service: options.service,
    isNew: !isRecord(recipients.get(keyOf(object))?.['status']),
  });
  return { pod, bindings, decision };
}

/** @returns for `namespace/name` of a pod */
export function createRecipientReconciler(view: ControllerView): Reconcile {
  const { options, pods, recipients } = view;
  const { api, events } = options;
  return async (key) => {
    const object = pods.get(key);
    const gathered = object === undefined ? undefined : gatherRecipient(view, object);
    if (gathered === undefined) return undefined;
    const { pod, bindings, decision } = gathered;
    const { namespace, name, uid } = pod;
    if (decision.waiting !== undefined) {
      events.record({ apiVersion: 'v1', kind: 'Pod', namespace, name, uid }, { type: 'Warning', ...decision.waiting });
    }
    const before = recipients.get(key);
    const spec = specOf(pod, bindings);
    if (before !== undefined && isRecord(before['spec']) && before['spec']['podUid'] !== uid) {
      await remove(before);
      return soonSeconds;
    }
    // A pod that only writes receives nothing.
    if (before === undefined && (bindings.length === 0 || pod.hasEnded)) return decision.requeueAfterSeconds;
    if (before === undefined || !isSame(before['spec'], spec)) {
      await applyObject(api, { object: objectOf(pod, spec), resource, manager: fieldManagers.controller });
    }
    await applyStatus(pod, before?.['status'], decision.status);
    return decision.requeueAfterSeconds;
  };

  async function applyStatus(pod: ObservedPod, before: unknown, status: RecipientStatus | undefined): Promise<void> {
    if (status === undefined || isSame(before, status)) return;
    const metadata = { name: pod.name, namespace: pod.namespace };
    await applyObject(api, {
      object: { apiVersion, kind, metadata, status },
      resource,
      subresource: 'status',
      manager: fieldManagers.controller,
    });
  }

  /** Of an earlier pod of the same name, such as a StatefulSet's: its owner is gone, and it will be collected in its time. */
  async function remove({ metadata: { namespace = '', name, uid } }: KubernetesObject): Promise<void> {
    try {
      await api.ask({
        method: 'DELETE',
        path: pathOf({ apiVersion, resource, namespace, name }),
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } },
      });
    } catch (error) {
      if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
    }
  }
}

function specOf({ name, uid, serviceAccount, nodeName }: ObservedPod, bindings: readonly string[]) {
  return {
    podName: name,
    podUid: uid,
    serviceAccountName: serviceAccount,
    ...(nodeName === undefined ? {} : { nodeName }),
    bindings,
  };
}

/** It goes with its pod. */
function objectOf({ namespace, name, uid }: ObservedPod, spec: object) {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  return { apiVersion, kind, metadata: { name, namespace, ownerReferences }, spec };
}
