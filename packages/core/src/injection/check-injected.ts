/**
 * Whether a live pod carries exactly the agent that this server's injector writes or wrote (kubernetes.md §3.3).
 * It must never judge by a label or a status: a pod that says it was injected says nothing.
 * @module
 */
import { agentContainerName, agentVolumes, audiencePrefixes } from '@letterlock/protocol';
import { agentContainer, agentVolumesOf } from './agent-container.ts';
import { readAnnotations, type PodRequest } from './annotations.ts';
import { isAsWritten } from './as-written.ts';
import { faultOfNamespaces } from './host-namespaces.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { containersOf, mountsOf, type Container, type Json, type Pod, type Volume } from './pod.ts';
import { isJsonObject, isSameJson, memberOf } from './same-json.ts';

/** What the kubelet reports about the agent's container. */
export interface AgentStatus {
  /** `imageID` of its status. */
  readonly imageId: string;
}

/** What this server's injector writes or wrote: forms of earlier settings are accepted, so that an upgrade locks nobody out. */
export interface WrittenForms {
  /** The present settings first. */
  readonly settings: readonly InjectionSettings[];
  /** `sha256:<hex>` of the configured image and of those before. */
  readonly imageDigests: readonly string[];
}

/** Reasons of the log. */
export type InjectionViolation =
  | 'agent_missing'
  | 'agent_repeated'
  | 'agent_annotations'
  | 'agent_container'
  | 'agent_volumes'
  | 'agent_image'
  | 'enrolment_volume_shared'
  | 'enrolment_audience_elsewhere'
  | 'agent_debugged'
  | 'host_namespaces';

export type InjectionCheck =
  { readonly isInjected: true } | { readonly isInjected: false; readonly reason: InjectionViolation };

interface Subject {
  readonly pod: Pod;
  readonly status: AgentStatus;
  readonly forms: WrittenForms;
  /** Init containers of our name. */
  readonly agents: readonly Container[];
}

const digest = /(?:^|@)(sha256:[0-9a-f]{64})$/;

/** Every violation, the first one wins. */
const rules: readonly (readonly [InjectionViolation, (subject: Subject) => boolean])[] = [
  ['agent_missing', ({ agents }) => agents.length === 0],
  ['agent_repeated', ({ pod }) => containersOf(pod).filter(({ name }) => name === agentContainerName).length !== 1],
  ['agent_annotations', ({ pod }) => requestOf(pod) === undefined],
  ['agent_container', (subject) => !subject.forms.settings.some((settings) => isContainerOf(subject, settings))],
  ['agent_volumes', (subject) => !subject.forms.settings.some((settings) => isFormOf(subject, settings))],
  ['agent_image', ({ status, forms }) => !forms.imageDigests.includes(digest.exec(status.imageId)?.[1] ?? '')],
  ['enrolment_volume_shared', isEnrolmentShared],
  ['enrolment_audience_elsewhere', ({ pod }) => volumesOfAudience(pod, audiencePrefixes.enrol).length !== 1],
  ['agent_debugged', isAgentDebugged],
  ['host_namespaces', ({ pod }) => faultOfNamespaces(pod) !== undefined],
];

export function checkInjected(pod: Pod, status: AgentStatus, forms: WrittenForms): InjectionCheck {
  const agents = (pod.spec.initContainers ?? []).filter(({ name }) => name === agentContainerName);
  const subject: Subject = { pod, status, forms, agents };
  const violated = rules.find(([, isViolated]) => isViolated(subject));
  return violated === undefined ? { isInjected: true } : { isInjected: false, reason: violated[0] };
}

/** Volumes that project a token whose audience begins so. */
export function volumesOfAudience(pod: Pod, prefix: string): readonly Volume[] {
  return (pod.spec.volumes ?? []).filter((volume) => {
    const sources = memberOfObject(volume['projected'], 'sources');
    return Array.isArray(sources) && sources.some((source: Json) => hasAudience(source, prefix));
  });
}

function hasAudience(source: Json, prefix: string): boolean {
  const audience = memberOfObject(memberOfObject(source, 'serviceAccountToken'), 'audience');
  return typeof audience === 'string' && audience.startsWith(prefix);
}

function memberOfObject(value: Json | undefined, name: string): Json | undefined {
  return isJsonObject(value) ? memberOf(value, name) : undefined;
}

function requestOf(pod: Pod): PodRequest | undefined {
  const read = readAnnotations(pod);
  return 'request' in read ? read.request : undefined;
}

function isContainerOf({ pod, agents }: Subject, settings: InjectionSettings): boolean {
  return isAsWritten(agents[0]!, agentContainer(requestOf(pod)!, settings));
}

/** Container and volumes by the same settings: halves of two forms are not one. */
function isFormOf(subject: Subject, settings: InjectionSettings): boolean {
  const volumes = subject.pod.spec.volumes ?? [];
  return (
    isContainerOf(subject, settings) &&
    agentVolumesOf(requestOf(subject.pod)!, settings).every((written) => {
      const named = volumes.filter(({ name }) => name === written.name);
      return named.length === 1 && isSameJson(named[0], written);
    })
  );
}

function isEnrolmentShared({ pod }: Subject): boolean {
  return containersOf(pod).some(
    (container) =>
      container.name !== agentContainerName && mountsOf(container).some(({ name }) => name === agentVolumes.enrolment),
  );
}

function isAgentDebugged({ pod }: Subject): boolean {
  return (pod.spec.ephemeralContainers ?? []).some(
    (container) => container['targetContainerName'] === agentContainerName,
  );
}
