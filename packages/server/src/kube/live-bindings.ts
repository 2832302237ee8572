/**
 * SecretBindings and pods as the informers know them now: what rights rest on.
 * It must never know a binding that terminates or cannot be read, nor select a pod that has ended.
 * @module
 */
import { isSelected, readBinding, type Binding, type LiveBinding, type LiveBindings } from '@letterlock/core';
import { isRecord, type KubernetesObject } from './kubernetes-object.ts';

interface Followed {
  get(key: string): KubernetesObject | undefined;
  in(namespace: string): Iterable<KubernetesObject>;
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
  /** Bindings that select a pod, also one that has ended. */
  bindingsOf(pod: KubernetesObject): readonly LiveBinding[];
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
  const read = new WeakMap<KubernetesObject, ReturnType<typeof readBinding>>();
  const readOnce = (object: KubernetesObject): ReturnType<typeof readBinding> => {
    const binding = read.get(object) ?? readBinding(object);
    read.set(object, binding);
    return binding;
  };
  const liveOf = (object: KubernetesObject | undefined): (LiveBinding & Pick<Binding, 'podSelector'>) | undefined => {
    if (object === undefined) return undefined;
    const binding = readOnce(object);
    if ('fault' in binding || binding.isTerminating) return undefined;
    return {
      ...binding,
      selectsPod: (uid) => {
        const pod = readLivePod(o.pods.byUid(uid));
        return pod !== undefined && isPodOf(binding, pod);
      },
    };
  };
  const bindingsIn = (namespace: string): readonly (LiveBinding & Pick<Binding, 'podSelector'>)[] =>
    [...o.bindings.in(namespace)].flatMap((object) => liveOf(object) ?? []);
  return {
    isCurrent: o.isCurrent,
    bindingOf: (namespace, name) => liveOf(o.bindings.get(`${namespace}/${name}`)),
    bindingsIn,
    bindingsOf: (object) => {
      const pod = readPod(object);
      return bindingsIn(pod.namespace).filter((binding) => isPodOf(binding, pod));
    },
    podsOf: (binding) =>
      [...o.pods.in(binding.namespace)].flatMap((object) => {
        const pod = readLivePod(object);
        return pod !== undefined && isPodOf(binding, pod) ? [pod] : [];
      }),
  };
}

function isPodOf(binding: Pick<Binding, 'namespace' | 'serviceAccountNames' | 'podSelector'>, pod: LivePod): boolean {
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
  return readPod(pod);
}

function readPod(pod: KubernetesObject): LivePod {
  const spec = isRecord(pod['spec']) ? pod['spec'] : {};
  const { namespace = '', name, uid, labels = {} } = pod.metadata;
  const serviceAccount = typeof spec['serviceAccountName'] === 'string' ? spec['serviceAccountName'] : 'default';
  return { namespace, name, uid, serviceAccount, labels };
}
