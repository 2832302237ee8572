/**
 * The agent's container and volumes, with every default that the API server would add written out: enrolment compares them.
 * It must never hold a value that differs from one writing to the next, nor an empty string, which the API server drops.
 * @module
 */
import {
  agentContainerName,
  agentPaths,
  agentVariables,
  agentVolumes,
  anyInstanceKey,
  audiencePrefixes,
  trustConfigMap,
  writePodDelivery,
} from '@letterlock/protocol';
import type { PodRequest } from './annotations.ts';
import type { InjectionSettings } from './injection-settings.ts';
import type { Container, JsonObject, Volume, VolumeMount } from './pod.ts';

const tokenSeconds = 600;
/** 0444: at 0400 the file is root's, and the agent cannot read it. */
const readableByAll = 0o444;
/** Bounds what a defect could take from the node; the memory counts as the agent's. */
const secretsSizeLimit = '64Mi';
/** How long the startup may take in all, seconds: the longest time that a pod may wait for its secrets. The agent ends its wait itself. */
const startupSeconds = 3600;
/** One run of the startup command waits for the files by itself, so that it need not start anew every second. */
const startupRunSeconds = 60;

/** The container, as an entry of initContainers. */
export function agentContainer(request: PodRequest, settings: InjectionSettings): Container {
  const isSidecar = request.mode === 'sidecar';
  return {
    name: agentContainerName,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    env: variables(request, settings),
    resources: mergedResources(request, settings),
    ...(isSidecar ? { restartPolicy: 'Always', startupProbe: startupProbe(settings) } : {}),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: settings.filesGroup,
      runAsNonRoot: true,
      runAsUser: request.runAsUser ?? settings.userId,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: agentVolumes.enrolment, mountPath: folderOf(agentPaths.enrolmentToken), readOnly: true },
      { name: agentVolumes.trust, mountPath: folderOf(agentPaths.trustBundle), readOnly: true },
      { name: agentVolumes.secrets, mountPath: agentPaths.secrets },
    ],
  };
}

/** All volumes of ours that this pod has. */
export function agentVolumesOf(request: PodRequest, { trustDomain }: InjectionSettings): readonly Volume[] {
  return [
    tokenVolume(agentVolumes.enrolment, `${audiencePrefixes.enrol}${trustDomain}`),
    {
      name: agentVolumes.trust,
      // Optional, so that a pod that comes before the ConfigMap starts, and the agent says what it waits for.
      configMap: { name: trustConfigMap.name, defaultMode: readableByAll, optional: true },
    },
    { name: agentVolumes.secrets, emptyDir: { medium: 'Memory', sizeLimit: secretsSizeLimit } },
    ...(request.isWriter ? [tokenVolume(agentVolumes.writer, `${audiencePrefixes.write}${trustDomain}`)] : []),
  ];
}

/** What an application's container gets. */
export function applicationMounts(request: PodRequest): readonly VolumeMount[] {
  return [
    { name: agentVolumes.secrets, mountPath: request.mountPath ?? agentPaths.secrets, readOnly: true },
    ...(request.isWriter
      ? [{ name: agentVolumes.writer, mountPath: folderOf(agentPaths.writerToken), readOnly: true }]
      : []),
  ];
}

function variables(request: PodRequest, settings: InjectionSettings): readonly JsonObject[] {
  const values: readonly (readonly [string, string])[] = [
    [agentVariables.trustDomain, settings.trustDomain],
    [agentVariables.directOrigin, settings.directOrigin],
    [agentVariables.agentTarget, settings.agentTarget],
    [agentVariables.instanceKey, settings.instanceKey ?? anyInstanceKey],
    [agentVariables.mode, request.mode],
    [agentVariables.writer, String(request.isWriter)],
    [agentVariables.logLevel, request.logLevel ?? settings.logLevel],
    [agentVariables.delivery, writePodDelivery(request.delivery)],
  ];
  const fields: readonly (readonly [string, string])[] = [
    [agentVariables.namespace, 'metadata.namespace'],
    [agentVariables.podName, 'metadata.name'],
    [agentVariables.podUid, 'metadata.uid'],
    [agentVariables.serviceAccount, 'spec.serviceAccountName'],
  ];
  return [
    ...values.map(([name, value]) => ({ name, value })),
    ...fields.map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } })),
  ];
}

function startupProbe({ startupCommand }: InjectionSettings): JsonObject {
  return {
    exec: { command: startupCommand },
    failureThreshold: startupSeconds,
    periodSeconds: 1,
    successThreshold: 1,
    timeoutSeconds: startupRunSeconds,
  };
}

function mergedResources(request: PodRequest, settings: InjectionSettings): JsonObject {
  const requests = { ...settings.resources.requests, ...request.resources.requests };
  const limits = { ...settings.resources.limits, ...request.resources.limits };
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
  };
}

function tokenVolume(name: string, audience: string): Volume {
  return {
    name,
    projected: {
      defaultMode: readableByAll,
      sources: [{ serviceAccountToken: { audience, expirationSeconds: tokenSeconds, path: 'token' } }],
    },
  };
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
