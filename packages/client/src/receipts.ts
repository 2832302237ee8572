/**
 * Receipts of answers: signed by the pinned instance key, for this wrap, this request and a state that the call can have.
 * It must never let an answer without a valid receipt pass for done.
 * @module
 */
import { verifyReceipt } from '@letterlock/crypto';
import { receiptResponse, type ReceiptClaims } from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import { IntegrityError, integrityOf } from './errors.ts';
import type { Reply } from './session.ts';

/** A verified receipt and its compact JWS, which anybody with the instance key can verify again. */
export interface Receipt extends ReceiptClaims {
  readonly jws: string;
}

/** Reads `{rcpt}`. */
export function readReceiptAnswer(body: Uint8Array): string {
  return readDocument(receiptResponse, body).rcpt;
}

/** @param expected - `id` where the caller knows it: the nonce binds the receipt to the request in any case; `states` that the call can leave behind; absent means any. @throws IntegrityError */
export async function checkReceipt(
  reply: Reply<unknown>,
  jws: string,
  expected: {
    readonly id?: string;
    readonly eh?: string | undefined;
    readonly states?: readonly ReceiptClaims['st'][];
  },
): Promise<Receipt> {
  const { server, nonce } = reply;
  if (server === undefined) throw new TypeError('Cannot check a receipt: the server is not verified');
  const { id, eh, states } = expected;
  const claims = await integrityOf('receipt', () =>
    verifyReceipt(jws, server.instanceKey, {
      nonce,
      ...(id === undefined ? {} : { id }),
      ...(eh === undefined ? {} : { eh }),
    }),
  );
  if (states !== undefined && !states.includes(claims.st)) {
    throw new IntegrityError('receipt_state', `Cannot accept the receipt: its state is ${claims.st}`);
  }
  return { ...claims, jws };
}
