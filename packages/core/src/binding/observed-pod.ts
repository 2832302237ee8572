/**
 * A pod with an agent, as the kubelet reports it: what people are told about it rests on this.
 * No right may ever rest on it: labels, annotations and statuses are anybody's word.
 * @module
 */
import { agentContainerName, kubernetesGroup } from '@letterlock/protocol';

export interface ObservedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
  readonly nodeName: string | undefined;
  readonly createdAtSeconds: number;
  readonly hasFailed: boolean;
  /** Succeeded, Failed or terminating: nothing of it waits any more. */
  readonly hasEnded: boolean;
  /** The agent says that every file is there: its startup probe has passed, or it has ended well where it is no sidecar. */
  readonly hasFiles: boolean;
  /** Reason of the kubelet why the agent does not run, such as CrashLoopBackOff. */
  readonly agentFailure: string | undefined;
  readonly agentSinceSeconds: number | undefined;
  /** Names of bindings that the pod limits itself to. */
  readonly onlyBindings: readonly string[] | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const bindingAnnotation = `${kubernetesGroup}/binding`;
/** Reasons for which a container waits that do not pass by themselves. */
const passing: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

/** @returns undefined for what has no agent */
export function readObservedPod(value: unknown): ObservedPod | undefined {
  const object = fields(value);
  const [metadata, spec, status] = [fields(object['metadata']), fields(object['spec']), fields(object['status'])];
  if (!list(spec['initContainers']).some(({ name }) => name === agentContainerName)) return undefined;
  const agent = list(status['initContainerStatuses']).find(({ name }) => name === agentContainerName) ?? {};
  const state = fields(agent['state']);
  const phase = status['phase'];
  const waitingReason = fields(state['waiting'])['reason'];
  const only = fields(metadata['annotations'])[bindingAnnotation];
  return {
    namespace: textOf(metadata['namespace']) ?? '',
    name: textOf(metadata['name']) ?? '',
    uid: textOf(metadata['uid']) ?? '',
    serviceAccount: textOf(spec['serviceAccountName']) ?? 'default',
    nodeName: textOf(spec['nodeName']),
    createdAtSeconds: secondsOf(metadata['creationTimestamp']) ?? 0,
    hasFailed: phase === 'Failed',
    hasEnded: phase === 'Failed' || phase === 'Succeeded' || metadata['deletionTimestamp'] !== undefined,
    hasFiles: agent['started'] === true || fields(state['terminated'])['exitCode'] === 0,
    agentFailure: typeof waitingReason === 'string' && !passing.has(waitingReason) ? waitingReason : undefined,
    agentSinceSeconds: secondsOf(fields(state['running'])['startedAt']),
    onlyBindings: typeof only === 'string' ? only.split(',').map((name) => name.trim()) : undefined,
  };
}

function secondsOf(time: unknown): number | undefined {
  const milliseconds = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
