/**
 * Where a service is reached: origins, exactly as request proofs name them (protocol.md §4.1, `htu`), and hosts to dial.
 * It must never guess: what is not an https origin is refused, and a host that is dialled never becomes part of a proof.
 * @module
 */
import { isIP } from 'node:net';

/** `origin` = `https://` + host in lower case, A-labels, IPv6 in brackets, + `:port` unless 443. */
export interface ServerAddress {
  readonly origin: string;
  /** Host as dialled, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Value of the Host header. */
  readonly authority: string;
}

/** Replicas behind one public origin, each dialled where it is: what proofs name is the origin. */
export interface SharedOrigin {
  /** `https://host[:port]`, one of the server's public origins. */
  readonly origin: string;
  /** `host` or `host:port` of each replica; the port is the origin's by default. */
  readonly addresses: readonly string[];
}

/**
 * Where a service is: an origin; one origin for each replica; or one origin for all with the addresses to dial. A host name
 * stands for all addresses that it resolves to.
 */
export type ServiceAddress = string | readonly string[] | SharedOrigin;

/** A host to dial and the origin that proofs name there. */
export interface Endpoint {
  readonly address: ServerAddress;
  /** Name or IP, IPv6 without brackets. */
  readonly dialHost: string;
  readonly dialPort: number;
}

/** Reads `https://host[:port]` or `host[:port]`. @throws TypeError for anything else. */
export function parseAddress(text: string): ServerAddress {
  const given = text.includes('://') ? text : `https://${text}`;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isOrigin =
    url !== undefined &&
    url.protocol === 'https:' &&
    url.hostname !== '' &&
    url.username === '' &&
    url.password === '' &&
    (url.pathname === '/' || url.pathname === '') &&
    !/[?#@\\]/.test(given);
  if (!isOrigin) throw new TypeError('Cannot use the address: expected https://host or https://host:port');
  return {
    origin: url.origin,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 443 : Number(url.port),
    authority: url.host,
  };
}

/** All endpoints of a service, none twice. @throws TypeError for none, or for one that cannot be read */
export function endpointsOf(service: ServiceAddress): readonly [Endpoint, ...Endpoint[]] {
  const endpoints = uniqueOf(readEndpoints(service));
  const [first, ...rest] = endpoints;
  if (first === undefined) throw new TypeError('Cannot use the address: none is given');
  return [first, ...rest];
}

function readEndpoints(service: ServiceAddress): readonly Endpoint[] {
  if (typeof service === 'string') return [endpointOf(parseAddress(service))];
  if (!('origin' in service)) return service.map((text) => endpointOf(parseAddress(text)));
  const address = parseAddress(service.origin);
  return service.addresses.map((text) => ({ address, ...readDial(text, address.port) }));
}

function endpointOf(address: ServerAddress): Endpoint {
  return { address, dialHost: address.host, dialPort: address.port };
}

function readDial(text: string, defaultPort: number): Pick<Endpoint, 'dialHost' | 'dialPort'> {
  if (isIP(text) !== 0) return { dialHost: text, dialPort: defaultPort };
  if (text.includes('://')) throw new TypeError('Cannot use the address to dial: expected host or host:port');
  const { host, port } = parseAddress(text);
  // 443 written out is a port like any other.
  return { dialHost: host, dialPort: /:\d+\/?$/.test(text) ? port : defaultPort };
}

function uniqueOf(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const keyOf = ({ address, dialHost, dialPort }: Endpoint): string => `${address.origin} ${dialHost} ${dialPort}`;
  return [...new Map(endpoints.map((endpoint) => [keyOf(endpoint), endpoint])).values()];
}
