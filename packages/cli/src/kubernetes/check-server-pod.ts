/**
 * Whether the pod that a token names is a replica as it should be, by the cluster itself: its owner, its image, its log.
 * It must never look at what the process says about itself, but for the one line that is compared.
 * @module
 */
import type { AttestedPod } from '@letterlock/client';
import { CommandError } from '../exit-status.ts';
import type { ClusterPin } from '../state/cluster-pin.ts';
import { read, readLog, type Kubectl } from './kubectl.ts';
import { isOfServer, serverContainerName, serverImageOf, type Pod } from './objects.ts';

/** What was seen of a right pod. */
export interface CheckedPod {
  readonly image: string;
  /** Whether the image was compared with pinned ones. */
  readonly isImagePinned: boolean;
}

interface Facts {
  readonly pod: Pod | undefined;
  readonly attested: AttestedPod;
  readonly pin: Pick<ClusterPin, 'images' | 'serviceAccount'>;
}

interface Violation {
  readonly isFound: (facts: Facts) => boolean;
  readonly says: (facts: Facts) => string;
  readonly next?: string;
}

/** In this order; the first one counts. */
const violations: readonly Violation[] = [
  { isFound: ({ pod }) => pod === undefined, says: () => 'it is not there any more' },
  {
    isFound: ({ pod, attested }) => pod?.metadata.uid !== attested.uid,
    says: () => 'another pod has its name by now',
  },
  { isFound: ({ pod }) => pod?.metadata.deletionTimestamp !== undefined, says: () => 'it is ending' },
  {
    isFound: ({ pod, pin }) => pod?.spec.serviceAccountName !== pin.serviceAccount,
    says: () => 'it is of another ServiceAccount',
  },
  {
    isFound: ({ pod }) => pod === undefined || !isOfServer(pod),
    says: () => 'it does not belong to the StatefulSet of the server',
  },
  {
    isFound: ({ pod }) => (pod?.spec.ephemeralContainers ?? []).length > 0,
    says: () => 'somebody has put a container into it while it ran',
  },
  {
    isFound: ({ pod }) => imageOf(pod) === undefined,
    says: () => 'its server does not run, or its image has no digest',
  },
  {
    isFound: ({ pod, pin }) => pin.images.length > 0 && !pin.images.includes(imageOf(pod)!),
    says: ({ pod }) => `its image is ${imageOf(pod)}, which is not pinned`,
    next: 'if that is the release that was rolled out: letterlock trust cluster, with all digests of it as --image',
  },
];

/**
 * @param boot - what the process of the connection showed
 * @throws CommandError 'integrity' where the pod is not as it should be, 'unavailable' or 'denied' where it cannot be seen
 */
export async function checkServerPod(
  kubectl: Kubectl,
  attested: AttestedPod,
  boot: string,
  pin: Facts['pin'],
): Promise<CheckedPod> {
  const { namespace, name } = attested;
  const facts: Facts = { pod: await read<Pod>(kubectl, ['pod', name, '-n', namespace]), attested, pin };
  const violation = violations.find(({ isFound }) => isFound(facts));
  if (violation !== undefined) throw refused(name, violation.says(facts), violation.next);
  const lines = await readLog(kubectl, { namespace, pod: name, container: serverContainerName });
  if (!lines.some((line) => bootOf(line) === boot)) {
    throw refused(
      name,
      'its log does not name this boot fingerprint',
      'an impostor would look like this; if the log was cut, or its level is above info: compare in another way, then --offline',
    );
  }
  return { image: imageOf(facts.pod)!, isImagePinned: pin.images.length > 0 };
}

function imageOf(pod: Pod | undefined): string | undefined {
  return pod === undefined ? undefined : serverImageOf(pod);
}

/** Sentences with which a server names its own boot fingerprint. */
const sentences: ReadonlySet<unknown> = new Set(['Listening', 'Sealed']);

/** Only as a member of the line itself: texts that came from elsewhere are quoted in others. */
function bootOf(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    const { msg, boot } = JSON.parse(line) as { readonly msg?: unknown; readonly boot?: unknown };
    return sentences.has(msg) ? boot : undefined;
  } catch {
    return undefined;
  }
}

function refused(name: string, why: string, next = 'an impostor would look like this: ask who runs it'): CommandError {
  return new CommandError('integrity', `Cannot trust the process: it is attested as the pod ${name}, but ${why}`, next);
}
