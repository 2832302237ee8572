/**
 * Storage of the node: a default class, and empty folders that stand ready as volumes, each for one claim.
 * It must never give a claim what another one has left behind.
 * @module
 */
import { join } from 'node:path';
import { nodeName } from './certificates.ts';
import type { Cluster } from './cluster.ts';
import { kubectl } from './kubernetes.ts';
import { runInside } from './namespaces.ts';

/** More than the stories use at the same time. */
const volumeCount = 12;
const volumeSize = '8Gi';
const className = 'local';
/** On the node, where it belongs to the cluster alone. */
const volumesFolder = '/var/lib/letterlock-volumes';

interface Volumes {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status?: { readonly phase?: string };
  }[];
}

/** Makes the class and the volumes that are missing, and those anew whose claim is gone. */
export function prepareVolumes(cluster: Cluster): void {
  const { items } = JSON.parse(kubectl(cluster, ['get', 'persistentvolumes', '-o', 'json'])) as Volumes;
  const fresh = namesToMake(items);
  if (fresh.length === 0) return;
  const left = items.map(({ metadata }) => metadata.name).filter((name) => fresh.includes(name));
  if (left.length > 0) kubectl(cluster, ['delete', 'persistentvolume', ...left]);
  const folders = fresh.map((name) => join(volumesFolder, name)).join(' ');
  runInside(cluster.keeper, ['/bin/sh', '-euc', `rm -rf ${folders}; mkdir -p ${folders}`]);
  const objects = [storageClass(), ...fresh.map((name) => volumeObject(name))];
  kubectl(cluster, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
}

/** Names of the volumes that are not there, or hold what a claim has left. Shape of items: as the API server lists them. */
export function namesToMake(items: Volumes['items']): string[] {
  const usable = items.filter(({ status }) => !['Released', 'Failed'].includes(status?.phase ?? ''));
  const names = new Set(usable.map(({ metadata }) => metadata.name));
  return volumeNames().filter((name) => !names.has(name));
}

function volumeNames(): string[] {
  return Array.from({ length: volumeCount }, (_, index) => `local-${index}`);
}

function storageClass(): object {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: className, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
}

/** Not a hostPath: the kubelet gives a local volume to the group of its pod. */
function volumeObject(name: string): object {
  const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      storageClassName: className,
      capacity: { storage: volumeSize },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      local: { path: join(volumesFolder, name) },
      nodeAffinity: { required: { nodeSelectorTerms: [term] } },
    },
  };
}
