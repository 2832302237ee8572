/**
 * Objects as the API server sends them, checked for what everything else relies on.
 * It must never take an object that has no name, uid or resourceVersion.
 * @module
 */

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [member: string]: unknown;
}

export interface ObjectMeta {
  readonly name: string;
  /** Absent at cluster scope. */
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
}

/** Undefined for what is not an object of the API. */
export function readObject(value: unknown): KubernetesObject | undefined {
  if (!isRecord(value) || !isRecord(value['metadata'])) return undefined;
  const { name, uid, resourceVersion, namespace } = value['metadata'];
  const isWhole = [name, uid, resourceVersion].every((text) => typeof text === 'string' && text !== '');
  if (!isWhole || (namespace !== undefined && typeof namespace !== 'string')) return undefined;
  return value as unknown as KubernetesObject;
}

/** `namespace/name`, or the name alone at cluster scope. */
export function keyOf({ metadata }: KubernetesObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
