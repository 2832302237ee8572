/**
 * The replicas of a service and which of them a client talks to: it stays with one until that fails.
 * It must never judge who answers there: each connection is checked by itself.
 * @module
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { endpointsOf, type Endpoint, type ServerAddress, type ServiceAddress, type SharedOrigin } from './address.ts';
import { ConnectionError } from './errors.ts';

/** One process, as far as an address can tell. */
export interface Replica {
  /** What proofs name. */
  readonly address: ServerAddress;
  /** IP to dial, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Origin and address in one text. */
  readonly key: string;
}

/** Gives all IP addresses of a name. Throws what the system throws. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface ReplicasOptions {
  readonly resolve: Resolve;
  /** Milliseconds from any origin. */
  readonly monotonic: () => number;
  /** Which of so many that are equally good, from 0. */
  readonly pick: (count: number) => number;
}

/** The choice of one client. */
export class Replicas {
  readonly #endpoints: readonly Endpoint[];
  readonly #options: ReplicasOptions;
  /** When each last failed, milliseconds. */
  readonly #failures = new Map<string, number>();
  #current: Replica | undefined;
  #count = 1;

  constructor(endpoints: readonly Endpoint[], options: ReplicasOptions) {
    this.#endpoints = endpoints;
    this.#options = options;
  }

  /** How many there were when names were last resolved; at least 1. */
  get count(): number {
    return this.#count;
  }

  /**
   * The one to use: the same until it fails, then one that never did, or failed the longest ago. Names are resolved for each
   * choice, so that processes that came since are found. @throws ConnectionError when no name is known, the signal's reason
   */
  async current(signal: AbortSignal): Promise<Replica> {
    if (this.#current !== undefined) return this.#current;
    const found = await resolveAll(this.#endpoints, this.#options.resolve, signal);
    // Calls that wait together for the names share one choice.
    this.#current ??= this.#choose(found);
    return this.#current;
  }

  /** Leaves a replica, for all calls from now on. The only one there is stays. */
  failed(replica: Replica): void {
    this.#failures.set(replica.key, this.#options.monotonic());
    if (this.#count > 1) this.#leave(replica);
  }

  /** A connection could not be made: the name may stand for other addresses by now. */
  notReached(replica: Replica): void {
    this.#failures.set(replica.key, this.#options.monotonic());
    this.#leave(replica);
  }

  /** A call that fails late must not take away what others chose since. */
  #leave({ key }: Replica): void {
    if (this.#current?.key === key) this.#current = undefined;
  }

  #choose(found: readonly Replica[]): Replica {
    this.#count = found.length;
    const known = new Set(found.map(({ key }) => key));
    for (const key of this.#failures.keys()) if (!known.has(key)) this.#failures.delete(key);
    const failedAt = (replica: Replica): number => this.#failures.get(replica.key) ?? Number.NEGATIVE_INFINITY;
    const longestAgo = found.map(failedAt).reduce((one, other) => Math.min(one, other));
    const best = found.filter((replica) => failedAt(replica) === longestAgo);
    return best[this.#options.pick(best.length)]!;
  }
}

/** Every replica that an address stands for, each as an address of its own: for what concerns one process. @throws ConnectionError, TypeError */
export async function replicasOf(
  service: ServiceAddress,
  o: { readonly signal: AbortSignal; readonly resolve?: Resolve },
): Promise<readonly SharedOrigin[]> {
  const found = await resolveAll(endpointsOf(service), o.resolve ?? resolveHost, o.signal);
  return found.map(({ address, host, port }) => ({ origin: address.origin, addresses: [formatHost(host, port)] }));
}

/** `host:port`, IPv6 in brackets. */
export function formatHost(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** All addresses, in the order in which the system would use them. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

/** Every replica of some endpoints, none twice; names that are not known are left out. @throws ConnectionError if none is, the signal's reason */
export async function resolveAll(
  endpoints: readonly Endpoint[],
  resolve: Resolve,
  signal: AbortSignal,
): Promise<readonly [Replica, ...Replica[]]> {
  const settled = await abortable(
    Promise.allSettled(endpoints.map((endpoint) => resolveEndpoint(endpoint, resolve))),
    signal,
  );
  const found = settled.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const [first, ...rest] = new Map(found.map((replica) => [replica.key, replica])).values();
  if (first !== undefined) return [first, ...rest];
  const cause = settled.find((each) => each.status === 'rejected')?.reason as unknown;
  const names = endpoints.map(({ dialHost }) => dialHost).join(', ');
  throw new ConnectionError('connect_failed', `Cannot find ${names}: the name is not known`, 'not_sent', cause);
}

async function resolveEndpoint(
  { address, dialHost, dialPort }: Endpoint,
  resolve: Resolve,
): Promise<readonly Replica[]> {
  const hosts = isIP(dialHost) === 0 ? await resolve(dialHost) : [dialHost];
  return hosts.map((host) => ({
    address,
    host,
    port: dialPort,
    key: `${address.origin} ${formatHost(host, dialPort)}`,
  }));
}

/** The system cannot be told to stop looking: a caller that gave up does not wait for it. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
