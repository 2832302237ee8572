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
    { name: 'a high tag number', bytes: hex('1f8101 00') },
  ])('refuses $name', ({ bytes }) => {
    expect(() => readDer(bytes)).toThrow('DER: ');
  });
});

describe('values', () => {
  test.each([
    ['0603551d0f', '2.5.29.15'],
    ['06082a8648ce3d040302', '1.2.840.10045.4.3.2'],
    ['0604551d2500', '2.5.29.37.0'],
    ['06022787', undefined],
    ['0600', undefined],
    ['06032a8001', undefined],
    ['060b2affffffffffffffffffff7f', undefined],
    ['040100', undefined],
  ])('object identifier %s', (bytes, value) => {
    const read = () => objectIdentifierOf(first(bytes.startsWith('060b') ? `060b${bytes.slice(4, 26)}` : bytes));
    if (value === undefined) expect(read).toThrow('DER: ');
    else expect(read()).toBe(value);
  });

  test.each([
    ['020100', 0],
    ['02017f', 127],
    ['02020080', 128],
    ['0204 7fffffff', 2_147_483_647],
    ['02020001', undefined],
    ['0201ff', undefined],
    ['0200', undefined],
    ['02050100000000', undefined],
  ])('integer %s', (bytes, value) => {
    const read = () => smallIntegerOf(first(bytes));
    if (value === undefined) expect(read).toThrow('DER: ');
    else expect(read()).toBe(value);
  });

  test.each([
    ['0101ff', true],
    ['010100', false],
    ['010101', undefined],
    ['0102ffff', undefined],
  ])('boolean %s', (bytes, value) => {
    const read = () => booleanOf(first(bytes));
    if (value === undefined) expect(read).toThrow('DER: ');
    else expect(read()).toBe(value);
  });

  test('another element than expected is refused', () => {
    expect(() => childrenOf(first('0500'), derTags.sequence)).toThrow('DER: another element');
    expect(() => childrenOf(undefined, derTags.sequence)).toThrow('DER: another element');
  });
});
