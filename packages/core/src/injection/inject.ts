/**
 * Pod to pod: adds the agent, its volumes and the mounts of those containers that receive. Injecting twice changes nothing.
 * It must never move or change what is not its own.
 * @module
 */
import { agentContainerName, agentVolumes } from '@letterlock/protocol';
import { agentContainer, agentVolumesOf, applicationMounts } from './agent-container.ts';
import { injectedStatus, statusAnnotation, type PodRequest } from './annotations.ts';
import type { InjectionSettings } from './injection-settings.ts';
import type { Container, Json, Pod, PodSpec, Volume, VolumeMount } from './pod.ts';
import { isAsWritten } from './as-written.ts';

/** Native sidecars through which all traffic of the pod goes: the agent starts behind them. */
const meshSidecars: ReadonlySet<string> = new Set(['istio-proxy', 'linkerd-proxy']);
const ownVolumes: ReadonlySet<string> = new Set([
  agentVolumes.enrolment,
  agentVolumes.trust,
  agentVolumes.secrets,
  agentVolumes.writer,
]);

export function inject(pod: Pod, request: PodRequest, settings: InjectionSettings): Pod {
  const { spec } = pod;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata?.annotations, [statusAnnotation]: injectedStatus },
    },
    spec: {
      ...spec,
      containers: spec.containers.map((container) =>
        withMounts(container, request.containers?.includes(container.name) ?? true, request),
      ),
      initContainers: initContainersOf(spec, request, settings),
      securityContext: { ...spec.securityContext, supplementalGroups: groupsOf(spec, settings.filesGroup) },
      volumes: upsert<Volume>(spec.volumes ?? [], agentVolumesOf(request, settings), (name) => ownVolumes.has(name)),
    },
  };
}

/** Where the agent stands among the other init containers. */
export function agentIndex(others: readonly Container[], order: PodRequest['order']): number {
  if (order === 'last') return others.length;
  return others.findLastIndex(({ name, restartPolicy }) => restartPolicy === 'Always' && meshSidecars.has(name)) + 1;
}

function initContainersOf(spec: PodSpec, request: PodRequest, settings: InjectionSettings): readonly Container[] {
  const all = spec.initContainers ?? [];
  const others = all
    .filter(({ name }) => name !== agentContainerName)
    .map((container) => withMounts(container, request.containers?.includes(container.name) ?? false, request));
  const written = agentContainer(request, settings);
  const present = all.find(({ name }) => name === agentContainerName);
  // In-tree admission adds resources and a mount after the first call; to write them away would only bring them back.
  const agent = present !== undefined && isAsWritten(present, written) ? present : written;
  return others.toSpliced(agentIndex(others, request.order), 0, agent);
}

function withMounts(container: Container, isReceiving: boolean, request: PodRequest): Container {
  const before = container.volumeMounts ?? [];
  const wanted = isReceiving ? applicationMounts(request) : [];
  const volumeMounts = upsert<VolumeMount>(before, wanted, (name) => ownVolumes.has(name));
  return container.volumeMounts === undefined && volumeMounts.length === 0 ? container : { ...container, volumeMounts };
}

/** Each wanted item in the place of the one of its name, else at the end; other items of ours go. */
function upsert<T extends { readonly name: string }>(
  before: readonly T[],
  wanted: readonly T[],
  isOurs: (name: string) => boolean,
): readonly T[] {
  const rest = new Map(wanted.map((item) => [item.name, item]));
  const kept = before.flatMap((item) => {
    if (!isOurs(item.name)) return [item];
    const replacement = rest.get(item.name);
    rest.delete(item.name);
    return replacement === undefined ? [] : [replacement];
  });
  return [...kept, ...rest.values()];
}

function groupsOf(spec: PodSpec, filesGroup: number): readonly Json[] {
  const groups = (spec.securityContext?.['supplementalGroups'] ?? []) as readonly Json[];
  return groups.includes(filesGroup) ? groups : [...groups, filesGroup];
}
