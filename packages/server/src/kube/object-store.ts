/**
 * Objects by uid and by namespace, as they were last seen.
 * It must never hold an object that is gone.
 * @module
 */
import type { KubernetesObject } from './kubernetes-object.ts';

export class ObjectStore {
  readonly #byUid = new Map<string, KubernetesObject>();
  readonly #byNamespace = new Map<string, Map<string, KubernetesObject>>();

  put(object: KubernetesObject): void {
    const { uid, namespace = '' } = object.metadata;
    const objects = this.#byNamespace.get(namespace) ?? new Map<string, KubernetesObject>();
    this.#byNamespace.set(namespace, objects);
    objects.set(uid, object);
    this.#byUid.set(uid, object);
  }

  delete({ metadata: { uid, namespace = '' } }: KubernetesObject): void {
    this.#byUid.delete(uid);
    const objects = this.#byNamespace.get(namespace);
    objects?.delete(uid);
    if (objects?.size === 0) this.#byNamespace.delete(namespace);
  }

  byUid(uid: string): KubernetesObject | undefined {
    return this.#byUid.get(uid);
  }

  in(namespace: string): Iterable<KubernetesObject> {
    return this.#byNamespace.get(namespace)?.values() ?? [];
  }
}
