/** OAEP decoding behind a bare RSA step; Wycheproof's vectors run through it too. @module */
import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { removeOaepPadding } from './oaep.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const encode = (message: Uint8Array, oaepHash = 'sha256', oaepLabel?: Buffer): Buffer =>
  privateDecrypt(
    { key: privateKey, padding: constants.RSA_NO_PADDING },
    publicEncrypt(
      {
        key: publicKey,
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash,
        ...(oaepLabel === undefined ? {} : { oaepLabel }),
      },
      message,
    ),
  );

describe('removeOaepPadding()', () => {
  test.each([0, 1, 32, 33, 189, 190])('gives back %d bytes that OpenSSL encoded', (length) => {
    const message = new Uint8Array(length).map((_, index) => index & 1);
    expect(Buffer.from(removeOaepPadding(encode(message))!.expose())).toEqual(Buffer.from(message));
  });

  const encoded = encode(new Uint8Array(32).fill(9));
  const flipped = (at: number): Buffer => {
    const changed = Buffer.from(encoded);
    changed[at]! ^= 1;
    return changed;
  };
  test.each([
    { name: 'a first octet that is not zero', bytes: flipped(0) },
    { name: 'another seed', bytes: flipped(1) },
    { name: 'another hash of the label', bytes: flipped(33) },
    { name: 'an octet before the one that is not zero', bytes: flipped(70) },
    // The padding is zeros, 0x01, 32 octets: bit 0 of its end makes it 0x00.
    { name: 'no one octet where it was', bytes: flipped(255 - 32) },
    { name: 'SHA-1', bytes: encode(new Uint8Array(32), 'sha1') },
    { name: 'a label', bytes: encode(new Uint8Array(32), 'sha256', Buffer.from('x')) },
    { name: 'too few octets', bytes: encoded.subarray(0, 65) },
    { name: 'no octets', bytes: new Uint8Array(0) },
  ])('refuses $name', ({ bytes }) => {
    expect(removeOaepPadding(bytes)).toBeUndefined();
  });
});
