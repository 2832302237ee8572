/** Barrier records: bound to path, term and generation, and one refusal for everything. @module */
import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { openRecord, recordTerm, sealRecord, storeKeySegment } from './barrier-record.ts';
import { SecretBytes } from './secret-bytes.ts';
import { refusalOf } from './testing/problems.ts';

const termKey = SecretBytes.random(32);
const path = 'wrap/AAECAwQFBgcICQoLDA0ODw/st';
const plaintext = Buffer.from('{"v":1}');
const record = sealRecord({ term: 3, termKey, path, plaintext });
const termKeyOf = (term: number): SecretBytes | undefined => (term === 3 ? termKey : undefined);
const open = (changed: Uint8Array, at = path) => openRecord({ termKeyOf, path: at, record: changed });
const refused = { code: 'internal', reason: 'storage_integrity', message: 'The service failed', detail: undefined };
const flipped = (at: number): Uint8Array => Uint8Array.from(record).with(at, record[at]! ^ 0x10);

describe('openRecord()', () => {
  test.each([0, 1, 1024, 90_000])('gives back %i bytes', (length) => {
    const bytes = Buffer.alloc(length, 7);
    expect(open(sealRecord({ term: 3, termKey, path, plaintext: bytes })).equals(bytes)).toBe(true);
  });

  test('opens with a KeyObject what was sealed with SecretBytes', () => {
    const keyObject = createSecretKey(termKey.expose());
    expect(openRecord({ termKeyOf: () => keyObject, path, record })).toEqual(plaintext);
  });

  test('has the layout 01 ‖ term ‖ salt[16] ‖ iv[12] ‖ ciphertext ‖ tag[16]', () => {
    expect(Buffer.from(record.subarray(0, 5)).toString('hex')).toBe('0100000003');
    expect(record).toHaveLength(5 + 16 + 12 + plaintext.length + 16);
    expect(recordTerm(record)).toBe(3);
  });

  test('two records of one text share nothing behind the term', () => {
    const other = sealRecord({ term: 3, termKey, path, plaintext });
    for (const [from, to] of [
      [5, 21],
      [21, 33],
      [33, record.length],
    ] as const) {
      expect(Buffer.from(other.subarray(from, to)).equals(record.subarray(from, to))).toBe(false);
    }
    expect(Buffer.from(record).includes(plaintext)).toBe(false);
  });

  test.each([
    ...Array.from(record, (_, at) => ({ name: `byte ${at} changed`, call: () => open(flipped(at)) })),
    { name: 'another path', call: () => open(record, 'wrap/AAECAwQFBgcICQoLDA0ODw/env') },
    { name: 'a record cut at the end', call: () => open(record.subarray(0, -1)) },
    { name: 'a record with a byte more', call: () => open(Buffer.concat([record, Buffer.alloc(1)])) },
    { name: 'a record of 48 bytes', call: () => open(record.subarray(0, 48)) },
    { name: 'an empty record', call: () => open(new Uint8Array(0)) },
    { name: 'another term’s key', call: () => openRecord({ termKeyOf: () => SecretBytes.random(32), path, record }) },
    { name: 'an unknown term', call: () => openRecord({ termKeyOf: () => undefined, path, record }) },
    { name: 'a future version', call: () => open(Uint8Array.from(record).with(0, 2)) },
    { name: 'a generation where none was given', call: () => openRecord({ termKeyOf, path, record, generation: 1 }) },
  ])('refuses $name', async ({ call }) => {
    await expect(refusalOf(call)).resolves.toMatchObject(refused);
  });

  test.each([0, 3, 48])('recordTerm() refuses a record of %i bytes', async (length) => {
    await expect(refusalOf(() => recordTerm(record.subarray(0, length)))).resolves.toMatchObject(refused);
  });

  test('binds the keyring to its generation', async () => {
    const keyring = sealRecord({ term: 3, termKey, path, plaintext, generation: 1 });
    expect(openRecord({ termKeyOf, path, record: keyring, generation: 1 })).toEqual(plaintext);
    for (const generation of [0, 2, 256]) {
      const call = () => openRecord({ termKeyOf, path, record: keyring, generation });
      await expect(refusalOf(call)).resolves.toMatchObject(refused);
    }
    await expect(refusalOf(() => open(keyring))).resolves.toMatchObject(refused);
  });
});

describe('storeKeySegment()', () => {
  // RFC 4231 test case 2, first 16 bytes.
  test('is HMAC-SHA-256 cut to 16 bytes', () => {
    const key = SecretBytes.copy(Buffer.from('Jefe'));
    const name = storeKeySegment(key, 'what do ya want for nothing?');
    expect(Buffer.from(name, 'base64url').toString('hex')).toBe('5bdcc146bf60754e6a042426089575c7');
    expect(name).toHaveLength(22);
    expect(storeKeySegment(createSecretKey(key.expose()), 'what do ya want for nothing?')).toBe(name);
  });
});
