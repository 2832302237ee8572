/**
 * Hashes, random identifiers and constant-time comparison over plain bytes.
 * It must never be used for secrets that deserve SecretBytes.
 * @module
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** SHA-256; a string counts as its UTF-8 bytes. */
export function sha256(data: Uint8Array | string): Buffer {
  return hash('sha256', data, 'buffer');
}

/** SHA-256 as 43 characters of base64url; a string counts as its UTF-8 bytes. */
export function hash43(data: Uint8Array | string): string {
  return hash('sha256', data, 'base64url');
}

/** 16 random bytes as 22 characters of base64url. */
export function randomIdentifier(): string {
  return randomBytes(16).toString('base64url');
}

/** Compares in constant time; the lengths are not secret. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
