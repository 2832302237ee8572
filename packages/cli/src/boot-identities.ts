/**
 * Who vouches for the process that asks for a share: the pinned cluster or static identities, or a person who read its boot fingerprint.
 * It must never let a share go to a process that shows less than what is pinned, nor pin what nobody vouched for.
 * @module
 */
import { attestationKind, readBootStatement, type Boot } from '@letterlock/client';
import {
  attestByCluster,
  describeAttestation,
  type ClusterAttestation,
  type ClusterKnowledge,
} from './cluster-attestation.ts';
import type { Context } from './context.ts';
import { CommandError } from './exit-status.ts';
import { confirm } from './prompt.ts';

/** What a run knows about the processes that it will meet, collected once: what is pinned meanwhile does not change the question. */
export interface BootKnowledge {
  /** The pinned instance key's thumbprint. */
  readonly fingerprint: string;
  /** Fingerprints of static identities that were pinned before this run. */
  readonly pinned: readonly string[];
  /** Those given with --trust-boot. */
  readonly trusted: readonly string[];
  /** Boot fingerprints that a person has read in the logs; undefined: asked for. */
  readonly boots: readonly string[] | undefined;
  /** The pinned cluster: it alone attests then, and without a question. */
  readonly cluster?: ClusterKnowledge | undefined;
  /** By boot fingerprint: what a cluster attested in this run. */
  readonly attested?: Map<string, ClusterAttestation>;
}

/** Static identities pinned for an installation, at whichever of its addresses. */
export function knownBootIdentities(context: Context, fingerprint: string): readonly string[] {
  const known = Object.values(context.knownServers.all()).filter((server) => server.fingerprint === fingerprint);
  return [...new Set(known.flatMap(({ bootIdentities }) => bootIdentities ?? []))];
}

/** Adds to the pins of every known address of an installation. */
export function pinBootIdentities(context: Context, fingerprint: string, identities: readonly string[]): void {
  if (identities.length === 0) return;
  for (const [origin, server] of Object.entries(context.knownServers.all())) {
    if (server.fingerprint !== fingerprint) continue;
    const bootIdentities = [...new Set([...(server.bootIdentities ?? []), ...identities])];
    context.knownServers.put(origin, { ...server, bootIdentities });
  }
}

/**
 * Whether a process may be given the share. @param knownBoot - its boot fingerprint at the last share check
 * @returns false for another process than those that a person named. @throws integrity where an attestation is wrong, missing or changed
 */
export async function vouch(
  context: Context,
  knowledge: BootKnowledge,
  shown: Boot,
  knownBoot: string | undefined,
): Promise<boolean> {
  const { boots, pinned, trusted, cluster } = knowledge;
  if (cluster !== undefined) {
    const attested = await attestByCluster(context, cluster, shown);
    if (boots?.includes(shown.boot) === false) return false;
    knowledge.attested?.set(shown.boot, attested);
    context.output.note(describeAttestation(attested));
    return true;
  }
  const identity = attestedIdentity(context, knowledge, shown);
  if (boots?.includes(shown.boot) === false) return false;
  const isVouched = boots !== undefined || shown.boot === knownBoot;
  if (identity === undefined) {
    const isOfCluster = shown.token !== undefined;
    if (isVouched) {
      context.output.note(
        isOfCluster
          ? 'A cluster attests this process, and none is pinned: its boot fingerprint is what was compared. Pin it: letterlock trust cluster'
          : 'Nothing attests this process: its boot fingerprint is what was compared.',
      );
      return true;
    }
    return confirm(
      context.terminal,
      `${asksFor(shown)}\n${isOfCluster ? 'A cluster attests it that is not pinned' : 'Nothing attests it'}: ${compare}`,
      isOfCluster ? `pin the cluster: "letterlock trust cluster"; or ${byHand}` : byHand,
    );
  }
  if (pinned.includes(identity)) return true;
  const isAccepted =
    isVouched ||
    trusted.includes(identity) ||
    (await confirm(
      context.terminal,
      `${asksFor(shown)}\nIt is attested by the static identity\n  ${identity}\nwhich is new here. Compare it with who runs the service, or the boot fingerprint with the log of the server.`,
      'give the fingerprint of its static identity with --trust-boot, or its boot fingerprint from the log with --boot',
    ));
  if (isAccepted) pinBootIdentities(context, knowledge.fingerprint, [identity]);
  return isAccepted;
}

/**
 * The identity that attests a process, after all checks but the question whether a new one is accepted; undefined where nothing
 * attests and nothing is expected to. @throws integrity
 */
export function attestedIdentity(
  context: Context,
  { pinned, trusted }: Pick<BootKnowledge, 'pinned' | 'trusted'>,
  shown: Boot,
): string | undefined {
  const isExpected = pinned.length + trusted.length > 0;
  // The cluster of a ServiceAccount token is not known here: as good as no token.
  if (shown.token === undefined || (!isExpected && attestationKind(shown.token) === 'kubernetes')) {
    if (!isExpected) return undefined;
    throw new CommandError(
      'integrity',
      'Cannot trust the process: nothing attests it, and the static identities of this service are known',
      'an impostor would look like this: ask who runs it; if attestation was switched off on purpose, "letterlock trust remove" and pin again',
    );
  }
  const identity = readBootStatement(shown.token, shown, context.now());
  // A flag says what to expect at the first contact: it adds a condition, and overrules no pin.
  const other = [pinned, trusted].find((known) => known.length > 0 && !known.includes(identity));
  if (other === undefined) return identity;
  throw new CommandError(
    'integrity',
    `Cannot trust the process: its static identity is ANOTHER one: it is ${identity}, expected was ${other.join(' or ')}`,
    'an impostor would look like this: compare with who runs it; if a replica was added: letterlock trust add --boot-identity FINGERPRINT',
  );
}

const byHand = 'give the boot fingerprint from the log of the server with --boot';
const compare = 'compare the fingerprint with the log of the server, not with the network.';

function asksFor({ boot, trustDomain }: Boot): string {
  return `A process of ${trustDomain} asks for your share. Its boot fingerprint is\n  ${boot}`;
}
