/**
 * The members of Kubernetes objects that the verbs look at, and what they find in them.
 * It must never believe that a member is there.
 * @module
 */
import { agentContainerName, kubernetesGroup } from '@letterlock/protocol';
import { CommandError } from '../exit-status.ts';
import { list, type Kubectl } from './kubectl.ts';

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: { readonly reason?: string };
  };
}

export interface Pod {
  readonly metadata: Metadata;
  readonly spec: {
    readonly serviceAccountName?: string;
    readonly initContainers?: readonly { readonly name: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface Binding {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly workload?: {
      readonly serviceAccountNames?: readonly string[];
      readonly podSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    };
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Recipient {
  readonly metadata: Metadata;
  readonly status?: { readonly phase?: string };
}

export interface StatefulSet {
  readonly metadata: Metadata;
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
  readonly status?: { readonly readyReplicas?: number };
}

export const injectKey = `${kubernetesGroup}/inject`;
const ofInstallation = 'app.kubernetes.io/name=letterlock';

/** The StatefulSet of the server, wherever it is installed. @throws CommandError if there is none */
export async function findInstallation(kubectl: Kubectl): Promise<StatefulSet> {
  const sets = await list<StatefulSet>(kubectl, ['statefulsets', '-A', '-l', ofInstallation]);
  const found = sets.find(({ metadata }) => metadata.name === 'letterlock-server');
  if (found !== undefined) return found;
  throw new CommandError('gone', 'Cannot find Letterlock in this cluster', 'install it: "letterlock quickstart"');
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

export function hasAgent({ spec }: Pod): boolean {
  return spec.initContainers?.some(({ name }) => name === agentContainerName) ?? false;
}

export function agentStatusOf({ status }: Pod): ContainerStatus | undefined {
  return status?.initContainerStatuses?.find(({ name }) => name === agentContainerName);
}

/** In one or a few words. */
export function agentState(pod: Pod): string {
  const status = agentStatusOf(pod);
  if (status?.state?.waiting !== undefined) return status.state.waiting.reason ?? 'waiting';
  if (status?.state?.terminated !== undefined) return status.state.terminated.reason ?? 'ended';
  if (status?.started === true) return 'delivered';
  return status?.state?.running === undefined ? 'not started' : 'waiting for its secrets';
}

/** What the pod or its namespace says about injection: the annotation before the label, both before the namespace. */
export function asksForInjection(
  pod: Pod,
  namespace: Metadata | undefined,
): { readonly asks: boolean; readonly by: string } {
  const { annotations, labels } = pod.metadata;
  const word = annotations?.[injectKey] ?? labels?.[injectKey];
  const by = annotations?.[injectKey] === undefined ? 'label' : 'annotation';
  if (word !== undefined) return { asks: word !== 'false', by: `its ${by} ${injectKey}=${word}` };
  const ofNamespace = namespace?.labels?.[injectKey];
  return { asks: ofNamespace === 'enabled', by: `label ${injectKey}=${ofNamespace ?? ''} of its namespace` };
}

/** Whether a binding selects the pod, by ServiceAccount and labels. */
export function selects({ spec }: Binding, pod: Pod): boolean {
  const account = pod.spec.serviceAccountName ?? 'default';
  const wanted = Object.entries(spec?.workload?.podSelector?.matchLabels ?? {});
  return (
    (spec?.workload?.serviceAccountNames?.includes(account) ?? false) &&
    wanted.every(([key, value]) => pod.metadata.labels?.[key] === value)
  );
}
