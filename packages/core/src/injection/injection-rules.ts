/**
 * What speaks against injecting a pod: one rule a violation, in this order, the first one wins.
 * It must never repeat a value of an annotation, nor refuse a pod that neither asks nor touches what is ours.
 * @module
 */
import { agentContainerName, agentPaths, agentVolumes, audiencePrefixes, kubernetesGroup } from '@letterlock/protocol';
import type { AdmissionRequest } from './admission-request.ts';
import { agentIndex } from './inject.ts';
import { applicationMounts } from './agent-container.ts';
import { injectedStatus, statusAnnotation, type PodRequest, type ReadAnnotations } from './annotations.ts';
import { volumesOfAudience } from './check-injected.ts';
import { faultOfNamespaces } from './host-namespaces.ts';
import { containerGroups, containersOf, mountsOf, type Container, type Pod } from './pod.ts';
import type { InjectionSettings } from './injection-settings.ts';

/** What rules look at. */
export interface Subject {
  readonly review: AdmissionRequest;
  readonly pod: Pod;
  readonly annotations: ReadAnnotations;
  /** By its own word, or by its namespace's label. */
  readonly isAsking: boolean;
  readonly settings: InjectionSettings;
  readonly isInitialised: boolean;
}

export type Verdict =
  | { readonly do: 'leave'; readonly reason: string; readonly warning?: string }
  | { readonly do: 'deny'; readonly reason: string; readonly message: string };
export type InjectionRule = (subject: Subject) => Verdict | undefined;

const deny = (reason: string, message: string): Verdict => ({ do: 'deny', reason, message });
const mirrorAnnotation = 'kubernetes.io/config.mirror';

const windowsPod: InjectionRule = ({ pod, isAsking }) => {
  const os = (pod.spec['os'] as { readonly name?: string } | undefined)?.name;
  const selector = (pod.spec['nodeSelector'] as Readonly<Record<string, string>> | undefined)?.['kubernetes.io/os'];
  if (!isAsking || (os ?? selector) !== 'windows') return undefined;
  return { do: 'leave', reason: 'windows_pod', warning: 'letterlock: not injected, the pod is for Windows' };
};

/** The kubelet made it from a file on the node: no volume of ours may be in it. */
const mirrorPod: InjectionRule = ({ pod, isAsking }) =>
  isAsking && pod.metadata?.annotations?.[mirrorAnnotation] !== undefined
    ? { do: 'leave', reason: 'mirror_pod', warning: 'letterlock: not injected, the pod is static' }
    : undefined;

/** A copy of an injected pod, or one that prepares names of ours, without a word that it wants the agent. */
const reservedWithoutAsking: InjectionRule = ({ pod, isAsking }) => {
  const found = isAsking ? undefined : reservedNameIn(pod);
  return found === undefined
    ? undefined
    : deny('reserved_name', `${found} is reserved: annotate the pod with ${kubernetesGroup}/inject, or remove it`);
};

const notAsking: InjectionRule = ({ isAsking }) => (isAsking ? undefined : { do: 'leave', reason: 'not_asked' });

const ownNamespace: InjectionRule = ({ review, pod, settings }) =>
  namespaceOf(review, pod) === settings.serviceNamespace
    ? { do: 'leave', reason: 'own_namespace', warning: "letterlock: not injected, the namespace is the service's own" }
    : undefined;

const serviceUninitialised: InjectionRule = ({ isInitialised }) =>
  isInitialised
    ? undefined
    : deny('uninitialised', 'the service was never initialised: run letterlock init, then create the pod again');

const annotationInvalid: InjectionRule = ({ annotations }) =>
  'fault' in annotations
    ? deny('annotation_invalid', `${annotations.fault.key}: ${annotations.fault.message}`)
    : undefined;

/** An earlier call wrote our names; what it wrote is written anew, so nothing of it needs to be believed. */
const reservedName: InjectionRule = ({ pod }) => {
  const found = pod.metadata?.annotations?.[statusAnnotation] === injectedStatus ? undefined : reservedNameIn(pod);
  return found === undefined ? undefined : deny('reserved_name', `${found} is reserved for the injector: rename it`);
};

/** Never ours to write over: a regular or ephemeral container, or a token that only the agent may hold. */
const reservedAnyway: InjectionRule = ({ pod }) => {
  const { containers, ephemeralContainers = [] } = pod.spec;
  if ([...containers, ...ephemeralContainers].some(({ name }) => name === agentContainerName)) {
    return deny('reserved_name', `container ${agentContainerName} is reserved for the injector: rename it`);
  }
  const foreign = volumesOfAudience(pod, audiencePrefixes.enrol).some(({ name }) => name !== agentVolumes.enrolment);
  return foreign || volumesOfAudience(pod, audiencePrefixes.boot).length > 0
    ? deny('reserved_name', 'a volume projects a token with an audience that is reserved for the service')
    : undefined;
};

const namespacesShared: InjectionRule = ({ pod }) => {
  const fault = faultOfNamespaces(pod);
  return fault === undefined
    ? undefined
    : deny(
        'namespace_shared',
        `spec.${fault.member} shares ${fault.shares}: remove it, or set ${kubernetesGroup}/inject to "false"`,
      );
};

const containerUnknown: InjectionRule = ({ pod, annotations }) => {
  const named = requestOf(annotations).containers ?? [];
  const known = new Set([...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(({ name }) => name));
  return named.some((name) => !known.has(name) || name === agentContainerName)
    ? deny('annotation_invalid', `${kubernetesGroup}/containers: names a container that the pod does not have`)
    : undefined;
};

/** An init container that runs before the agent would wait for files that nobody writes yet. */
const containerTooEarly: InjectionRule = ({ pod, annotations }) => {
  const request = requestOf(annotations);
  const others = (pod.spec.initContainers ?? []).filter(({ name }) => name !== agentContainerName);
  const early = others.slice(0, agentIndex(others, request.order));
  return early.some(({ name }) => request.containers?.includes(name))
    ? deny('annotation_invalid', `${kubernetesGroup}/containers: names a container that starts before the agent`)
    : undefined;
};

/** Two mounts at one place are refused by the API server, but without saying whose. */
const mountPathTaken: InjectionRule = ({ pod, annotations }) => {
  const request = requestOf(annotations);
  const wanted = new Set(applicationMounts(request).map(({ mountPath }) => mountPath));
  return receivingContainers(pod, request).some((container) =>
    mountsOf(container).some(({ name, mountPath }) => wanted.has(mountPath) && !name.startsWith(agentVolumes.prefix)),
  )
    ? deny(
        'mount_path_taken',
        `a container already mounts a volume where ours goes: set ${kubernetesGroup}/mount-path (default ${agentPaths.secrets})`,
      )
    : undefined;
};

/** In the order in which they are asked. */
export const injectionRules: readonly InjectionRule[] = [
  windowsPod,
  mirrorPod,
  reservedWithoutAsking,
  notAsking,
  ownNamespace,
  serviceUninitialised,
  annotationInvalid,
  reservedAnyway,
  reservedName,
  namespacesShared,
  containerUnknown,
  containerTooEarly,
  mountPathTaken,
];

/** That of the review where the pod has none yet. */
export function namespaceOf(review: AdmissionRequest, pod: Pod): string {
  return review.namespace === '' ? (pod.metadata?.namespace ?? '') : review.namespace;
}

/** What of the pod bears a name of ours, in words; undefined if nothing does. */
function reservedNameIn(pod: Pod): string | undefined {
  const isOurs = ({ name }: { readonly name: string }): boolean => name.startsWith(agentVolumes.prefix);
  const container = containerGroups
    .flatMap((group) => pod.spec[group] ?? [])
    .some(({ name }) => name === agentContainerName);
  if (container) return `container ${agentContainerName}`;
  if ((pod.spec.volumes ?? []).some(isOurs)) return `a volume whose name begins with ${agentVolumes.prefix}`;
  if (containersOf(pod).some((each) => mountsOf(each).some(isOurs))) {
    return `a mount of a volume whose name begins with ${agentVolumes.prefix}`;
  }
  return volumesOfAudience(pod, audiencePrefixes.enrol).length > 0 ? 'the audience of a projected token' : undefined;
}

function receivingContainers(pod: Pod, { containers }: PodRequest): readonly Container[] {
  const named = containers;
  if (named === undefined) return pod.spec.containers;
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].filter(({ name }) => named.includes(name));
}

/** The rule on annotations comes first. */
function requestOf(annotations: ReadAnnotations): PodRequest {
  if ('fault' in annotations) throw new TypeError('Cannot use annotations: one of them is wrong');
  return annotations.request;
}
