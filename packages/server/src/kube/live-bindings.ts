/**
 * SecretBindings and pods as the informers know them now: what rights rest on.
 * It must never know a binding that terminates or cannot be read, nor select a pod that has ended.
 * @module
 */
import { isSelected, readBinding, type Binding, type LiveBinding, type LiveBindings } from '@letterlock/core';
import { isRecord, type KubernetesObject } from './kubernetes-object.ts';

interface Followed {
  get(key: string): KubernetesObject | undefined;
  readonly objects: Iterable<KubernetesObject>;
}

/** A pod as it counts here. */
export interface LivePod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface LiveWorld extends LiveBindings {
  /** Live pods that a binding selects, by ServiceAccount and labels. */
  podsOf(binding: Binding): readonly LivePod[];
}

/** @param o - `podOf`: by uid, from what is kept of pods */
export function createLiveWorld(o: {
  readonly bindings: Followed;
  readonly pods: {
    byUid(uid: string): KubernetesObject | undefined;
    in(namespace: string): Iterable<KubernetesObject>;
  };
  readonly isCurrent: () => boolean;
}): LiveWorld {
  const liveOf = (object: KubernetesObject | undefined): LiveBinding | undefined => {
    if (object === undefined) return undefined;
    const binding = readBinding(object);
    if ('fault' in binding || binding.isTerminating) return undefined;
    return {
      ...binding,
      selectsPod: (uid) => {
        const pod = readLivePod(o.pods.byUid(uid));
        return pod !== undefined && isPodOf(binding, pod);
      },
    };
  };
  return {
    isCurrent: o.isCurrent,
    bindingOf: (namespace, name) => liveOf(o.bindings.get(`${namespace}/${name}`)),
    bindingsIn: (namespace) =>
      [...o.bindings.objects].flatMap((object) => {
        const live = object.metadata.namespace === namespace ? liveOf(object) : undefined;
        return live === undefined ? [] : [live];
      }),
    podsOf: (binding) =>
      [...o.pods.in(binding.namespace)].flatMap((object) => {
        const pod = readLivePod(object);
        return pod !== undefined && isPodOf(binding, pod) ? [pod] : [];
      }),
  };
}

function isPodOf(binding: Binding, pod: LivePod): boolean {
  return (
    pod.namespace === binding.namespace &&
    binding.serviceAccountNames.includes(pod.serviceAccount) &&
    isSelected(binding.podSelector, pod.labels)
  );
}

/** Undefined for a pod that terminates or has ended. */
function readLivePod(pod: KubernetesObject | undefined): LivePod | undefined {
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const status = isRecord(pod['status']) ? pod['status'] : {};
  if (status['phase'] === 'Succeeded' || status['phase'] === 'Failed') return undefined;
  const spec = isRecord(pod['spec']) ? pod['spec'] : {};
  const { namespace = '', name, uid, labels = {} } = pod.metadata;
  const serviceAccount = typeof spec['serviceAccountName'] === 'string' ? spec['serviceAccountName'] : 'default';
  return { namespace, name, uid, serviceAccount, labels };
}
