/**
 * Receipts (protocol.md §5.6): the instance's signed word on the state of a wrap or secret.
 * It must never let a receipt for one request pass for another.
 * @module
 */
import { ProblemError, receiptClaims, typ, type ReceiptClaims } from '@letterlock/protocol';
import { openJws, signJws } from './jws.ts';
import type { SigningKey, VerifyingKey } from './keys.ts';

/** Signs a receipt with the instance key. */
export function signReceipt(key: SigningKey, claims: ReceiptClaims): string {
  return signJws({ typ: typ.receipt, key, claims: claims });
}

/** Verifies a receipt; each given expectation must hold. @throws 'bad_encoding', 'bad_proof' */
export function verifyReceipt(
  jws: string,
  key: VerifyingKey,
  expected: { readonly id?: string; readonly nonce?: string; readonly eh?: string } = {},
): ReceiptClaims {
  const claims = openJws(jws, { typ: typ.receipt, key, claims: receiptClaims });
  for (const name of ['id', 'nonce', 'eh'] as const) {
    if (expected[name] !== undefined && claims[name] !== expected[name]) {
      throw new ProblemError('bad_proof', { reason: `receipt_${name}` });
    }
  }
  return claims;
}
