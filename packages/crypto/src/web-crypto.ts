/**
 * Keys and times in the forms that libraries of the web platform take.
 * It must never make a private key extractable.
 * @module
 */
import type { webcrypto } from 'node:crypto';
import { ProblemError } from '@letterlock/protocol';
import type { SigningKey, VerifyingKey } from './keys.ts';

/** A P-256 key that signs, for Web Crypto. @throws 'bad_key' for another kind */
export function signingCryptoKey(key: SigningKey): webcrypto.CryptoKey {
  if (key.kind !== 'P-256') throw new ProblemError('bad_key', { reason: 'key_kind', detail: 'The key is not P-256' });
  return key.keyObject.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}

/** SubjectPublicKeyInfo, DER. @source RFC 5280 §4.1 */
export function publicKeyInfo(key: VerifyingKey): Buffer<ArrayBuffer> {
  return Buffer.from(key.keyObject.export({ format: 'der', type: 'spki' }));
}

/** A given time as a Date. @param seconds - since 1970-01-01T00:00:00Z */
export function dateOfSeconds(seconds: number): Date {
  return new Date(seconds * 1000);
}
