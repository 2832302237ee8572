/**
 * The filters of templates, a fixed list: bytes to bytes, so that no value becomes a string.
 * It must never depend on anything but its input.
 * @module
 */
import { isUtf8 } from 'node:buffer';
import { encodeUtf8, ProblemError } from '@letterlock/protocol';

const code = (character: string): number => character.charCodeAt(0);
const unreserved = bytesOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~');
const hexadecimal = encodeUtf8('0123456789ABCDEF');
const base64Alphabet = encodeUtf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const [quote, backslash, apostrophe, percent, equals] = ['"', '\\', "'", '%', '='].map(code) as [
  number,
  number,
  number,
  number,
  number,
];
const endOfControls = 0x20;
const shortEscapes = new Map([
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
]);

/** Input bytes stay the caller's; the result is a copy. */
export const filters = {
  /** @source RFC 3986 §2.1, §2.3 */
  urlencode: (bytes) =>
    expand(bytes, (byte) =>
      unreserved.has(byte) ? [byte] : [percent, hexadecimal[byte >> 4]!, hexadecimal[byte & 0x0f]!],
    ),
  /** With padding. @source RFC 4648 §4 */
  base64: encodeBase64,
  /** A JSON string with its quotes. @source RFC 8259 §7 */
  json: writeJsonString,
  /** One word of a POSIX shell. */
  shellquote: (bytes) => {
    if (bytes.includes(0)) throw refuse('template_value', 'A value with a zero byte is not a word of a shell');
    const inner = expand(bytes, (byte) =>
      byte === apostrophe ? [apostrophe, backslash, apostrophe, apostrophe] : [byte],
    );
    return wrapped(inner, apostrophe);
  },
} as const satisfies Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>>;
export type FilterName = keyof typeof filters;

/** A JSON string. @throws 'bad_request' if the bytes are not UTF-8 */
export function writeJsonString(bytes: Uint8Array): Uint8Array {
  requireUtf8(bytes);
  const inner = expand(bytes, (byte) => {
    if (byte === quote || byte === backslash) return [backslash, byte];
    if (byte >= endOfControls) return [byte];
    const short = shortEscapes.get(byte);
    return encodeUtf8(short === undefined ? `\\u${byte.toString(16).padStart(4, '0')}` : `\\${short}`);
  });
  return wrapped(inner, quote);
}

/** @throws 'bad_request' */
export function requireUtf8(bytes: Uint8Array): void {
  if (isUtf8(bytes)) return;
  throw refuse('value_not_text', 'A value is not UTF-8 text, as this format needs');
}

/** Each byte becomes some bytes. */
export function expand(bytes: Uint8Array, each: (byte: number) => ArrayLike<number>): Uint8Array {
  let length = 0;
  for (const byte of bytes) length += each(byte).length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const byte of bytes) {
    const some = each(byte);
    out.set(some, at);
    at += some.length;
  }
  return out;
}

function encodeBase64(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4).fill(equals);
  let at = 0;
  for (let start = 0; start < bytes.length; start += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(start, start + 3);
    const left = Math.min(3, bytes.length - start);
    const word = (a << 16) | (b << 8) | c;
    for (let n = 0; n <= left; n += 1) out[at + n] = base64Alphabet[(word >> (18 - 6 * n)) & 0x3f]!;
    at += 4;
  }
  return out;
}

function wrapped(inner: Uint8Array, by: number): Uint8Array {
  const out = new Uint8Array(inner.length + 2);
  out[0] = by;
  out.set(inner, 1);
  out[out.length - 1] = by;
  inner.fill(0);
  return out;
}

function bytesOf(text: string): ReadonlySet<number> {
  return new Set(encodeUtf8(text));
}

function refuse(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_request', { reason, detail });
}
