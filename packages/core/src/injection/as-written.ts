/**
 * Whether a container of a stored pod is the one that the injector wrote, but for what in-tree admission changes.
 * It must never forgive any other difference: a hook, a probe, an argument or a variable would run with the agent's rights.
 * @module
 */
import type { Container, VolumeMount } from './pod.ts';
import { isSameJson } from './same-json.ts';

/** Added by the ServiceAccount admission to every container of a pod that mounts its token. */
const serviceAccountMount = {
  name: /^kube-api-access-[a-z0-9]{5}$/,
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
} as const;

/** Compares all but `resources`, which LimitRanger and a resize may change, and the one mount. */
export function isAsWritten(stored: Container, written: Container): boolean {
  const mounts = stored.volumeMounts ?? [];
  const added = mounts.findIndex(isServiceAccountMount);
  const volumeMounts = added === -1 ? mounts : mounts.toSpliced(added, 1);
  return isSameJson({ ...stored, resources: {}, volumeMounts }, { ...written, resources: {} });
}

function isServiceAccountMount(mount: VolumeMount): boolean {
  const { name, mountPath } = mount;
  return (
    serviceAccountMount.name.test(name) &&
    isSameJson(mount, { name, mountPath: serviceAccountMount.mountPath, readOnly: true }) &&
    mountPath === serviceAccountMount.mountPath
  );
}
