/**
 * What the pinned cluster says about a process: its token, and with kubectl its pod, image and log.
 * It must never let a process pass because the cluster could not be asked.
 * @module
 */
import { readClusterToken, TrustError, type AttestedPod, type Boot } from '@letterlock/client';
import { readClusterKeys, type ClusterKey } from '@letterlock/crypto';
import type { Context } from './context.ts';
import { CommandError } from './exit-status.ts';
import { checkServerPod, type CheckedPod } from './kubernetes/check-server-pod.ts';
import type { Kubectl } from './kubernetes/kubectl.ts';
import { readIssuer } from './kubernetes/read-cluster.ts';
import type { Result } from './output.ts';
import type { ClusterPin } from './state/cluster-pin.ts';
import { formatTime } from './time-text.ts';

/** The cluster as this run uses it. */
export interface ClusterKnowledge {
  readonly pin: ClusterPin;
  /** Undefined: the token alone is verified, with the pinned keys. */
  readonly kubectl: Kubectl | undefined;
}

/** What was verified of a process. */
export interface ClusterAttestation {
  readonly pod: AttestedPod;
  /** Undefined: the cluster was not asked. */
  readonly checked: CheckedPod | undefined;
}

/** @throws CommandError 'integrity', TrustError 'attestation_invalid'; 'unavailable' and 'denied' of the cluster */
export async function attestByCluster(
  context: Context,
  { pin, kubectl }: ClusterKnowledge,
  shown: Boot,
): Promise<ClusterAttestation> {
  const { token, boot } = shown;
  if (token === undefined) {
    throw new CommandError(
      'integrity',
      'Cannot trust the process: nothing attests it, and the cluster of this service is pinned',
      'an impostor would look like this: ask who runs it; if attestation was switched off on purpose, "letterlock trust remove" and pin again',
    );
  }
  const keys = kubectl === undefined ? readClusterKeys({ keys: pin.keys }) : await liveKeys(kubectl, pin);
  const pod = readWith(keys, pin, token, shown, context.now());
  if (kubectl === undefined) return { pod, checked: undefined };
  if (pin.keys.every(({ kid }) => kid !== pod.kid))
    context.output.note('The cluster signs with a key that is not pinned; renew the pins: letterlock trust cluster');
  return { pod, checked: await checkServerPod(kubectl, pod, boot, pin) };
}

/** In one sentence, for a person. */
export function describeAttestation({ pod, checked }: ClusterAttestation): string {
  const { namespace, name, uid, kid, expiresAt } = pod;
  const node = pod.node === undefined ? '' : ` on ${pod.node}`;
  const token = `Attested as pod ${namespace}/${name} (${uid})${node}: token for this boot fingerprint by the key ${kid}, valid until ${formatTime(expiresAt)}`;
  if (checked === undefined) return `${token}; image and log not looked at.`;
  const image = checked.isImagePinned
    ? `runs the pinned image ${checked.image}`
    : `runs ${checked.image}, and no image is pinned`;
  return `${token}; the pod is there, ${image}, and its log names the fingerprint.`;
}

/** It for a script. */
export function attestationResult({ pod, checked }: ClusterAttestation): Result {
  return { pod: { ...pod }, ...(checked === undefined ? {} : { checked: { ...checked } }) };
}

/** Keys that the cluster signs with now: its API server's certificate vouches for them. */
async function liveKeys(kubectl: Kubectl, pin: ClusterPin): Promise<readonly ClusterKey[]> {
  const { issuer, jwks } = await readIssuer(kubectl);
  if (issuer === pin.issuer) return readClusterKeys(jwks);
  throw new CommandError(
    'integrity',
    `Cannot trust this cluster: its issuer is ANOTHER one: it is ${issuer}, pinned is ${pin.issuer}`,
    'choose the cluster of the service with --context or --kubeconfig',
  );
}

function readWith(
  keys: readonly ClusterKey[],
  { issuer, namespace, serviceAccount }: ClusterPin,
  token: string,
  shown: Boot,
  nowSeconds: number,
): AttestedPod {
  try {
    return readClusterToken(token, shown, { issuer, keys, namespace, serviceAccount }, nowSeconds);
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    throw new CommandError(
      'integrity',
      error.message,
      "an impostor would look like this: ask who runs it; after a change of the cluster's keys: letterlock trust cluster",
      error,
    );
  }
}
