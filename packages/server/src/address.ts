/**
 * Listener addresses and public origins as they are written in the configuration.
 * It must never resolve a name.
 * @module
 */

/** Where to listen. `host` undefined means every interface; port 0 means any free one. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

const addressPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/;

/** Reads `host:port`, `[ipv6]:port` or `:port`; undefined when it is none of them. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = addressPattern.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
}

/** Whether only programs on this machine can reach the address. */
export function isLoopback(host: string | undefined): boolean {
  return host === 'localhost' || host === '::1' || (host !== undefined && /^127(?:\.\d{1,3}){3}$/.test(host));
}

/** Whether a text is an origin as requests name it: `https://`, lower-case host, port unless 443, nothing after it. */
export function isPublicOrigin(text: string): boolean {
  if (!text.startsWith('https://') || !URL.canParse(text)) return false;
  return new URL(text).origin === text;
}

/** Host names of origins, without brackets, each once. */
export function hostsOf(origins: readonly string[]): readonly string[] {
  return [...new Set(origins.map((origin) => new URL(origin).hostname.replaceAll(/^\[|\]$/g, '')))];
}
