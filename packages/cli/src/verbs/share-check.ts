/**
 * `letterlock share check`: decrypts the own share, pins its commitment, and proves to the service that it is there.
 * It must never replace the pin of a share unasked: a changed one is the alarm.
 * @module
 */
import { ConnectionError, inspectServer, LetterlockClient } from '@letterlock/client';
import { attestedIdentity, knownBootIdentities, pinBootIdentities } from '../boot-identities.ts';
import { attestByCluster } from '../cluster-attestation.ts';
import { knownCluster } from '../cluster-pins.ts';
import { connect, pin, type Connected } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError } from '../exit-status.ts';
import { pinAdminNames, readAdminCertificates } from '../files/admin-certificates.ts';
import type { Row } from '../output.ts';
import { nameAndId } from '../people.ts';
import { patienceFor } from '../read-keys.ts';
import { knownShare } from '../service.ts';
import { placesOf } from '../unseal-visit.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Every admin runs it once after the initialisation, while the service is unsealed; a durable one stores nothing before. ' +
    'At unseal your share is compared with what was pinned here, never with what a server says. The static identities that attest ' +
    'the replicas are pinned too, since the pinned instance key vouches for these connections now.',
  options: {
    certificates: {
      flags: '--certificates <file...>',
      help: 'certificates of the other admins, PEM: pin their names, so that "unseal" says who is missing',
    },
    replace: { flags: '--replace', help: 'forget the share that is pinned, after the admins changed the shares' },
  },
  examples: [
    { command: 'letterlock share check --key alice.key', does: 'check and pin your share' },
    {
      command: 'letterlock share check --key alice.key --certificates bob.crt carol.crt',
      does: 'the same, and know bob and carol by name',
    },
  ],
  async run(context, { options }) {
    const others = readAdminCertificates(options.certificates ?? []);
    using connected = await connect(context);
    const { client, fingerprint, identity } = connected;
    const { signal } = context;
    const origin = await ensurePinned(context, connected);
    const { identities, isOfCluster } = await attestedReplicas(context, connected);
    const before = options.replace ? undefined : knownShare(context, fingerprint, identity.id);
    const share = await context.progress('Checking your share', client.checkShare({ signal, pin: before }));
    const { boot, admins, acked } = await client.unsealStatus({ signal });
    context.knownServers.pinShare(origin, identity.id, { ...share, boot });
    pinBootIdentities(context, fingerprint, identities);
    pinAdminNames(context, others);
    const missing = acked === undefined ? [] : admins.filter((id) => !acked.includes(id));
    const result = {
      admin: identity.id,
      generation: share.generation,
      isNew: before === undefined,
      boot,
      missing,
      bootIdentities: identities,
    };
    context.output.result(result, [
      ['share', before === undefined ? 'opens, pinned now' : 'opens, and is the pinned one'],
      ['generation', String(share.generation)],
      ['admin', identity.id],
      ...identities.map((each) => ['attested by', each] as const),
      ...(isOfCluster && knownCluster(context, fingerprint) === undefined
        ? [['attested', 'by a cluster that is not pinned: letterlock trust cluster'] as const]
        : []),
      ...nextRows(context, missing, acked !== undefined),
    ]);
  },
});

interface Replicas {
  /** Static identities. */
  readonly identities: readonly string[];
  /** Whether one showed a token of a cluster. */
  readonly isOfCluster: boolean;
}

/**
 * What attests all replicas whose connections the pinned instance key has signed for: it vouches for their static identities.
 * @throws integrity for one that is not among those that are pinned
 */
async function attestedReplicas(context: Context, { service, fingerprint, identity }: Connected): Promise<Replicas> {
  const cluster = knownCluster(context, fingerprint);
  let isOfCluster = false;
  const pinned = knownBootIdentities(context, fingerprint);
  const found = new Set<string>();
  for (const { address } of await placesOf(context, service)) {
    using client = new LetterlockClient({
      address,
      trust: { pinned: fingerprint },
      identity,
      ...patienceFor(identity),
    });
    const status = await unlessAway(client.unsealStatus({ signal: context.signal }));
    if (status?.isVouched !== true) continue;
    const { boot, token, trustDomain } = status;
    const shown = { boot, token, trustDomain };
    if (cluster !== undefined) {
      await attestByCluster(context, { pin: cluster, kubectl: undefined }, shown);
      isOfCluster = true;
      continue;
    }
    const attested = attestedIdentity(context, { pinned, trusted: [] }, shown);
    if (attested !== undefined) found.add(attested);
    else isOfCluster ||= token !== undefined;
  }
  return { identities: [...found], isOfCluster };
}

/** A replica that is not there is met another time. */
async function unlessAway<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ConnectionError) return undefined;
    throw error;
  }
}

/** A transient service waits for nobody. */
function nextRows(context: Context, missing: readonly string[], isDurable: boolean): readonly Row[] {
  if (!isDurable) return [];
  if (missing.length === 0) return [['next', 'every admin has checked: try seal and unseal once']];
  const people = missing.map((id) => nameAndId(context, id)).join(', ');
  return [['next', `nothing is stored before these have done the same: ${people}`]];
}

/** With --trust alone there is no entry yet that the share could be kept in. @returns the origin of the entry */
async function ensurePinned(context: Context, { service, fingerprint }: Connected): Promise<string> {
  const pinned = service.origins.find((each) => context.knownServers.find(each) !== undefined);
  if (pinned !== undefined) return pinned;
  const shown = await inspectServer(service.address, { signal: context.signal });
  if (!shown.isSigned || shown.fingerprint !== fingerprint)
    throw new CommandError(
      'sealed',
      `Cannot pin ${shown.address}: it is ${shown.state}`,
      'check your share when it is unsealed',
    );
  pin(context, shown, fingerprint);
  return shown.address;
}
