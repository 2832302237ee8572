/**
 * A pod as JSON, as far as injection looks at it; every other member travels through untouched.
 * It must never give a default to what the API server left out.
 * @module
 */

/** JSON as the API server sends it. A member that is undefined counts as absent. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };
export type JsonObject = { readonly [name: string]: Json | undefined };

export interface VolumeMount extends JsonObject {
  readonly name: string;
  readonly mountPath: string;
}
export interface Container extends JsonObject {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly volumeMounts?: readonly VolumeMount[];
}
export interface Volume extends JsonObject {
  readonly name: string;
}
export interface PodSpec extends JsonObject {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly securityContext?: JsonObject;
}
export interface PodMetadata extends JsonObject {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: { readonly [name: string]: string };
  readonly annotations?: { readonly [name: string]: string };
}
export interface Pod extends JsonObject {
  readonly metadata?: PodMetadata;
  readonly spec: PodSpec;
}

/** Groups of containers in a pod, in the order in which they start. */
export const containerGroups = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** All containers of a pod. */
export function containersOf(pod: Pod): readonly Container[] {
  return containerGroups.flatMap((group) => pod.spec[group] ?? []);
}

export function mountsOf(container: Container): readonly VolumeMount[] {
  return container.volumeMounts ?? [];
}

/**
 * Reads a pod from JSON: the members that injection touches must have their types. Others are the API server's to check.
 * @returns undefined for anything else.
 */
export function readPod(value: unknown): Pod | undefined {
  if (!isObject(value) || !isObject(value['spec'])) return undefined;
  const { metadata, spec } = value as { readonly metadata?: unknown; readonly spec: Readonly<Record<string, unknown>> };
  const isRight =
    isMetadata(metadata) &&
    Array.isArray(spec['containers']) &&
    containerGroups.every((group) => isList(spec[group], isContainer)) &&
    isList(spec['volumes'], isNamed) &&
    (isNothing(spec['securityContext']) || isObject(spec['securityContext']));
  return isRight ? withoutNulls(value as unknown as Pod) : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNothing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function isMetadata(value: unknown): boolean {
  return isNothing(value) || (isObject(value) && isTextMap(value['labels']) && isTextMap(value['annotations']));
}

function isTextMap(value: unknown): boolean {
  return isNothing(value) || (isObject(value) && Object.values(value).every((text) => typeof text === 'string'));
}

function isList(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return isNothing(value) || (Array.isArray(value) && value.every(isItem));
}

function isNamed(value: unknown): boolean {
  return isObject(value) && typeof value['name'] === 'string';
}

function isContainer(value: unknown): boolean {
  return isNamed(value) && isList((value as Readonly<Record<string, unknown>>)['volumeMounts'], isMount);
}

function isMount(value: unknown): boolean {
  return isNamed(value) && typeof (value as Readonly<Record<string, unknown>>)['mountPath'] === 'string';
}

/** `null` for a list or map means the same as its absence; it is dropped where it would be in the way. */
function withoutNulls(pod: Pod): Pod {
  const drop = <T extends object>(object: T, names: readonly string[]): T =>
    Object.fromEntries(
      Object.entries(object).filter(([name, value]) => !(value === null && names.includes(name))),
    ) as unknown as T;
  const containers = (list: readonly Container[]): readonly Container[] =>
    list.map((container) => drop(container, ['volumeMounts']));
  const spec = drop(pod.spec, [...containerGroups, 'volumes', 'securityContext']);
  const { metadata } = pod;
  return {
    ...drop(pod, ['metadata']),
    ...(isNothing(metadata) ? {} : { metadata: drop(metadata, ['labels', 'annotations']) }),
    spec: {
      ...spec,
      containers: containers(spec.containers),
      ...(spec.initContainers === undefined ? {} : { initContainers: containers(spec.initContainers) }),
      ...(spec.ephemeralContainers === undefined ? {} : { ephemeralContainers: containers(spec.ephemeralContainers) }),
    },
  };
}
