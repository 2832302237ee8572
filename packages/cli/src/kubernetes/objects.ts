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
  readonly uid?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly imageID?: string;
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
    readonly ephemeralContainers?: readonly object[];
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
    readonly template: {
      readonly spec: {
        readonly serviceAccountName?: string;
        readonly containers: readonly { readonly image: string }[];
      };
    };
  };
  readonly status?: { readonly readyReplicas?: number };
}

export const injectKey = `${kubernetesGroup}/inject`;
const ofInstallation = 'app.kubernetes.io/name=letterlock';
/** Names that the chart gives. */
export const serverName = 'letterlock-server';
export const serverContainerName = 'server';

/** The StatefulSet of the server, wherever it is installed. @throws CommandError if there is none */
export async function findInstallation(kubectl: Kubectl): Promise<StatefulSet> {
  const sets = await list<StatefulSet>(kubectl, ['statefulsets', '-A', '-l', ofInstallation]);
  const found = sets.find(({ metadata }) => metadata.name === serverName);
  if (found !== undefined) return found;
  throw new CommandError('gone', 'Cannot find Letterlock in this cluster', 'install it: "letterlock quickstart"');
}

/** Pods of the server, wherever they are in their lives. */
export async function serverPods(kubectl: Kubectl, { metadata }: StatefulSet): Promise<readonly Pod[]> {
  const all = await list<Pod>(kubectl, ['pods', '-n', metadata.namespace ?? '', '-l', ofInstallation]);
  return all.filter((pod) => isOfServer(pod));
}

/** Whether the StatefulSet of the server controls it. */
export function isOfServer({ metadata }: Pod): boolean {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return owner?.kind === 'StatefulSet' && owner.name === serverName;
}

/** Digest of the image that the server's container runs; undefined while there is none. */
export function serverImageOf({ status }: Pod): string | undefined {
  const found = status?.containerStatuses?.find(({ name }) => name === serverContainerName);
  return found?.state?.running === undefined
    ? undefined
    : /(?:^|@)(sha256:[0-9a-f]{64})$/.exec(found.imageID ?? '')?.[1];
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
