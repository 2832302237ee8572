/**
 * Parts of the examples in standards: keys with more members than ours, compact objects of other types.
 * It must never be imported outside tests.
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';

const publicMembers = new Set(['kty', 'crv', 'x', 'y', 'n', 'e', 'k']);

/** Only the members that a public key (or, for its refusal, a symmetric one) consists of. */
export function publicMembersOf(key: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(key).filter(([name]) => publicMembers.has(name)));
}

export function privateKeyOf(key: Readonly<Record<string, string>>): KeyObject {
  return createPrivateKey({ key: { ...key }, format: 'jwk' });
}

/** The bytes that a compact JWS signs. */
export function signatureInput(compact: string): Buffer {
  return Buffer.from(compact.slice(0, compact.lastIndexOf('.')), 'latin1');
}

export function signatureOf(compact: string): Buffer {
  return Buffer.from(compact.slice(compact.lastIndexOf('.') + 1), 'base64url');
}
