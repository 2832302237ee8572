/**
 * A pod of the service itself as the API server has it now, as far as boot attestation asks.
 * It must never fill in what is not there: a pod that nobody owns, or that says two things at once, is no replica.
 * @module
 */
import { readLivePod } from './live-pod.ts';

export interface ServerPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly isTerminating: boolean;
  /** UID of the StatefulSet that controls it; undefined where nothing or something else does. */
  readonly statefulSet: string | undefined;
  /** Whether somebody has put an ephemeral container into it. */
  readonly hasEphemeral: boolean;
  /** The running server container; undefined while there is none, or its image has no digest. */
  readonly container: { readonly id: string; readonly image: string } | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
const digest = /(?:^|@)(sha256:[0-9a-f]{64})$/;

/** @param container - name of the server's container. @returns undefined for what is no pod of the cluster */
export function readServerPod(value: unknown, container: string): ServerPod | undefined {
  const live = readLivePod(value);
  if (live === undefined) return undefined;
  const { uid, namespace, name, serviceAccount, isTerminating, pod } = live;
  const status = fields(pod['status']);
  const ephemeral = [...list(fields(pod.spec)['ephemeralContainers']), ...list(status['ephemeralContainerStatuses'])];
  return {
    uid,
    namespace,
    name,
    serviceAccount,
    isTerminating,
    statefulSet: statefulSetOf(fields(pod.metadata)),
    hasEphemeral: ephemeral.length > 0,
    container: containerOf(status, container),
  };
}

function statefulSetOf(metadata: Fields): string | undefined {
  const owners = list(metadata['ownerReferences']).filter(({ controller }) => controller === true);
  const [owner] = owners;
  if (owner === undefined || owners.length !== 1) return undefined;
  const { apiVersion, kind, uid } = owner;
  return apiVersion === 'apps/v1' && kind === 'StatefulSet' && typeof uid === 'string' && uid !== '' ? uid : undefined;
}

function containerOf(status: Fields, wanted: string): ServerPod['container'] {
  const found = list(status['containerStatuses']).filter(({ name }) => name === wanted);
  const [only] = found;
  if (only === undefined || found.length !== 1) return undefined;
  const { containerID: id, imageID } = only;
  const { running } = fields(only['state']);
  const image = typeof imageID === 'string' ? digest.exec(imageID)?.[1] : undefined;
  if (typeof id !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(id) || image === undefined) return undefined;
  return typeof running === 'object' && running !== null ? { id, image } : undefined;
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
