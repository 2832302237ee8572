/**
 * Attestation in Kubernetes (protocol.md §8.1): a token of the pod whose audience names the boot keys, and the live pod.
 * It must never take a token for more than it says: what a replica is, this process's own pod tells.
 * @module
 */
import { audiencePrefixes, limits, ProblemError } from '@letterlock/protocol';
import { readTokenReview, type TokenFacts } from '../proof/index.ts';
import type { AttestedBoot, BootAttestor } from '../seal/index.ts';
import type { Clock } from '../store/clock.ts';
import { readServerPod, type ServerPod } from './server-pod.ts';
import type { WorkloadWitness } from './workload-witness.ts';

export interface OwnPod {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly name: string;
  readonly uid: string;
}

/** The API server, as a witness and as who signs for this very pod. */
export interface BootWitness extends WorkloadWitness {
  /** A token of the pod's ServiceAccount for one audience, bound to the pod. @throws 'unavailable' */
  requestBootToken(pod: OwnPod, audience: string): Promise<string>;
}

export interface KubernetesAttestorOptions {
  readonly witness: BootWitness;
  readonly trustDomain: string;
  readonly clock: Pick<Clock, 'monotonicSeconds'>;
  /** Where this process runs: its own pod. */
  readonly namespace: string;
  readonly pod: string;
  /** Name of the server's container in it. */
  readonly container: string;
}

/** A token is asked for again after this time, well before its hour ends: a sealed replica asks its peers every two seconds. */
const sameTokenSeconds = 600;
const tokenForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The port by the API server; the instance is the pod, the start its container. */
export function createKubernetesAttestor(o: KubernetesAttestorOptions): BootAttestor {
  const { witness, trustDomain, namespace, container } = o;
  const audienceOf = (boot: string): string => `${audiencePrefixes.boot}${trustDomain}:${boot}`;
  const readOwn = async (): Promise<ServerPod> => {
    const own = readServerPod(await witness.readPod(namespace, o.pod), container);
    // It runs, whatever the API server says just now.
    if (own === undefined) throw new ProblemError('unavailable', { reason: 'own_pod' });
    return own;
  };
  let latest: { readonly boot: string; readonly token: string; readonly atSeconds: number } | undefined;
  return {
    present: async (boot) => {
      const nowSeconds = o.clock.monotonicSeconds();
      if (latest?.boot === boot && nowSeconds - latest.atSeconds < sameTokenSeconds) return latest.token;
      const token = await witness.requestBootToken(await readOwn(), audienceOf(boot));
      latest = { boot, token, atSeconds: nowSeconds };
      return token;
    },
    verify: async ({ boot, token }) => {
      if (token.length > limits.attestationBytes || !tokenForm.test(token)) throw denied('attestation_malformed');
      const audience = audienceOf(boot);
      const verdict = readTokenReview(await witness.reviewToken({ token, audience }), audience);
      if (!verdict.isGenuine) throw denied(verdict.reason);
      const { facts } = verdict;
      // Before its pod is asked for: what is elsewhere is no replica.
      if (facts.namespace !== namespace) throw denied('attestation_namespace');
      const own = await readOwn();
      const peer = readServerPod(await witness.readPod(namespace, facts.podName), container);
      if (peer === undefined) throw denied('attestation_pod_gone');
      const violation = violations.find(({ isFound }) => isFound({ peer, own, facts }));
      if (violation !== undefined) throw denied(violation.reason);
      const { id: start, image } = peer.container!;
      return { instance: peer.uid, name: peer.name, start, image } satisfies AttestedBoot;
    },
  };
}

interface Finding {
  readonly peer: ServerPod;
  readonly own: ServerPod;
  readonly facts: TokenFacts;
}

const violations: readonly { readonly reason: string; readonly isFound: (finding: Finding) => boolean }[] = [
  { reason: 'attestation_service_account', isFound: ({ facts, own }) => facts.serviceAccount !== own.serviceAccount },
  { reason: 'attestation_service_account', isFound: ({ peer, own }) => peer.serviceAccount !== own.serviceAccount },
  // A pod of the same name may have come since.
  { reason: 'attestation_pod_uid', isFound: ({ peer, facts }) => peer.uid !== facts.podUid },
  { reason: 'attestation_pod_terminating', isFound: ({ peer }) => peer.isTerminating },
  { reason: 'attestation_owner', isFound: ({ own }) => own.statefulSet === undefined },
  { reason: 'attestation_owner', isFound: ({ peer, own }) => peer.statefulSet !== own.statefulSet },
  { reason: 'attestation_ephemeral_container', isFound: ({ peer }) => peer.hasEphemeral },
  { reason: 'attestation_container', isFound: ({ peer }) => peer.container === undefined },
];

function denied(reason: string): ProblemError {
  return new ProblemError('denied', { reason });
}
