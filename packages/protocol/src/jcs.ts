/**
 * JSON Canonicalization Scheme (RFC 8785) in the restricted profile of this protocol: objects, arrays, well-formed
 * strings, integers 0 … 2^53−1 and booleans; depth at most 6. It must never accept bytes that it would not itself write.
 * @module
 */
import { ProblemError } from './problems.ts';

export type JcsValue = string | number | boolean | readonly JcsValue[] | JcsObject;
export interface JcsObject {
  readonly [name: string]: JcsValue;
}

/** Depth of the deepest member; the outermost object is 1. */
export const maximumDepth = 6;

const protocolName = /^[a-z][a-z0-9_]{0,31}$/;
const secretMapName = /^[-._a-zA-Z0-9]{1,253}$/;

/** Which member names a document may have: the protocol's own, or those of a binding's secret map (decision 0003). */
export type NameRule = 'protocol' | 'secret-map';
const nameRules: Record<NameRule, RegExp> = { protocol: protocolName, 'secret-map': secretMapName };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Writes a value in canonical form. @throws TypeError if it is outside the restricted profile (a caller's bug). */
export function canonicalize(value: JcsValue): string {
  return write(value, 'protocol', 1);
}

/** Writes a binding's secret map, whose member names follow the rule of Kubernetes Secret keys. */
export function canonicalizeSecretMap(value: Readonly<Record<string, string>>): string {
  return write(value, 'secret-map', 1);
}

/** Canonical form as UTF-8 bytes. */
export function canonicalBytes(value: JcsValue): Uint8Array<ArrayBuffer> {
  return encoder.encode(canonicalize(value));
}

/**
 * Reads one canonical object. Duplicate members, `__proto__`, white space, escapes and number tricks all fail the same
 * comparison: what was read must be what would be written.
 * @param input - UTF-8 bytes or an already decoded string. @throws 'bad_encoding'
 */
export function parseCanonical(input: Uint8Array | string, names: NameRule = 'protocol'): JcsObject {
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notCanonical('json_syntax', 'The document is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw notCanonical('json_not_object', 'The document is not a JSON object');
  }
  let written: string;
  try {
    written = write(value, names, 1);
  } catch (error) {
    if (error instanceof ProfileError) throw notCanonical(error.reason, error.message);
    throw error;
  }
  if (written !== text) {
    throw notCanonical(
      'json_not_canonical',
      'The document is not in canonical form (RFC 8785); `jq -cSj .` writes this form',
    );
  }
  return value as JcsObject;
}

/** Strict UTF-8. @throws 'bad_encoding' */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw notCanonical('invalid_utf8', 'The document is not valid UTF-8');
  }
}

/** UTF-8 bytes of a string. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

class ProfileError extends TypeError {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

function notCanonical(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_encoding', { reason, detail });
}

function write(value: unknown, names: NameRule, depth: number): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new ProfileError('lone_surrogate', 'A string is not well-formed Unicode');
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
        throw new ProfileError('bad_number', 'A number is not an integer from 0 to 2^53-1');
      }
      return String(value);
    case 'object':
      return writeNested(value, names, depth);
    default:
      throw new ProfileError('bad_type', 'A value is none of object, array, string, integer and boolean');
  }
}

function writeNested(value: object | null, names: NameRule, depth: number): string {
  if (value === null) throw new ProfileError('null_member', 'null is not used: an optional member is absent');
  if (depth > maximumDepth)
    throw new ProfileError('json_too_deep', `The document is nested deeper than ${maximumDepth}`);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, names, depth + 1)).join(',')}]`;
  // The rules allow only ASCII names, so sorting by UTF-16 code unit (RFC 8785 §3.2.3) is the default sort.
  const entries = Object.keys(value).toSorted();
  const written = entries.map((name) => {
    if (!nameRules[names].test(name))
      throw new ProfileError('bad_member_name', 'A member has a name that is not allowed');
    return `"${name}":${write((value as Record<string, unknown>)[name], names, depth + 1)}`;
  });
  return `{${written.join(',')}}`;
}
