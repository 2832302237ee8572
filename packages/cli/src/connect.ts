/**
 * A client for the chosen service and key: the pin is looked up, or made by a person at the first contact.
 * It must never skip the check of the instance key, nor pin anything that nobody accepted.
 * @module
 */
import {
  inspectServer,
  LetterlockClient,
  type Identity,
  type ServerInspection,
  type Warning,
} from '@letterlock/client';
import { knownBootIdentities } from './boot-identities.ts';
import { knownCluster } from './cluster-pins.ts';
import type { Context } from './context.ts';
import { CommandError, usage } from './exit-status.ts';
import { confirm } from './prompt.ts';
import { patienceFor, readKeys } from './read-keys.ts';
import { knownServer, readService, type Service } from './service.ts';
import { formatTime } from './time-text.ts';

/** A client with what it was made of. */
export interface Connected extends Disposable {
  readonly client: LetterlockClient;
  readonly service: Service;
  /** The first of the service. */
  readonly origin: string;
  /** The pinned instance key's thumbprint. */
  readonly fingerprint: string;
  readonly identity: Identity;
}

/** Connects as the owner of the key, or as the given identity. @throws usage without address or key, integrity for another server than the pinned one */
export async function connect(context: Context, own?: Identity): Promise<Connected> {
  const identity = own ?? (await readIdentity(context));
  const service = await readService(context);
  const fingerprint = await trustedFingerprint(context, service);
  const client = new LetterlockClient({
    address: service.address,
    // In the order given: whoever lists addresses may have a reason.
    pick: () => 0,
    trust: { pinned: fingerprint },
    identity,
    ...patienceFor(identity),
    onWarning: (warning) => showWarning(context, warning),
    versions: context.knownSecrets.of(fingerprint),
    sequences: { get: (id) => context.knownIdentities.seen(id)?.seq, set: () => undefined },
  });
  return { client, service, origin: service.origins[0], fingerprint, identity, [Symbol.dispose]: () => client.close() };
}

/** The origin of the chosen address, of the first if there are several. @throws usage if there is none or it is not one */
export async function readOrigin(context: Context): Promise<string> {
  return (await readService(context)).origins[0];
}

/** The chosen key. @param o - `needsPrivate` false: it is only shown. @throws usage if there is none, it cannot be used, or it is not the profile's identity */
export async function readIdentity(
  context: Context,
  o: { readonly needsPrivate: boolean } = { needsPrivate: true },
): Promise<Identity> {
  const settings = await context.settings();
  const { keyPath } = settings;
  if (keyPath === undefined) {
    throw usage(
      'Cannot sign: no key is given',
      'give --key, LETTERLOCK_KEY, or a profile in config.yaml; make one with "letterlock key generate"',
    );
  }
  const { signingKey, openingKeys } = await readKeys(context, keyPath, o);
  if (settings.identity !== undefined && settings.identity !== signingKey.thumbprint) {
    throw usage(
      `Cannot use the key ${keyPath}: its id is ${signingKey.thumbprint}, the profile ${settings.profileName} expects ${settings.identity}`,
      'correct the profile, or name another key with --key',
    );
  }
  return { id: signingKey.thumbprint, signingKey, openingKeys };
}

/** The fingerprint to accept: `--trust`, the pin, or what a person accepts now. @throws integrity, usage, 'sealed' */
export async function trustedFingerprint(context: Context, service: Service): Promise<string> {
  const { trust } = await context.settings();
  const origin = service.origins.join(', ');
  const known = knownServer(context, service);
  if (trust !== undefined) {
    checkFingerprint(trust);
    if (known !== undefined && known.fingerprint !== trust) throw otherPin(origin, known.fingerprint, trust);
    return trust;
  }
  if (known !== undefined) return known.fingerprint;
  const shown = await context.progress(
    `Connecting to ${origin}`,
    inspectServer(service.address, { signal: context.signal }),
  );
  if (shown.fingerprint === undefined || !shown.isSigned) {
    throw new CommandError(
      'sealed',
      `Cannot verify ${origin}: a service that is ${shown.state} cannot sign who it is, and nothing is pinned`,
      'give its fingerprint with --trust, or wait until it is unsealed',
    );
  }
  await acceptFirstContact(context, shown, shown.fingerprint);
  pin(context, shown, shown.fingerprint);
  return shown.fingerprint;
}

/** Shows a fingerprint and asks. @throws usage where nobody can answer, integrity if it is declined */
export async function acceptFirstContact(
  context: Context,
  shown: ServerInspection,
  fingerprint: string,
): Promise<void> {
  const isAccepted = await confirm(
    context.terminal,
    `First contact with ${shown.address}, trust domain ${shown.trustDomain}.\n` +
      `Its fingerprint is ${fingerprint}\nCompare it with what who runs the service tells you.`,
    'ask who runs the service for its fingerprint, and give it with --trust',
  );
  if (!isAccepted) throw new CommandError('integrity', 'Cannot trust the server: its fingerprint was not accepted');
}

/** Keeps a verified server as the one of its address. */
export function pin(context: Context, shown: ServerInspection, fingerprint: string): void {
  const before = context.knownServers.find(shown.address);
  const bootIdentities = knownBootIdentities(context, fingerprint);
  const cluster = knownCluster(context, fingerprint);
  context.knownServers.put(shown.address, {
    fingerprint,
    instance: shown.instance ?? '',
    trustDomain: shown.trustDomain,
    pinnedAt: context.now(),
    certificates: shown.certificates,
    // Shares belong to an installation: another one's are of no use.
    ...(before?.fingerprint === fingerprint && before.shares !== undefined ? { shares: before.shares } : {}),
    ...(bootIdentities.length === 0 ? {} : { bootIdentities }),
    ...(cluster === undefined ? {} : { cluster }),
  });
}

/** @throws usage unless it is 43 characters of base64url. */
export function checkFingerprint(text: string, flag = '--trust'): void {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) {
    throw usage(
      `Cannot use ${flag}: a fingerprint has 43 characters of base64url`,
      'copy it from the start of the server, or from who runs it',
    );
  }
}

/** The alarm: another instance key than the pinned one. */
export function otherPin(origin: string, expected: string, actual: string): CommandError {
  return new CommandError(
    'integrity',
    `Cannot trust ${origin}: its pinned fingerprint is ${expected}, not ${actual}`,
    'a restarted transient service is a new instance: compare the new fingerprint with who runs it, then: letterlock trust add --replace',
  );
}

function showWarning(context: Context, warning: Warning): void {
  context.output.warn(
    `${warning.message} The local time is ${formatTime(context.now())}; "letterlock doctor" shows both.`,
  );
}

/** For what verifies without the service: that of --trust, or the pinned one of the address. @throws usage */
export async function expectedFingerprint(context: Context): Promise<string> {
  const { trust } = await context.settings();
  if (trust !== undefined) {
    checkFingerprint(trust);
    return trust;
  }
  const service = await readService(context);
  const known = knownServer(context, service);
  if (known === undefined)
    throw usage(`Cannot verify: ${service.origins[0]} is not pinned`, 'give the fingerprint with --trust');
  return known.fingerprint;
}
