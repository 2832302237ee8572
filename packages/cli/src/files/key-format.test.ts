import { describe, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { detectKeyFormat } from './key-format.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const encrypted = { cipher: 'aes-256-cbc', passphrase: 'x' } as const;
const bytes = (text: string | Buffer): Uint8Array => new Uint8Array(Buffer.from(text));

describe('detectKeyFormat()', () => {
  test.each([
    { name: 'PKCS#8 in PEM', file: privateKey.export({ format: 'pem', type: 'pkcs8' }), format: 'pkcs8' },
    { name: 'PKCS#8 in DER', file: privateKey.export({ format: 'der', type: 'pkcs8' }), format: 'pkcs8' },
    { name: 'a small PKCS#8 in DER', file: ec.export({ format: 'der', type: 'pkcs8' }), format: 'pkcs8' },
    {
      name: 'encrypted PKCS#8 in PEM',
      file: ec.export({ format: 'pem', type: 'pkcs8', ...encrypted }),
      format: 'pkcs8-encrypted',
    },
    {
      name: 'encrypted PKCS#8 in DER',
      file: ec.export({ format: 'der', type: 'pkcs8', ...encrypted }),
      format: 'pkcs8-encrypted',
    },
    { name: 'PKCS#12', file: Buffer.from('3082010002010330', 'hex'), format: 'pkcs12' },
  ])('knows $name', ({ file, format }) => {
    expect(detectKeyFormat(bytes(file))).toBe(format);
  });

  test.each([
    { name: 'PKCS#1 in PEM', file: privateKey.export({ format: 'pem', type: 'pkcs1' }), words: 'PKCS#1' },
    { name: 'PKCS#1 in DER', file: privateKey.export({ format: 'der', type: 'pkcs1' }), words: 'something else' },
    { name: 'SEC1 in DER', file: ec.export({ format: 'der', type: 'sec1' }), words: 'something else' },
    {
      name: 'a public key',
      file: publicKey.export({ format: 'pem', type: 'spki' }),
      words: 'something else than a private key',
    },
    {
      name: 'two keys',
      file: ec.export({ format: 'pem', type: 'pkcs8' }).repeat(2),
      words: 'more than one key',
    },
    { name: 'nothing', file: '', words: 'neither PEM nor DER' },
    { name: 'text', file: 'hello', words: 'neither PEM nor DER' },
    { name: 'a sequence that ends', file: Buffer.from('3000', 'hex'), words: 'something else' },
  ])('refuses $name', ({ file, words }) => {
    expect(() => detectKeyFormat(bytes(file))).toThrow(words);
  });
});
