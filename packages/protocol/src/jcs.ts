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

const memberName = /^[a-z][a-z0-9_]{0,31}$/;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Writes a value in canonical form. @throws TypeError if it is outside the restricted profile (a caller's bug). */
export function canonicalize(value: JcsValue): string {
  return write(value);
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
export function parseCanonical(input: Uint8Array | string): JcsObject {
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
    written = write(value);
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

/** Names that passed the rule, so that the usual ones cost no pattern match; bounded, since a caller chooses names. */
const knownNames = new Set<string>();
const knownNamesLimit = 512;

/** Native JSON.stringify writes the canonical form of whatever is inside the profile and has its members in order. */
function write(value: unknown): string {
  return JSON.stringify(isInOrder(value, 1) ? value : ordered(value));
}

/** Holds a value to the profile. @returns whether all members are in canonical order. @throws ProfileError */
function isInOrder(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new ProfileError('lone_surrogate', 'A string is not well-formed Unicode');
      return true;
    case 'boolean':
      return true;
    case 'number':
      if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
        throw new ProfileError('bad_number', 'A number is not an integer from 0 to 2^53-1');
      }
      return true;
    case 'object':
      return isNestedInOrder(value, depth);
    default:
      throw new ProfileError('bad_type', 'A value is none of object, array, string, integer and boolean');
  }
}

function isNestedInOrder(value: object | null, depth: number): boolean {
  if (value === null) throw new ProfileError('null_member', 'null is not used: an optional member is absent');
  if (depth > maximumDepth) {
    throw new ProfileError('json_too_deep', `The document is nested deeper than ${maximumDepth}`);
  }
  let result = true;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) result = isInOrder(item, depth + 1) && result;
    return result;
  }
  let previous = '';
  for (const name of Object.keys(value)) {
    checkName(name);
    // The rules allow only ASCII names, so comparing UTF-16 code units is the order of RFC 8785 §3.2.3.
    if (name < previous) result = false;
    previous = name;
    result = isInOrder((value as Record<string, unknown>)[name], depth + 1) && result;
  }
  return result;
}

function checkName(name: string): void {
  if (knownNames.has(name)) return;
  if (!memberName.test(name)) {
    throw new ProfileError('bad_member_name', 'A member has a name that is not allowed');
  }
  if (knownNames.size < knownNamesLimit) knownNames.add(name);
}

/** A copy whose members are in order; no allowed name is integer-like, so they keep it. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, item]) => [name, ordered(item)]));
}
