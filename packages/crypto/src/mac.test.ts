import { describe, expect, test } from '@jest/globals';
import { hmacSha256, importMacKey } from './mac.ts';
import { SecretBytes } from './secret-bytes.ts';

describe('hmacSha256()', () => {
  test('gives the known answer of RFC 4231, test case 2', () => {
    const key = importMacKey(SecretBytes.take(Buffer.from('Jefe')));
    expect(hmacSha256(key, Buffer.from('what do ya want for nothing?')).toString('hex')).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });

  test('keeps working after the imported bytes were erased', () => {
    const bytes = SecretBytes.take(Buffer.from('Jefe'));
    const key = importMacKey(bytes);
    const before = hmacSha256(key, new Uint8Array(1));
    bytes[Symbol.dispose]();
    expect(hmacSha256(key, new Uint8Array(1))).toEqual(before);
  });
});
