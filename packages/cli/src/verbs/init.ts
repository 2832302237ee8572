/**
 * `letterlock init`: initialises a durable service with the certificates of its admins.
 * It must never pin what comes up unless it is the process whose boot fingerprint a person read in its log.
 * @module
 */
import { inspectServer, LetterlockClient, type Identity } from '@letterlock/client';
import { attestedIdentity, pinBootIdentities } from '../boot-identities.ts';
import { checkFingerprint, otherPin, pin, readIdentity } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, usage } from '../exit-status.ts';
import { pinAdminNames, readAdminCertificates } from '../files/admin-certificates.ts';
import { required } from '../people.ts';
import { patienceFor } from '../read-keys.ts';
import { readService, type Service } from '../service.ts';
import { defineVerb } from '../verb.ts';

const cardExample = 'pkcs11:token=alice;object=admin?module-path=/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so';

export const verb = defineVerb({
  description:
    'A transient service (store memory) initialises itself. A durable one waits for an admin whose certificate it was configured with. ' +
    'The server prints its boot fingerprint at start: read it from its log, not from the network.',
  options: {
    certificates: { flags: '--certificates <file...>', help: 'certificates of all admins, PEM' },
    threshold: {
      flags: '--threshold <number>',
      help: 'how many of them unseal together, as configured at the server; default 1: each alone',
    },
    boot: { flags: '--boot <fingerprint>', help: 'boot fingerprint of the process, from its log' },
    trustBoot: {
      flags: '--trust-boot <fingerprint...>',
      help: 'fingerprints of the static identities of all replicas, to pin; default: that of the process',
    },
  },
  examples: [
    {
      command: 'letterlock init --certificates alice.crt bob.crt carol.crt --boot FINGERPRINT --key alice.key',
      does: 'initialise as alice; each of the three will unseal alone',
    },
    {
      command:
        'letterlock init --certificates alice.crt bob.crt carol.crt --threshold 2 --boot FINGERPRINT --key alice.key',
      does: 'any two of the three will unseal, none of them alone',
    },
    {
      command: `letterlock init --certificates alice.crt --boot FINGERPRINT --key '${cardExample}'`,
      does: 'initialise as an admin whose key is on a smart card',
    },
    { command: 'letterlock init admin --name alice', does: 'make the key and the certificate of an admin first' },
  ],
  async run(context, { options }) {
    const boot = required(options.boot, '--boot', 'the boot fingerprint that the server printed at start');
    checkFingerprint(boot, '--boot');
    const trusted = options.trustBoot ?? [];
    for (const fingerprint of trusted) checkFingerprint(fingerprint, '--trust-boot');
    const files = options.certificates ?? [];
    if (files.length === 0)
      throw usage('Cannot initialise: --certificates is missing', 'name the certificates of all admins');
    const threshold = Number(options.threshold ?? 1);
    const admins = readAdminCertificates(files);
    if (!Number.isInteger(threshold) || threshold < 1 || threshold > admins.length) {
      throw usage(`Cannot initialise: --threshold is a number from 1 to ${admins.length}`);
    }
    const identity = await readIdentity(context);
    // One process is initialised, the first where several are named.
    const place = (await readService(context)).parts[0]!;
    const { shown: origin, address } = place;
    const before = await inspectServer(address, { signal: context.signal });
    if (before.state !== 'uninitialised') {
      throw new CommandError(
        'usage',
        `Cannot initialise ${origin}: it is ${before.state}`,
        'pin it with "letterlock trust add"',
      );
    }
    using client = new LetterlockClient({
      address,
      trust: { onFirstContact: () => false },
      identity,
      ...patienceFor(identity),
    });
    await context.progress(
      'Initialising',
      client.initialise({ boot, admins: admins.map(({ der }) => der), k: threshold, signal: context.signal }),
    );
    pinAdminNames(context, admins);
    await pinNew(context, { place, identity, boot, trusted, holders: admins.length, threshold });
  },
});

const byNothing = 'by nothing: at each unseal compare the boot fingerprint with the log';
const byCluster = 'by its cluster: each admin pins it with "letterlock trust cluster"';

/** Where the one process is that is initialised. */
type Place = Service['parts'][number];

async function pinNew(
  context: Context,
  o: {
    readonly place: Place;
    readonly identity: Identity;
    readonly boot: string;
    readonly trusted: readonly string[];
    readonly holders: number;
    readonly threshold: number;
  },
): Promise<void> {
  const { place, holders, threshold } = o;
  const shown = await inspectServer(place.address, { signal: context.signal });
  const origin = shown.address;
  const { fingerprint } = shown;
  if (fingerprint === undefined || !shown.isSigned)
    throw new CommandError('integrity', 'Cannot pin: the service did not sign who it is now');
  const { trust } = await context.settings();
  if (trust !== undefined && trust !== fingerprint) throw otherPin(origin, trust, fingerprint);
  context.output.note(`Initialised: ${threshold} of ${holders} admins unseal.`);
  const { attested, isOfCluster } = await requireBoot(context, o, fingerprint);
  pin(context, shown, fingerprint);
  const identities = attested === undefined ? [] : [...new Set([attested, ...o.trusted])];
  pinBootIdentities(context, fingerprint, identities);
  context.output.result({ address: origin, fingerprint, admins: holders, threshold, bootIdentities: identities }, [
    ['fingerprint', fingerprint],
    ['pinned for', origin],
    ...(identities.length === 0
      ? [['attested', isOfCluster ? byCluster : byNothing] as const]
      : identities.map((identity) => ['attested by', identity] as const)),
    ['next', 'each admin: letterlock trust add, then letterlock share check; nothing is stored before all have'],
    ['then', 'try once: letterlock seal, letterlock unseal'],
  ]);
}

/**
 * The status names the keys of its own connection, so that the right boot vouches for the instance key signed on it, and for
 * the static identity that attests it. @returns this identity, and whether a cluster attests the process instead
 */
async function requireBoot(
  context: Context,
  o: {
    readonly place: Place;
    readonly identity: Identity;
    readonly boot: string;
    readonly trusted: readonly string[];
  },
  fingerprint: string,
): Promise<{ readonly attested: string | undefined; readonly isOfCluster: boolean }> {
  const { place, identity } = o;
  using client = new LetterlockClient({
    address: place.address,
    trust: { pinned: fingerprint },
    identity,
    ...patienceFor(identity),
  });
  const status = await client.unsealStatus({ signal: context.signal });
  const { boot, token, trustDomain } = status;
  if (boot === o.boot) {
    const attested = attestedIdentity(context, { pinned: [], trusted: o.trusted }, { boot, token, trustDomain });
    return { attested, isOfCluster: attested === undefined && token !== undefined };
  }
  throw new CommandError(
    'integrity',
    `Cannot pin ${place.shown}: another process answers than the one that was initialised`,
    'read the boot fingerprints in the logs of all processes behind this address',
  );
}
