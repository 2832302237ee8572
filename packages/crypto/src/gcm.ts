/**
 * AES-256-GCM with 96-bit IV and 128-bit tag, nothing else.
 * It must never accept a shorter tag: Node does unless `authTagLength` is given.
 * @module
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

export const gcmIvBytes = 12;
export const gcmTagBytes = 16;
const algorithm = 'aes-256-gcm';

/** Encrypts. @returns ciphertext as long as the plaintext, and the tag. */
export function encryptGcm(
  key: Uint8Array | KeyObject,
  iv: Uint8Array,
  associatedData: Uint8Array,
  plaintext: Uint8Array,
): { readonly ciphertext: Buffer; readonly tag: Buffer } {
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: gcmTagBytes });
  cipher.setAAD(associatedData);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** Decrypts; the plaintext is zeroed before it could leave unverified. @throws Error for any failure; the caller turns it into its one error. */
export function decryptGcm(
  key: Uint8Array | KeyObject,
  iv: Uint8Array,
  associatedData: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Buffer {
  if (iv.length !== gcmIvBytes) throw new RangeError('Cannot decrypt: the IV is not 96 bits');
  const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: gcmTagBytes });
  decipher.setAAD(associatedData);
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
  } catch (error) {
    plaintext.fill(0);
    throw error;
  }
  return plaintext;
}
