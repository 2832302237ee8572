/** RFC 5869 (HKDF), appendix A, the cases with SHA-256. @module */
import { describe, expect, test } from '@jest/globals';
import { encodeUtf8, labels, type Label } from '@letterlock/protocol';
import { deriveKey, hkdfSha256 } from './hkdf.ts';
import { SecretBytes } from './secret-bytes.ts';
import { rfcVectors } from './testing/rfc-vectors.ts';

interface KeyDerivationVector {
  readonly name: string;
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly okm: string;
}
const { vectors } = rfcVectors('rfc5869') as { readonly vectors: readonly KeyDerivationVector[] };
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test.each(vectors)('RFC 5869 $name', ({ ikm, salt, info, okm }) => {
  expect(Buffer.from(hkdfSha256(hex(ikm), hex(salt), hex(info), 42)).toString('hex')).toBe(okm);
});

describe('deriveKey()', () => {
  const key = SecretBytes.copy(hex('0b'.repeat(32)));
  const salt = hex('0c'.repeat(16));

  test('is HKDF with info letterlock/v1/ and the label, 32 bytes', () => {
    const derived = deriveKey(key, salt, labels.record);
    const expected = hkdfSha256(key.expose(), salt, encodeUtf8('letterlock/v1/rec'), 32);
    expect(Buffer.from(derived.expose())).toEqual(Buffer.from(expected));
  });

  test('gives another key for every label and every salt', () => {
    const names = Object.values(labels) as Label[];
    const derived = names.map((label) => Buffer.from(deriveKey(key, salt, label).expose()).toString('hex'));
    expect(new Set(derived).size).toBe(names.length);
    expect(Buffer.from(deriveKey(key, new Uint8Array(0), labels.kek).expose()).toString('hex')).not.toBe(derived[0]);
  });
});
