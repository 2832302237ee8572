/** The strict reader of DER. @module */
import { describe, expect, test } from '@jest/globals';
import { booleanOf, childrenOf, derTags, objectIdentifierOf, readDer, smallIntegerOf } from './der.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const first = (text: string) => readDer(hex(text))[0]!;

describe('readDer()', () => {
  test('reads elements one after the other', () => {
    expect(readDer(hex('0101ff 0500 3003020105')).map(({ tag, content }) => [tag, content.length])).toEqual([
      [1, 1],
      [5, 0],
      [0x30, 3],
    ]);
    expect(readDer(Buffer.concat([hex('04820100'), Buffer.alloc(256)]))[0]!.content).toHaveLength(256);
    expect(readDer(new Uint8Array(0))).toEqual([]);
  });

  test.each([
    { name: 'an indefinite length', bytes: hex('3080 0000') },
    { name: 'a long form for a short length', bytes: hex('048101aa') },
    { name: 'a leading zero in the length', bytes: Buffer.concat([hex('048200ff'), Buffer.alloc(255)]) },
    { name: 'a length of four octets', bytes: hex('0484000000ff') },
    { name: 'a truncated length', bytes: hex('0482ff') },
    { name: 'a truncated content', bytes: hex('0405aabb') },
    { name: 'a tag alone', bytes: hex('04') },
    { name: 'a high tag number', bytes: hex('1f0100') },
  ])('refuses $name', ({ bytes }) => {
    expect(() => readDer(bytes)).toThrow('DER: ');
  });
});

describe('values', () => {
  test.each([
    { name: 'two arcs', read: objectIdentifierOf, bytes: '0603551d0f', value: '2.5.29.15' },
    { name: 'long arcs', read: objectIdentifierOf, bytes: '06082a8648ce3d040302', value: '1.2.840.10045.4.3.2' },
    { name: 'an arc of zero', read: objectIdentifierOf, bytes: '0604551d2500', value: '2.5.29.37.0' },
    { name: 'zero', read: smallIntegerOf, bytes: '020100', value: 0 },
    { name: 'one octet', read: smallIntegerOf, bytes: '02017f', value: 127 },
    { name: 'a sign octet', read: smallIntegerOf, bytes: '02020080', value: 128 },
    { name: 'four octets', read: smallIntegerOf, bytes: '02047fffffff', value: 2_147_483_647 },
    { name: 'true', read: booleanOf, bytes: '0101ff', value: true },
    { name: 'false', read: booleanOf, bytes: '010100', value: false },
  ])('reads $name', ({ read, bytes, value }) => {
    expect(read(first(bytes))).toBe(value);
  });

  test.each([
    { name: 'a truncated arc', read: objectIdentifierOf, bytes: '06022787' },
    { name: 'an empty object identifier', read: objectIdentifierOf, bytes: '0600' },
    { name: 'an arc with leading zeros', read: objectIdentifierOf, bytes: '06032a8001' },
    { name: 'an arc beyond 2^40', read: objectIdentifierOf, bytes: '06092affffffffffffff7f' },
    { name: 'octets for an object identifier', read: objectIdentifierOf, bytes: '040100' },
    { name: 'an integer with a leading zero', read: smallIntegerOf, bytes: '02020001' },
    { name: 'a negative integer', read: smallIntegerOf, bytes: '0201ff' },
    { name: 'an empty integer', read: smallIntegerOf, bytes: '0200' },
    { name: 'an integer of five octets', read: smallIntegerOf, bytes: '02050100000000' },
    { name: 'another true', read: booleanOf, bytes: '010101' },
    { name: 'a boolean of two octets', read: booleanOf, bytes: '0102ffff' },
  ])('refuses $name', ({ read, bytes }) => {
    expect(() => read(first(bytes))).toThrow('DER: ');
  });

  test('another element than expected is refused', () => {
    expect(() => childrenOf(first('0500'), derTags.sequence)).toThrow('DER: another element');
    expect(() => childrenOf(undefined, derTags.sequence)).toThrow('DER: another element');
  });
});
