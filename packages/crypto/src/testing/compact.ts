/**
 * Changes to compact JWS and JWE for tests: one header member, one part, one bit.
 * It must never be imported outside tests.
 * @module
 */
import { decodeBase64url, encodeBase64url, encodeUtf8 } from '@letterlock/protocol';

/** The decoded header of a compact object. */
export function headerOf(compact: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(compact.split('.')[0]!, 'base64url').toString('utf8')) as Record<string, unknown>;
}

/** The same object with members of its header replaced or added; `undefined` removes one. Nothing is signed or sealed again. */
export function withHeader(compact: string, changes: Readonly<Record<string, unknown>>): string {
  return withRawHeader(compact, JSON.stringify({ ...headerOf(compact), ...changes }));
}

/** The same object with exactly this text as its header. */
export function withRawHeader(compact: string, header: string): string {
  return withPart(compact, 0, encodeBase64url(encodeUtf8(header)));
}

/** The same object with one part replaced. */
export function withPart(compact: string, index: number, part: string): string {
  return compact.split('.').with(index, part).join('.');
}

/** The same object with one bit of one part flipped; the part stays canonical base64url. */
export function withFlippedBit(compact: string, index: number, bit: number): string {
  const bytes = decodeBase64url(compact.split('.')[index]!);
  const at = bit % (bytes.length * 8);
  bytes[at >> 3]! ^= 1 << (at & 7);
  return withPart(compact, index, encodeBase64url(bytes));
}

/** The second base64url spelling of a part whose last character has unused bits; undefined if it has none. */
export function withStrayBits(part: string): string | undefined {
  if (part.length % 4 === 0) return undefined;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.at(-1)!) + 1]!;
}
