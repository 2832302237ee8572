/**
 * The address of a service: an origin, exactly as request proofs name it (protocol.md §4.1, `htu`).
 * It must never guess: what is not an https origin is refused.
 * @module
 */

/** `origin` = `https://` + host in lower case, A-labels, IPv6 in brackets, + `:port` unless 443. */
export interface ServerAddress {
  readonly origin: string;
  /** Host as dialled, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Value of the Host header. */
  readonly authority: string;
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
