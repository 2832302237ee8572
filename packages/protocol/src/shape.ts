/**
 * Typed readers for canonical documents: exact members, exact types, a fresh object. Unknown, missing and mistyped
 * members are refused here, once; code behind it never checks again. It must never echo a value.
 * @module
 */
import { isBase64url } from './base64url.ts';
import { encodeUtf8, type JcsObject, type JcsValue } from './jcs.ts';
import { ProblemError } from './problems.ts';

/** Reads one value; `at` is the path of member names for the error text. */
export type Reader<T> = (value: JcsValue, at: string) => T;
export interface OptionalReader<T> {
  readonly optional: Reader<T>;
}
export type Member<T> = Reader<T> | OptionalReader<T>;
export type Members = Readonly<Record<string, Member<unknown>>>;

export type RequiredNames<M extends Members> = {
  [N in keyof M]: M[N] extends OptionalReader<unknown> ? never : N;
}[keyof M];
export type OptionalNames<M extends Members> = Exclude<keyof M, RequiredNames<M>>;
export type Read<M> = M extends OptionalReader<infer T> ? T : M extends Reader<infer T> ? T : never;
/** The object type that a member table reads. */
export type ObjectOf<M extends Members> = { readonly [N in RequiredNames<M>]: Read<M[N]> } & {
  readonly [N in OptionalNames<M>]?: Read<M[N]>;
};

function refuse(reason: string, at: string, expected: string): ProblemError {
  return new ProblemError('bad_encoding', { reason, detail: `Member ${at === '' ? '(document)' : at}: ${expected}` });
}

/** Marks a member that may be absent. */
export function optional<T>(reader: Reader<T>): OptionalReader<T> {
  return { optional: reader };
}

/** An object with exactly these members. */
export function object<M extends Members>(members: M): Reader<ObjectOf<M>> {
  const names = Object.keys(members);
  return (value, at) => {
    if (typeof value !== 'object' || Array.isArray(value)) throw refuse('bad_type', at, 'expected an object');
    const source = value as JcsObject;
    for (const name of Object.keys(source)) {
      // The unknown name itself is the caller's text, so it is not repeated.
      if (!Object.hasOwn(members, name)) throw refuse('unknown_field', at, 'has a member that is not known here');
    }
    const result: Record<string, unknown> = {};
    for (const name of names) {
      const member = members[name]!;
      const inside = at === '' ? name : `${at}.${name}`;
      const present = Object.hasOwn(source, name);
      if (typeof member === 'function') {
        if (!present) throw refuse('missing_field', inside, 'is missing');
        result[name] = member(source[name]!, inside);
      } else if (present) result[name] = member.optional(source[name]!, inside);
    }
    return result as ObjectOf<M>;
  };
}

/** An array of at least `minimum` and at most `maximum` items. */
export function array<T>(item: Reader<T>, maximum: number, minimum = 0): Reader<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw refuse('bad_type', at, 'expected an array');
    if (value.length < minimum || value.length > maximum) {
      throw refuse('bad_length', at, `expected ${minimum} to ${maximum} items`);
    }
    return value.map((entry, index) => item(entry as JcsValue, `${at}[${index}]`));
  };
}

/** An array of exactly these items in this order. */
export function tuple<const R extends readonly Reader<unknown>[]>(
  ...items: R
): Reader<{ readonly [I in keyof R]: Read<R[I]> }> {
  return (value, at) => {
    if (!Array.isArray(value)) throw refuse('bad_type', at, 'expected an array');
    if (value.length !== items.length) throw refuse('bad_length', at, `expected ${items.length} items`);
    return items.map((item, index) => item(value[index] as JcsValue, `${at}[${index}]`)) as {
      readonly [I in keyof R]: Read<R[I]>;
    };
  };
}

/** A string of at most `maximumBytes` bytes of UTF-8. */
export function text(maximumBytes: number): Reader<string> {
  return (value, at) => {
    if (typeof value !== 'string') throw refuse('bad_type', at, 'expected a string');
    if (value.length > maximumBytes || encodeUtf8(value).length > maximumBytes) {
      throw refuse('too_long', at, `expected at most ${maximumBytes} bytes`);
    }
    return value;
  };
}

/** A string that matches a pattern, described in words for the error. */
export function matching(pattern: RegExp, words: string): Reader<string> {
  return (value, at) => {
    if (typeof value !== 'string') throw refuse('bad_type', at, 'expected a string');
    if (!pattern.test(value)) throw refuse('bad_form', at, `expected ${words}`);
    return value;
  };
}

/** One of a fixed set of strings. */
export function oneOf<const T extends string>(...values: readonly T[]): Reader<T> {
  return (value, at) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw refuse('bad_form', at, `expected one of ${values.join(', ')}`);
    return found;
  };
}

/** An integer from `minimum` to `maximum`. */
export function integer(minimum = 0, maximum: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value, at) => {
    if (typeof value !== 'number') throw refuse('bad_type', at, 'expected an integer');
    if (value < minimum || value > maximum) throw refuse('out_of_range', at, `expected ${minimum} to ${maximum}`);
    return value;
  };
}

/** Canonical base64url of exactly or at most so many characters. */
export function base64url(length: { readonly exactly: number } | { readonly atMost: number }): Reader<string> {
  return (value, at) => {
    if (typeof value !== 'string') throw refuse('bad_type', at, 'expected a string');
    const fits = 'exactly' in length ? value.length === length.exactly : value.length <= length.atMost;
    if (!fits || !isBase64url(value)) {
      const size = 'exactly' in length ? `${length.exactly}` : `at most ${length.atMost}`;
      throw refuse('base64url_not_canonical', at, `expected ${size} characters of canonical base64url`);
    }
    return value;
  };
}

/** 16 random bytes. */
export const identifier: Reader<string> = base64url({ exactly: 22 });
/** A SHA-256 hash or RFC 7638 thumbprint. */
export const hash: Reader<string> = base64url({ exactly: 43 });
/** Seconds since 1970-01-01T00:00:00Z. */
export const seconds: Reader<number> = integer();

/** A compact JWS by its form only: three non-empty parts of canonical base64url. */
export function jws(maximumCharacters: number): Reader<string> {
  return compact({ parts: 3, mayBeEmpty: -1, words: 'a compact JWS' }, maximumCharacters);
}

/** A compact JWE by its form only: five parts of canonical base64url, the second empty for `dir`. */
export function jwe(maximumCharacters: number): Reader<string> {
  return compact({ parts: 5, mayBeEmpty: 1, words: 'a compact JWE' }, maximumCharacters);
}

function compact(
  form: { readonly parts: number; readonly mayBeEmpty: number; readonly words: string },
  maximumCharacters: number,
): Reader<string> {
  return (value, at) => {
    if (typeof value !== 'string') throw refuse('bad_type', at, 'expected a string');
    const parts = value.length > maximumCharacters ? [] : value.split('.', form.parts + 1);
    const isRight =
      parts.length === form.parts &&
      parts.every((part, index) => (part !== '' || index === form.mayBeEmpty) && isBase64url(part));
    if (!isRight) throw refuse('bad_form', at, `expected ${form.words} of at most ${maximumCharacters} characters`);
    return value;
  };
}

/** A JWK whose member values are strings; which members belong together is checked at import. */
export const publicJwk: Reader<Readonly<Record<string, string>>> = (value, at) => {
  if (typeof value !== 'object' || Array.isArray(value)) throw refuse('bad_type', at, 'expected a JWK');
  const result: Record<string, string> = {};
  for (const [name, member] of Object.entries(value)) {
    if (typeof member !== 'string' || member.length > 1024) throw refuse('bad_type', at, 'expected a JWK of strings');
    result[name] = member;
  }
  return result;
};
