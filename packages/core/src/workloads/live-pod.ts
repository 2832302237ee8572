/**
 * A pod as the API server has it now, as far as enrolment asks: who it is, whether it lives, and the start of its agent.
 * It must never fill in what is not there: a kubelet that has not reported yet has said nothing.
 * @module
 */
import { agentContainerName } from '@letterlock/protocol';
import { readPod, type Pod } from '../injection/index.ts';

/** One start of the agent's container, from its status. */
export interface AgentStart {
  readonly containerId: string;
  readonly imageId: string;
  /** Grows with every start: it tells an old report from a new one. */
  readonly restarts: number;
  readonly isRunning: boolean;
}

export interface LivePod {
  readonly pod: Pod;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly nodeName: string | undefined;
  readonly isTerminating: boolean;
  /** Succeeded or Failed: nothing of it runs any more. */
  readonly hasEnded: boolean;
  readonly addresses: readonly string[];
  /** Undefined while the kubelet has reported none. */
  readonly agent: AgentStart | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads a pod from the API server's JSON. @returns undefined for what is no pod of the cluster */
export function readLivePod(value: unknown): LivePod | undefined {
  const pod = readPod(value);
  if (pod === undefined) return undefined;
  const metadata = fields(pod.metadata);
  const { uid, namespace, name } = metadata;
  const status = fields(pod['status']);
  const { serviceAccountName, nodeName } = pod.spec;
  if (typeof uid !== 'string' || typeof namespace !== 'string' || typeof name !== 'string') return undefined;
  if (typeof serviceAccountName !== 'string') return undefined;
  return {
    pod,
    uid,
    namespace,
    name,
    serviceAccount: serviceAccountName,
    nodeName: typeof nodeName === 'string' ? nodeName : undefined,
    isTerminating: metadata['deletionTimestamp'] !== undefined && metadata['deletionTimestamp'] !== null,
    hasEnded: status['phase'] === 'Succeeded' || status['phase'] === 'Failed',
    addresses: addressesOf(status),
    agent: agentOf(status),
  };
}

function addressesOf(status: Fields): readonly string[] {
  const listed = list(status['podIPs']).map((each) => each['ip']);
  return [...new Set([status['podIP'], ...listed])].filter(
    (address): address is string => typeof address === 'string' && address !== '',
  );
}

/** The agent is an init container, as a native sidecar is. */
function agentOf(status: Fields): AgentStart | undefined {
  const found = list(status['initContainerStatuses']).filter(({ name }) => name === agentContainerName);
  const [only] = found;
  if (only === undefined || found.length !== 1) return undefined;
  const { containerID: containerId, imageID: imageId, restartCount: restarts } = only;
  if (typeof containerId !== 'string' || containerId === '' || typeof imageId !== 'string') return undefined;
  if (typeof restarts !== 'number' || !Number.isSafeInteger(restarts)) return undefined;
  const { running } = fields(only['state']);
  return { containerId, imageId, restarts, isRunning: typeof running === 'object' && running !== null };
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
