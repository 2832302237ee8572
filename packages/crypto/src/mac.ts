/**
 * HMAC-SHA-256 under a key that is imported once.
 * It must never hand out the key's bytes, nor compare MACs: that is equalConstantTime's.
 * @module
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { SecretBytes } from './secret-bytes.ts';

declare const purpose: unique symbol;
/** A key that only makes MACs. */
export type MacKey = KeyObject & { readonly [purpose]: 'mac' };

/** Imports a MAC key; the given bytes are no longer needed afterwards and are the caller's to dispose of. */
export function importMacKey(key: SecretBytes): MacKey {
  return createSecretKey(key.expose()) as MacKey;
}

/** HMAC-SHA-256, 32 bytes. @source RFC 2104 */
export function hmacSha256(key: MacKey, data: Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
