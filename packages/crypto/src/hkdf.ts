/**
 * The one key derivation of the protocol: HKDF-SHA-256 with a label of the constants file.
 * It must never be called with a label made at run time.
 * @module
 */
import { hkdfSync, type KeyObject } from 'node:crypto';
import { labelPrefix, type Label } from '@letterlock/protocol';
import { SecretBytes } from './secret-bytes.ts';

/** Length of every derived key, bytes. */
const derivedKeyBytes = 32;

/**
 * KDF(ikm, salt, label).
 * @param salt - empty means none. @source protocol.md §1, RFC 5869
 */
export function deriveKey(ikm: SecretBytes, salt: Uint8Array, label: Label): SecretBytes {
  return SecretBytes.take(deriveBytes(ikm, salt, label));
}

/** The same for hot paths: the key may be a KeyObject, and the caller erases the result. */
export function deriveBytes(ikm: SecretBytes | KeyObject, salt: Uint8Array, label: Label): Uint8Array {
  const material = ikm instanceof SecretBytes ? ikm.expose() : ikm;
  return hkdfSha256(material, salt, labelPrefix + label, derivedKeyBytes);
}

/** HKDF with SHA-256. @source RFC 5869 */
export function hkdfSha256(
  ikm: Uint8Array | KeyObject,
  salt: Uint8Array,
  info: string | Uint8Array,
  lengthBytes: number,
): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', ikm, salt, info, lengthBytes));
}
