/** Typed readers: exact members, exact types, a fresh object, nothing repeated. @module */
import { describe, expect, test } from '@jest/globals';
import { parseCanonical, type JcsValue } from './jcs.ts';
import {
  array,
  base64url,
  hash,
  identifier,
  integer,
  jwe,
  jws,
  matching,
  object,
  oneOf,
  optional,
  publicJwk,
  seconds,
  text,
  type Reader,
} from './shape.ts';

const refusal = (reason: string): unknown => expect.objectContaining({ code: 'bad_encoding', reason });
const shape = object({ id: integer(1, 9), name: optional(text(4)), list: optional(array(oneOf('a', 'b'), 2, 1)) });

describe('object()', () => {
  test('reads exactly its members into a fresh object', () => {
    const source = parseCanonical('{"id":1,"list":["a","b"],"name":"x"}');
    const read = shape(source, '');
    expect(read).toEqual({ id: 1, name: 'x', list: ['a', 'b'] });
    expect(read).not.toBe(source);
    expect(read.list).not.toBe(source['list']);
    expect(shape({ id: 1 }, '')).toEqual({ id: 1 });
    expect(Object.keys(shape({ id: 1 }, ''))).toEqual(['id']);
  });

  test.each<{ name: string; value: JcsValue; reason: string; detail: string }>([
    {
      name: 'an unknown member',
      value: { id: 1, role: 1 },
      reason: 'unknown_field',
      detail: 'Member (document): has a member that is not known here',
    },
    {
      name: 'a member of Object.prototype',
      value: { id: 1, constructor: 1 },
      reason: 'unknown_field',
      detail: 'Member (document): has a member that is not known here',
    },
    { name: 'a missing member', value: {}, reason: 'missing_field', detail: 'Member id: is missing' },
    {
      name: 'an inherited member',
      value: Object.create({ id: 1 }) as JcsValue,
      reason: 'missing_field',
      detail: 'Member id: is missing',
    },
    { name: 'a string for a number', value: { id: '1' }, reason: 'bad_type', detail: 'Member id: expected an integer' },
    { name: 'a number out of range', value: { id: 10 }, reason: 'out_of_range', detail: 'Member id: expected 1 to 9' },
    {
      name: 'an item that is not allowed',
      value: { id: 1, list: ['a', 'c'] },
      reason: 'bad_form',
      detail: 'Member list[1]: expected one of a, b',
    },
    {
      name: 'too few items',
      value: { id: 1, list: [] },
      reason: 'bad_length',
      detail: 'Member list: expected 1 to 2 items',
    },
    {
      name: 'too many items',
      value: { id: 1, list: ['a', 'a', 'a'] },
      reason: 'bad_length',
      detail: 'Member list: expected 1 to 2 items',
    },
    {
      name: 'an object for a list',
      value: { id: 1, list: {} },
      reason: 'bad_type',
      detail: 'Member list: expected an array',
    },
    {
      name: 'a text that is too long',
      value: { id: 1, name: 'abcde' },
      reason: 'too_long',
      detail: 'Member name: expected at most 4 bytes',
    },
    {
      name: 'a text too long in bytes',
      value: { id: 1, name: 'éé1' },
      reason: 'too_long',
      detail: 'Member name: expected at most 4 bytes',
    },
    {
      name: 'a list for a text',
      value: { id: 1, name: ['a'] },
      reason: 'bad_type',
      detail: 'Member name: expected a string',
    },
    { name: 'a list for the document', value: [], reason: 'bad_type', detail: 'Member (document): expected an object' },
    {
      name: 'a text for the document',
      value: 'x',
      reason: 'bad_type',
      detail: 'Member (document): expected an object',
    },
  ])('refuses $name', ({ value, reason, detail }) => {
    expect(() => shape(value, '')).toThrow(expect.objectContaining({ code: 'bad_encoding', reason, detail }));
  });

  test('never repeats a value or an unknown name', () => {
    for (const value of [{ hunter2: 1 }, { id: 'hunter2' }, { id: 1, name: 'hunter2' }, { id: 1, list: ['hunter2'] }]) {
      expect(() => shape(value, '')).not.toThrow('hunter2');
      expect(() => shape(value, '')).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
    }
  });
});

const a43 = `${'a'.repeat(42)}A`;
const accepted: readonly { name: string; reader: Reader<unknown>; value: JcsValue }[] = [
  { name: 'a hash', reader: hash, value: a43 },
  { name: 'an identifier', reader: identifier, value: `${'a'.repeat(21)}A` },
  { name: 'seconds', reader: seconds, value: 0 },
  { name: 'base64url up to a length', reader: base64url({ atMost: 4 }), value: 'AAA' },
  { name: 'a JWS', reader: jws(20), value: 'AA.AA.AA' },
  { name: 'a JWE', reader: jwe(20), value: 'AA.AA.AA.AA.AA' },
  { name: 'a JWE without encrypted key', reader: jwe(20), value: 'AA..AA.AA.AA' },
  { name: 'a pattern', reader: matching(/^a+$/, 'letters a'), value: 'aa' },
  { name: 'a JWK of strings', reader: publicJwk, value: { kty: 'EC' } },
];
test.each(accepted)('reads $name', ({ reader, value }) => {
  expect(reader(value, 'a')).toEqual(value);
});

test.each<{ name: string; reader: Reader<unknown>; value: JcsValue; reason: string }>([
  { name: 'a hash of 42 characters', reader: hash, value: a43.slice(1), reason: 'base64url_not_canonical' },
  { name: 'a hash with stray bits', reader: hash, value: `${'a'.repeat(42)}B`, reason: 'base64url_not_canonical' },
  { name: 'a hash with padding', reader: hash, value: `${a43.slice(1)}=`, reason: 'base64url_not_canonical' },
  { name: 'a number for a hash', reader: hash, value: 5, reason: 'bad_type' },
  {
    name: 'an identifier of 23 characters',
    reader: identifier,
    value: 'a'.repeat(23),
    reason: 'base64url_not_canonical',
  },
  {
    name: 'base64url beyond its length',
    reader: base64url({ atMost: 4 }),
    value: 'AAAAAA',
    reason: 'base64url_not_canonical',
  },
  { name: 'a JWS of two parts', reader: jws(20), value: 'AA.AA', reason: 'bad_form' },
  { name: 'a JWS of four parts', reader: jws(20), value: 'AA.AA.AA.AA', reason: 'bad_form' },
  { name: 'a JWS with an empty part', reader: jws(20), value: 'AA..AA', reason: 'bad_form' },
  { name: 'a JWS with padding', reader: jws(20), value: 'AA==.AA.AA', reason: 'bad_form' },
  { name: 'a JWS with stray bits', reader: jws(20), value: 'AB.AA.AA', reason: 'bad_form' },
  { name: 'a JWS with a newline', reader: jws(20), value: 'AA.AA.AA\n', reason: 'bad_form' },
  { name: 'a JWS beyond its length', reader: jws(7), value: 'AA.AA.AA', reason: 'bad_form' },
  { name: 'a JWS as a number', reader: jws(7), value: 1, reason: 'bad_type' },
  { name: 'a JWE of four parts', reader: jwe(20), value: 'AA.AA.AA.AA', reason: 'bad_form' },
  { name: 'a JWE without IV', reader: jwe(20), value: 'AA.AA..AA.AA', reason: 'bad_form' },
  { name: 'a JWE without tag', reader: jwe(20), value: 'AA.AA.AA.AA.', reason: 'bad_form' },
  { name: 'another pattern', reader: matching(/^a+$/, 'letters a'), value: 'ab', reason: 'bad_form' },
  { name: 'a number for a pattern', reader: matching(/^a+$/, 'letters a'), value: 1, reason: 'bad_type' },
  { name: 'a JWK with a number', reader: publicJwk, value: { kty: 5 }, reason: 'bad_type' },
  { name: 'a JWK with a long member', reader: publicJwk, value: { n: 'A'.repeat(1025) }, reason: 'bad_type' },
  { name: 'a list for a JWK', reader: publicJwk, value: [], reason: 'bad_type' },
])('refuses $name', ({ reader, value, reason }) => {
  expect(() => reader(value, 'a')).toThrow(refusal(reason));
});
