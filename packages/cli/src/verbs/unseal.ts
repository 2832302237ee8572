/**
 * `letterlock unseal`: gives the own share to every process behind the addresses, and says who is missing at which.
 * It must never call a ceremony complete that the pinned instance key did not sign.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { knownBootIdentities } from '../boot-identities.ts';
import { attestationResult, type ClusterAttestation, type ClusterKnowledge } from '../cluster-attestation.ts';
import { knownCluster } from '../cluster-pins.ts';
import { checkFingerprint, readIdentity, trustedFingerprint } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, exitStatus, usage } from '../exit-status.ts';
import { clusterOptions, kubectlOf } from '../kubernetes/kubectl.ts';
import type { Row } from '../output.ts';
import { readService } from '../service.ts';
import { formatTime } from '../time-text.ts';
import { peopleText, replicaRows, shareRows } from '../unseal-report.ts';
import { placesOf, visit, type Visit, type Visitor } from '../unseal-visit.ts';
import { defineVerb } from '../verb.ts';

const options = {
  boot: {
    flags: '--boot <fingerprint...>',
    help: 'boot fingerprints of the processes, from their logs; default: the one of "share check", or asked for',
  },
  trustBoot: {
    flags: '--trust-boot <fingerprint...>',
    help: 'fingerprints of the static identities that attest the processes, at the first contact; they are pinned',
  },
  acceptUnpinnedShare: {
    flags: '--accept-unpinned-share',
    help: 'your share was never checked on this machine: believe the server which one it is',
  },
  ...clusterOptions,
  offline: {
    flags: '--offline',
    help: 'do not ask the pinned cluster: verify the tokens of the processes with its pinned keys alone',
  },
  status: { flags: '--status', help: 'give nothing: only show who has given a share and who is missing' },
  wait: {
    flags: '--wait',
    help: 'give your share, wait up to 15 minutes for the others, and check the transcript that the service signs',
  },
} as const;

/** As long as the service keeps a share. */
const waitSeconds = 900;
const pollMilliseconds = 1000;

export const verb = defineVerb({
  description:
    'Your share is decrypted here, compared with the pin of "share check", and encrypted to the one process that the boot fingerprint names. ' +
    'Every address that is given is visited, and all addresses of each host name: a share counts at the process that it was ' +
    'given to. One that is counted already is not given again. Where the processes are attested, their static identities are pinned ' +
    'at the first contact, and a process with another one gets nothing. In Kubernetes, once "letterlock trust cluster" has pinned the ' +
    'cluster, the token of each process is verified, and with kubectl its pod, the image and the log of it. Exit status 6 while shares are missing at any process that answers.',
  options,
  examples: [
    { command: 'letterlock unseal --key alice.key', does: 'give your share' },
    {
      command: 'letterlock unseal --key alice.key --wait',
      does: 'give it, and stay until the others have given theirs',
    },
    {
      command: 'letterlock unseal --key alice.key --status',
      does: 'who has given a share, who is missing; afterwards, for ten minutes: who unsealed it, signed',
    },
    {
      command: 'letterlock unseal --key alice.key --boot FINGERPRINT',
      does: 'give it to exactly this process, without a question',
    },
    {
      command:
        'letterlock unseal --key alice.key --address https://a.example:8443 --address https://b.example:8443 --boot FIRST SECOND',
      does: 'give it to two replicas whose logs you have read',
    },
    {
      command:
        "letterlock unseal --key 'pkcs11:token=alice;object=admin?module-path=/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so'",
      does: 'give it with the key on a smart card, asking for its PIN',
    },
  ],
  async run(context, { options: given }) {
    for (const boot of given.boot ?? []) checkFingerprint(boot, '--boot');
    for (const boot of given.trustBoot ?? []) checkFingerprint(boot, '--trust-boot');
    const identity = await readIdentity(context);
    const service = await readService(context);
    const fingerprint = await trustedFingerprint(context, service);
    const visitor: Visitor = {
      identity,
      service,
      fingerprint,
      pinned: knownBootIdentities(context, fingerprint),
      trusted: given.trustBoot ?? [],
      boots: given.boot,
      acceptUnpinnedShare: given.acceptUnpinnedShare,
      cluster: clusterOf(context, fingerprint, given),
      attested: new Map<string, ClusterAttestation>(),
    };
    let visits = await visitAll(context, visitor, !given.status);
    if (given.wait) visits = await waitForOthers(context, visitor, visits);
    const refused = visits.find(({ state }) => state === 'refused');
    const isReached = report(context, visits, visitor);
    if (refused !== undefined) throw refused.failure;
    if (!isReached) throw visits[0]?.failure;
  },
});

/** The pinned cluster, with kubectl where it was pinned by that or is chosen now. @throws usage for a choice without a pin */
function clusterOf(
  context: Context,
  fingerprint: string,
  given: { readonly kubeconfig: string | undefined; readonly context: string | undefined; readonly offline: boolean },
): ClusterKnowledge | undefined {
  const pin = knownCluster(context, fingerprint);
  const isChosen = given.kubeconfig !== undefined || given.context !== undefined;
  if (pin === undefined) {
    if (!isChosen && !given.offline) return undefined;
    throw usage('Cannot ask a cluster: none is pinned for this service', 'pin it with "letterlock trust cluster"');
  }
  if (given.offline || (!isChosen && !pin.isReachable)) return { pin, kubectl: undefined };
  return { pin, kubectl: kubectlOf(isChosen ? given : pin) };
}

/** One visit of each process; two addresses may lead to the same one. */
async function visitAll(context: Context, visitor: Visitor, isGiving: boolean): Promise<readonly Visit[]> {
  const visits: Visit[] = [];
  for (const place of await placesOf(context, visitor.service)) {
    const each = await visit(context, visitor, place, isGiving);
    if (each.boot === undefined || visits.every(({ boot }) => boot !== each.boot)) visits.push(each);
  }
  return visits;
}

/** Looks again until nobody is missing. @throws integrity when a process is unsealed and does not sign that this share was in it */
async function waitForOthers(context: Context, visitor: Visitor, visits: readonly Visit[]): Promise<readonly Visit[]> {
  const { id } = visitor.identity;
  const gaveTo = visits.filter(({ given, state }) => state === 'sealed' && given.includes(id)).map(({ boot }) => boot);
  const until = context.now() + waitSeconds;
  let latest = visits;
  while (latest.some(({ state }) => state === 'sealed') && context.now() < until) {
    await pause(pollMilliseconds, undefined, { signal: context.signal });
    latest = await visitAll(context, visitor, false);
  }
  const unsigned = latest.find(
    ({ boot, state, ceremony }) =>
      state === 'unsealed' && gaveTo.includes(boot) && ceremony?.admins.includes(id) !== true,
  );
  if (unsigned === undefined) return latest;
  throw new CommandError(
    'integrity',
    `Cannot accept ${unsigned.address}: it is unsealed and has not signed that your share was among those that did it`,
    'tell the other admins: it may be another service than yours',
  );
}

/** @returns whether there was anything to show */
function report(context: Context, visits: readonly Visit[], { identity, attested }: Visitor): boolean {
  const reached = visits.filter(({ failure }) => failure === undefined);
  const [first] = reached;
  if (first === undefined) return false;
  const waiting = reached.filter(({ state }) => state !== 'unsealed');
  const shown = waiting[0] ?? first;
  context.output.result(
    {
      state: shown.state,
      have: shown.have,
      k: shown.k,
      given: shown.given,
      missing: shown.missing,
      ...ceremonyOf(shown),
      replicas: visits.map((each) => {
        const { address, state, boot, have, k, given, missing } = each;
        const attestation = boot === undefined ? undefined : attested?.get(boot);
        return {
          address,
          state,
          boot,
          have,
          k,
          given,
          missing,
          ...ceremonyOf(each),
          ...(attestation === undefined ? {} : { attestation: attestationResult(attestation) }),
        };
      }),
    },
    [
      [
        'state',
        visits.length > 1 && waiting.length > 0 && waiting.length < reached.length ? 'partly sealed' : shown.state,
      ],
      ...(waiting.length === 0 ? ceremonyRows(context, reached) : shareRows(context, waiting, identity.id)),
      ...replicaRows(context, visits),
    ],
  );
  if (waiting.length > 0) process.exitCode = exitStatus.sealed;
  return true;
}

function ceremonyOf({ ceremony }: Visit) {
  return ceremony === undefined ? {} : { ceremony: { admins: ceremony.admins, at: ceremony.t } };
}

/** Each process was unsealed by itself, also by others. */
function ceremonyRows(context: Context, reached: readonly Visit[]): readonly Row[] {
  return reached.flatMap(({ address, ceremony }): readonly Row[] => {
    if (ceremony === undefined) return [];
    const at = reached.length === 1 ? '' : `; at ${address}`;
    return [
      ['unsealed by', `${peopleText(context, ceremony.admins)}${at}`],
      ['transcript', `signed by the pinned instance key, ${formatTime(ceremony.t)}`],
    ];
  });
}
