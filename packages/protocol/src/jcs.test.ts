/** Restricted JCS: one text for each document, and nothing outside the profile. @module */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canonicalBytes,
  canonicalize,
  decodeUtf8,
  encodeUtf8,
  maximumDepth,
  parseCanonical,
  type JcsObject,
  type JcsValue,
} from './jcs.ts';

const refusal = (reason: string): unknown => expect.objectContaining({ code: 'bad_encoding', reason });

describe('canonicalize()', () => {
  test.each<{ name: string; value: JcsValue; text: string }>([
    { name: 'sorted members', value: { b: 1, a: 2, a_1: 3, a1: 4 }, text: '{"a":2,"a1":4,"a_1":3,"b":1}' },
    { name: 'nested values', value: { a: [1, 'x', true, { b: [] }] }, text: '{"a":[1,"x",true,{"b":[]}]}' },
    { name: 'an empty object', value: {}, text: '{}' },
    { name: 'the largest integer', value: { a: 9_007_199_254_740_991 }, text: '{"a":9007199254740991}' },
    // RFC 8785 §3.2.2.2
    { name: 'escapes', value: { a: '\u20ac$\u000f\nA\'B"\\"/' }, text: String.raw`{"a":"€$\u000f\nA'B\"\\\"/"}` },
    { name: 'letters beyond the basic plane', value: { a: '😀é' }, text: '{"a":"😀é"}' },
  ])('writes $name', ({ value, text }) => {
    expect(canonicalize(value)).toBe(text);
    expect(Buffer.from(canonicalBytes(value)).toString()).toBe(text);
    expect(parseCanonical(text)).toEqual(value);
  });

  test.each<{ name: string; value: unknown; reason: string }>([
    { name: 'null', value: { a: null }, reason: 'null_member' },
    { name: 'undefined', value: { a: undefined }, reason: 'bad_type' },
    { name: 'a fraction', value: { a: 0.5 }, reason: 'bad_number' },
    { name: 'a negative integer', value: { a: -1 }, reason: 'bad_number' },
    { name: 'negative zero', value: { a: -0 }, reason: 'bad_number' },
    { name: 'more than 2^53 − 1', value: { a: 2 ** 53 }, reason: 'bad_number' },
    { name: 'NaN', value: { a: Number.NaN }, reason: 'bad_number' },
    { name: 'infinity', value: { a: Number.POSITIVE_INFINITY }, reason: 'bad_number' },
    { name: 'a lone surrogate', value: { a: '\ud800' }, reason: 'lone_surrogate' },
    { name: 'a capital in a name', value: { aB: 1 }, reason: 'bad_member_name' },
    { name: 'a name that begins with a digit', value: { '1a': 1 }, reason: 'bad_member_name' },
    { name: 'an empty name', value: { '': 1 }, reason: 'bad_member_name' },
    { name: 'a name of 33 characters', value: { ['a'.repeat(33)]: 1 }, reason: 'bad_member_name' },
    { name: 'a function', value: { a: () => 1 }, reason: 'bad_type' },
    { name: 'a bigint', value: { a: 1n }, reason: 'bad_type' },
    { name: 'seven levels', value: { a: [[[[[[1]]]]]] }, reason: 'json_too_deep' },
  ])('throws for $name', ({ value, reason }) => {
    expect(() => canonicalize(value as JcsValue)).toThrow(expect.objectContaining({ reason }));
  });
});

describe('parseCanonical()', () => {
  const deep = (levels: number): string => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;

  test(`allows ${maximumDepth} levels, the outermost object being the first`, () => {
    expect(parseCanonical(deep(maximumDepth))).toBeDefined();
  });

  test.each([
    { name: 'white space before', text: ' {}', reason: 'json_not_canonical' },
    { name: 'a newline behind', text: '{}\n', reason: 'json_not_canonical' },
    { name: 'white space inside', text: '{"a": 1}', reason: 'json_not_canonical' },
    { name: 'unsorted members', text: '{"b":1,"a":1}', reason: 'json_not_canonical' },
    { name: 'a member twice', text: '{"a":1,"a":2}', reason: 'json_not_canonical' },
    { name: 'an unneeded escape', text: String.raw`{"a":"\u0041"}`, reason: 'json_not_canonical' },
    { name: 'an escaped slash', text: String.raw`{"a":"\/"}`, reason: 'json_not_canonical' },
    { name: 'an escape with capitals', text: String.raw`{"a":"\u000F"}`, reason: 'json_not_canonical' },
    { name: 'an escaped name', text: String.raw`{"\u0061":1}`, reason: 'json_not_canonical' },
    { name: 'an exponent', text: '{"a":1e2}', reason: 'json_not_canonical' },
    { name: 'a fraction of zero', text: '{"a":1.0}', reason: 'json_not_canonical' },
    { name: '1e400', text: '{"a":1e400}', reason: 'bad_number' },
    { name: '2^53 + 1', text: '{"a":9007199254740993}', reason: 'bad_number' },
    { name: '-0', text: '{"a":-0}', reason: 'bad_number' },
    { name: 'a negative integer', text: '{"a":-1}', reason: 'bad_number' },
    { name: 'null', text: '{"a":null}', reason: 'null_member' },
    { name: '__proto__', text: '{"__proto__":{"a":1}}', reason: 'bad_member_name' },
    { name: 'a constructor with a capital', text: '{"hasOwnProperty":1}', reason: 'bad_member_name' },
    { name: 'a lone surrogate', text: String.raw`{"a":"\ud800"}`, reason: 'lone_surrogate' },
    { name: 'seven levels', text: deep(7), reason: 'json_too_deep' },
    {
      name: 'a hundred thousand levels',
      text: `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      reason: 'json_too_deep',
    },
    { name: 'an array', text: '[]', reason: 'json_not_object' },
    { name: 'a string', text: '"a"', reason: 'json_not_object' },
    { name: 'null itself', text: 'null', reason: 'json_not_object' },
    { name: 'nothing', text: '', reason: 'json_syntax' },
    { name: 'a trailing comma', text: '{"a":1,}', reason: 'json_syntax' },
    { name: 'two documents', text: '{}{}', reason: 'json_syntax' },
    { name: 'a comment', text: '{}//', reason: 'json_syntax' },
  ])('refuses $name', ({ text, reason }) => {
    expect(() => parseCanonical(text)).toThrow(refusal(reason));
    expect(() => parseCanonical(Buffer.from(text))).toThrow(refusal(reason));
  });

  test.each([
    { name: 'a byte alone', bytes: [0x7b, 0xff, 0x7d] },
    { name: 'an overlong form', bytes: [0x7b, 0xc0, 0xa2, 0x7d] },
    { name: 'a surrogate in UTF-8', bytes: [0x22, 0xed, 0xa0, 0x80, 0x22] },
    { name: 'a cut character', bytes: [0x22, 0xe2, 0x82] },
  ])('refuses $name', ({ bytes }) => {
    expect(() => parseCanonical(Uint8Array.from(bytes))).toThrow(refusal('invalid_utf8'));
    expect(() => decodeUtf8(Uint8Array.from(bytes))).toThrow(refusal('invalid_utf8'));
  });

  test('refuses a byte order mark', () => {
    expect(() => parseCanonical(Buffer.from('\uFEFF{}'))).toThrow(refusal('json_syntax'));
  });

  test('says how to write the form, and repeats nothing of the input', () => {
    expect(() => parseCanonical('{"secret": 1}')).toThrow('`jq -cSj .` writes this form');
    expect(() => parseCanonical('{"secret": 1}')).not.toThrow('secret');
  });

  test('has no way to the prototype', () => {
    const value = parseCanonical('{"constructor":"a"}');
    expect(Object.hasOwn(value, 'constructor')).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe('properties', () => {
  const runs = { numRuns: 100, seed: 20_260_901 };
  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,31}$/);
  const leaf: fc.Arbitrary<JcsValue> = fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeNat(), fc.boolean());
  const { value } = fc.letrec<{ value: JcsValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: maximumDepth - 2 },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  const document = fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true });

  test('parse(write(x)) = x, and write(parse(text)) = text', () => {
    fc.assert(
      fc.property(document, (written) => {
        const text = canonicalize(written);
        const parsed = parseCanonical(encodeUtf8(text));
        expect(parsed).toEqual(written);
        expect(canonicalize(parsed)).toBe(text);
      }),
      runs,
    );
  });

  test('the order of members in memory does not matter', () => {
    fc.assert(
      fc.property(document, (written: JcsObject) => {
        const turned = Object.fromEntries(Object.entries(written).toReversed());
        expect(canonicalize(turned)).toBe(canonicalize(written));
      }),
      runs,
    );
  });

  test('no text with one character inserted is accepted as another spelling', () => {
    fc.assert(
      fc.property(document, fc.nat(), fc.constantFrom(' ', '\n', '\t', ',', '0', '"'), (written, place, character) => {
        const text = canonicalize(written);
        const at = place % (text.length + 1);
        const changed = text.slice(0, at) + character + text.slice(at);
        let parsed: JcsObject | undefined;
        try {
          parsed = parseCanonical(changed);
        } catch {
          parsed = undefined;
        }
        // Inside a string or a number it may be another document, which then is its own canonical text.
        expect(parsed === undefined || canonicalize(parsed) === changed).toBe(true);
        expect(parsed === undefined || canonicalize(parsed) !== text).toBe(true);
      }),
      runs,
    );
  });
});
