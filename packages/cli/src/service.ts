/**
 * The service that this run is about: its addresses, and the pin that all of them share.
 * It must never let two addresses with different pins pass for one service.
 * @module
 */
import { endpointsOf, type ServiceAddress } from '@letterlock/client';
import type { Context } from './context.ts';
import { CommandError, usage } from './exit-status.ts';
import type { KnownServer, SharePin } from './state/known-servers.ts';

export interface Service {
  /** The first is what a single address is shown as, and where claims are said to be from. */
  readonly origins: readonly [string, ...string[]];
  /** What to give to the SDK: all replicas. */
  readonly address: ServiceAddress;
  /** Each address that was given, by itself, with the name to show for it. */
  readonly parts: readonly { readonly shown: string; readonly address: ServiceAddress }[];
}

/** The chosen service. @throws usage if there is none or an address is not one */
export async function readService(context: Context): Promise<Service> {
  const { addresses, dial } = await context.settings();
  const [first] = addresses;
  if (first === undefined) {
    throw usage(
      'Cannot connect: no address is given',
      'give --address, LETTERLOCK_ADDRESS, or a profile in config.yaml',
    );
  }
  if (dial.length > 0 && addresses.length > 1) {
    throw usage('Cannot connect: --dial goes with a single --address', 'name the one origin that all replicas have');
  }
  try {
    return serviceOf(dial.length === 0 ? addresses : { origin: first, addresses: dial });
  } catch (cause) {
    throw usage((cause as Error).message);
  }
}

/** A service by its address. @throws TypeError */
export function serviceOf(address: ServiceAddress): Service {
  const endpoints = endpointsOf(address);
  const [first, ...rest] = endpoints.map((endpoint) => endpoint.address.origin);
  return {
    origins: [first!, ...new Set(rest.filter((origin) => origin !== first))],
    address,
    parts:
      typeof address === 'object' && 'origin' in address
        ? address.addresses.map((shown) => ({ shown, address: { origin: address.origin, addresses: [shown] } }))
        : endpoints.map((endpoint) => ({ shown: endpoint.address.origin, address: endpoint.address.origin })),
  };
}

/** What is pinned for the addresses of a service. @throws integrity if the pins differ */
export function knownServer(context: Context, { origins }: Service): KnownServer | undefined {
  const [first, ...others] = origins.flatMap((origin) => context.knownServers.find(origin) ?? []);
  if (first === undefined || others.every(({ fingerprint }) => fingerprint === first.fingerprint)) return first;
  throw new CommandError(
    'integrity',
    'Cannot trust these addresses as one service: different fingerprints are pinned for them',
    'see "letterlock trust list"',
  );
}

/** The pin of an admin's share, wherever it was checked: a share is of the installation, not of an address. */
export function knownShare(context: Context, fingerprint: string, adminId: string): SharePin | undefined {
  const known = Object.values(context.knownServers.all()).filter((server) => server.fingerprint === fingerprint);
  return known.flatMap(({ shares }) => shares?.[adminId] ?? [])[0];
}
