import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeSecretMap, encodeSecretMap, secretMapKeys } from './secret-map.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const refused = expect.objectContaining({ code: 'bad_encoding' });

describe('encodeSecretMap()', () => {
  test('writes what another implementation of canonical JSON writes', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[-_a-zA-Z][-._a-zA-Z0-9]{0,8}$/), fc.uint8Array({ maxLength: 40 }), {
          minKeys: 1,
          maxKeys: 8,
          noNullPrototype: true,
        }),
        (values) => {
          const entries = Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));
          const expected = JSON.stringify(
            Object.fromEntries(entries.map(([name, value]) => [name, Buffer.from(value).toString('base64url')])),
          );
          using written = encodeSecretMap(new Map(Object.entries(values)));
          expect(Buffer.from(written.expose()).toString()).toBe(expected);
          const read = decodeSecretMap(written.expose());
          expect([...read].map(([name, value]) => [name, [...value.expose()]])).toEqual(
            entries.map(([name, value]) => [name, [...value]]),
          );
        },
      ),
    );
  });

  test('keeps keys of digits in the order of their characters', () => {
    using written = encodeSecretMap(new Map([2, 10].map((n) => [String(n), bytes('a')])));
    expect(Buffer.from(written.expose()).toString()).toBe('{"10":"YQ","2":"YQ"}');
  });

  test.each([
    { name: 'no key', entries: [] },
    { name: 'an empty key', entries: ['' as string] },
    { name: 'a key with a quote', entries: ['a"'] },
    { name: 'a key that is a folder', entries: ['.'] },
    { name: 'a key that is the folder above', entries: ['..'] },
    { name: 'too many keys', entries: Array.from({ length: secretMapKeys + 1 }, (_, n) => `k${n}`) },
  ])('refuses $name', ({ entries }) => {
    expect(() => encodeSecretMap(new Map(entries.map((key) => [key, bytes('a')])))).toThrow('Cannot write a secret');
  });

  test('refuses values that no envelope holds', () => {
    expect(() => encodeSecretMap(new Map([['a', new Uint8Array(524_288)]]))).toThrow('too long');
  });
});

describe('decodeSecretMap()', () => {
  test.each([
    { name: 'nothing', text: '' },
    { name: 'no keys', text: '{}' },
    { name: 'keys out of order', text: '{"b":"YQ","a":"YQ"}' },
    { name: 'a key twice', text: '{"a":"YQ","a":"YQ"}' },
    { name: 'an empty key', text: '{"":"YQ"}' },
    { name: 'a key outside the alphabet', text: '{"a/b":"YQ"}' },
    { name: 'a key that is the folder above', text: '{"..":"YQ"}' },
    { name: 'white space', text: '{"a": "YQ"}' },
    { name: 'a value with padding', text: '{"a":"YQ=="}' },
    { name: 'a value with stray bits', text: '{"a":"YR"}' },
    { name: 'a value of impossible length', text: '{"a":"YWJjZ"}' },
    { name: 'a value of the other alphabet', text: '{"a":"+w"}' },
    { name: 'a number', text: '{"a":1}' },
    { name: 'bytes behind', text: '{"a":"YQ"}\n' },
    { name: 'no end', text: '{"a":"YQ"' },
    { name: 'a string without end', text: '{"a":"YQ' },
  ])('refuses $name', ({ text }) => {
    expect(() => decodeSecretMap(bytes(text))).toThrow(refused);
  });
});
