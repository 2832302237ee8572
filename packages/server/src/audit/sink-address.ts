/**
 * How an audit sink is named in the configuration: `stdout`, `file:/path` or the address of a collector.
 * It must never accept an address over which lines would leave this machine in clear.
 * @module
 */
export type SinkAddress =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string };
export type SinkKind = SinkAddress['kind'];

export const sinkAddressForm =
  'expected stdout, file:/path, or an https:// address without credentials, query or fragment';

/** Absolute, of a file. */
const filePath = /^file:\/\P{Cc}*[^/\p{Cc}]$/u;
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** @returns undefined for anything else */
export function parseSinkAddress(text: string): SinkAddress | undefined {
  if (text === 'stdout') return { kind: 'stdout' };
  if (filePath.test(text)) return { kind: 'file', path: text.slice('file:'.length) };
  return isCollector(text) ? { kind: 'http', url: text } : undefined;
}

function isCollector(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash, hostname } = new URL(text);
  const isPrivate = protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname));
  return isPrivate && username === '' && password === '' && search === '' && hash === '';
}
