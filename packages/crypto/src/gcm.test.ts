/** AES-256-GCM: never a shorter tag. @module */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { decryptGcm, encryptGcm } from './gcm.ts';

const key = randomBytes(32);
const iv = randomBytes(12);
const aad = Buffer.from('context');
const text = Buffer.from('plaintext');
const { ciphertext, tag } = encryptGcm(key, iv, aad, text);

describe('decryptGcm()', () => {
  test('gives back what was encrypted', () => {
    expect(decryptGcm(key, iv, aad, ciphertext, tag)).toEqual(text);
    expect(tag).toHaveLength(16);
  });

  test.each([4, 8, 12, 13, 14, 15, 17, 0])('T-27 refuses a tag of %i bytes', (length) => {
    const other = Buffer.concat([tag, Buffer.alloc(1)]).subarray(0, length);
    expect(() => decryptGcm(key, iv, aad, ciphertext, other)).toThrow('Invalid authentication tag length');
  });

  const tampered = 'unable to authenticate data';
  test.each([
    { name: 'another key', call: () => decryptGcm(randomBytes(32), iv, aad, ciphertext, tag), words: tampered },
    { name: 'another IV', call: () => decryptGcm(key, randomBytes(12), aad, ciphertext, tag), words: tampered },
    { name: 'a longer IV', call: () => decryptGcm(key, randomBytes(16), aad, ciphertext, tag), words: 'not 96 bits' },
    { name: 'other data', call: () => decryptGcm(key, iv, Buffer.from('contexT'), ciphertext, tag), words: tampered },
    { name: 'other ciphertext', call: () => decryptGcm(key, iv, aad, Buffer.alloc(9), tag), words: tampered },
    { name: 'another tag', call: () => decryptGcm(key, iv, aad, ciphertext, Buffer.alloc(16)), words: tampered },
    { name: 'a 128-bit key', call: () => decryptGcm(key.subarray(16), iv, aad, ciphertext, tag), words: 'key length' },
  ])('refuses $name', ({ call, words }) => {
    expect(call).toThrow(words);
  });
});
