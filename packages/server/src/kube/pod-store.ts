/**
 * Pods by uid and by namespace, as they were last seen.
 * It must never hold a pod that is gone.
 * @module
 */
import type { KubernetesObject } from './kubernetes-object.ts';

export class PodStore {
  readonly #byUid = new Map<string, KubernetesObject>();
  readonly #byNamespace = new Map<string, Map<string, KubernetesObject>>();

  put(pod: KubernetesObject): void {
    const { uid, namespace = '' } = pod.metadata;
    const pods = this.#byNamespace.get(namespace) ?? new Map<string, KubernetesObject>();
    this.#byNamespace.set(namespace, pods);
    pods.set(uid, pod);
    this.#byUid.set(uid, pod);
  }

  delete({ metadata: { uid, namespace = '' } }: KubernetesObject): void {
    this.#byUid.delete(uid);
    const pods = this.#byNamespace.get(namespace);
    pods?.delete(uid);
    if (pods?.size === 0) this.#byNamespace.delete(namespace);
  }

  byUid(uid: string): KubernetesObject | undefined {
    return this.#byUid.get(uid);
  }

  in(namespace: string): Iterable<KubernetesObject> {
    return this.#byNamespace.get(namespace)?.values() ?? [];
  }
}
