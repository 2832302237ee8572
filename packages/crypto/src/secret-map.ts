/**
 * The content of a binding's secret: a canonical JSON object from key to base64url value, read and written as bytes.
 * It must never let a value become a string, nor accept bytes that it would not itself write.
 * @module
 */
import { encodeUtf8, limits, ProblemError } from '@letterlock/protocol';
import { SecretBytes } from './secret-bytes.ts';

/** Media type of such content. */
export const secretMapType = 'application/vnd.letterlock.map+json';
/** Most keys of one secret. */
export const secretMapKeys = 64;

const keyPattern = /^(?!\.{1,2}$)[-._a-zA-Z0-9]{1,253}$/;
const alphabet = encodeUtf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const valueOf = new Uint8Array(256).fill(0xff);
for (const [value, character] of alphabet.entries()) valueOf[character] = value;
const [open, close, quote, colon, comma] = [0x7b, 0x7d, 0x22, 0x3a, 0x2c];

/** Whether a text can be a key: the rule of Kubernetes for keys of a Secret. */
export function isSecretMapKey(text: string): boolean {
  return keyPattern.test(text);
}

/** Writes the object, keys in order. @throws RangeError for keys that are none, 'too_large' */
export function encodeSecretMap(entries: ReadonlyMap<string, SecretBytes | Uint8Array>): SecretBytes {
  const names = [...entries.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  if (names.length === 0 || names.length > secretMapKeys || !names.every(isSecretMapKey)) {
    throw new RangeError(`Cannot write a secret: it has 1 to ${secretMapKeys} keys of letters, digits, -, _ and .`);
  }
  const values = names.map((name) => exposed(entries.get(name)!));
  const length = names.reduce((sum, name, n) => sum + name.length + 6 + encodedLength(values[n]!.length), 1);
  if (length > limits.contentBytes) {
    const detail = `Cannot write a secret: its values are too long, ${limits.contentBytes} bytes are the most`;
    throw new ProblemError('too_large', { reason: 'TooLarge', detail });
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const [n, name] of names.entries()) {
    out[at++] = n === 0 ? open : comma;
    out[at++] = quote;
    out.set(encodeUtf8(name), at);
    at += name.length;
    out[at++] = quote;
    out[at++] = colon;
    out[at++] = quote;
    at = encodeInto(values[n]!, out, at);
    out[at++] = quote;
  }
  out[at] = close;
  return SecretBytes.take(out);
}

/** Reads the object; the values are the caller's to dispose of. @throws 'bad_encoding' */
export function decodeSecretMap(bytes: Uint8Array): ReadonlyMap<string, SecretBytes> {
  const result = new Map<string, SecretBytes>();
  try {
    let at = 0;
    let previous = '';
    do {
      expectByte(bytes, at++, result.size === 0 ? open : comma);
      const nameEnd = stringEnd(bytes, at);
      const name = Buffer.from(bytes.subarray(at + 1, nameEnd)).toString('latin1');
      if (!isSecretMapKey(name) || name <= previous || result.size >= secretMapKeys) throw refuse();
      previous = name;
      expectByte(bytes, nameEnd + 1, colon);
      const valueEnd = stringEnd(bytes, nameEnd + 2);
      result.set(name, decodeValue(bytes.subarray(nameEnd + 3, valueEnd)));
      at = valueEnd + 1;
    } while (bytes[at] !== close);
    if (at !== bytes.length - 1) throw refuse();
    return result;
  } catch (error) {
    for (const value of result.values()) value[Symbol.dispose]();
    throw error;
  }
}

function exposed(value: SecretBytes | Uint8Array): Uint8Array {
  return value instanceof SecretBytes ? value.expose() : value;
}

function encodedLength(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}

function encodeInto(bytes: Uint8Array, out: Uint8Array, start: number): number {
  let at = start;
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out[at++] = alphabet[(held >> bits) & 0x3f]!;
    }
  }
  if (bits > 0) out[at++] = alphabet[(held << (6 - bits)) & 0x3f]!;
  return at;
}

/** Canonical only: no stray bits, no length that no bytes have. */
function decodeValue(text: Uint8Array): SecretBytes {
  if (text.length % 4 === 1) throw refuse();
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let bits = 0;
  let held = 0;
  for (const character of text) {
    const value = valueOf[character]!;
    if (value > 0x3f) throw refuse();
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 0xff;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) throw refuse();
  return SecretBytes.take(out);
}

/** Where the string ends that begins with a quote at `start`; neither keys nor values need escapes. */
function stringEnd(bytes: Uint8Array, start: number): number {
  expectByte(bytes, start, quote);
  const end = bytes.indexOf(quote, start + 1);
  if (end < 0) throw refuse();
  return end;
}

function expectByte(bytes: Uint8Array, at: number, wanted: number): void {
  if (bytes[at] !== wanted) throw refuse();
}

function refuse(): ProblemError {
  return new ProblemError('bad_encoding', {
    reason: 'secret_map',
    detail: 'The content is not an object from key to base64url value in canonical form',
  });
}
