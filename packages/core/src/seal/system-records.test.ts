import { describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@letterlock/protocol';
import { checkSchema, decodeEpoch, encodeEpoch, encodeSchema } from './system-records.ts';

describe('checkSchema()', () => {
  test('accepts what this version writes, which anybody can read', () => {
    expect(Buffer.from(encodeSchema()).toString()).toBe('1');
    expect(() => checkSchema(encodeSchema())).not.toThrow();
  });

  test.each([
    { name: 'the next version', text: '2', reason: 'schema_newer' },
    { name: 'a far version', text: '999999999', reason: 'schema_newer' },
    { name: 'zero', text: '0', reason: 'schema_unreadable' },
    { name: 'a leading zero', text: '01', reason: 'schema_unreadable' },
    { name: 'ten digits', text: '1000000000', reason: 'schema_unreadable' },
    { name: 'white space', text: '1\n', reason: 'schema_unreadable' },
    { name: 'nothing', text: '', reason: 'schema_unreadable' },
  ])('refuses $name', ({ text, reason }) => {
    expect(() => checkSchema(encodeUtf8(text))).toThrow(expect.objectContaining({ code: 'internal', reason }));
  });

  test('says which version to start', () => {
    expect(() => checkSchema(encodeUtf8('2'))).toThrow(
      'The store has schema version 2; this server reads up to 1: start a newer version',
    );
  });

  test('refuses a missing record', () => {
    expect(() => checkSchema(undefined)).toThrow(expect.objectContaining({ reason: 'schema_unreadable' }));
  });
});

describe('decodeEpoch()', () => {
  test('gives back what was encoded', () => {
    expect(decodeEpoch(encodeEpoch(7))).toBe(7);
  });

  test.each(['{"epoch":7}', '{"epoch":"7","v":1}', '{"epoch":7,"v":2}', '{"epoch":7,"v":1,"x":1}', '{}'])(
    'refuses %s',
    (text) => {
      expect(() => decodeEpoch(encodeUtf8(text))).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
    },
  );
});
