/**
 * What can be wrong with a set of signed operations (protocol.md §4.6), one rule each; the first violation wins.
 * A rule must never look at what the operation does: that is policy's.
 * @module
 */
import type { readOperation } from '@letterlock/crypto';
import { lifetimes, type OperationName } from '@letterlock/protocol';
import type { Violation } from './proof-rules.ts';

export type SignedOperation = ReturnType<typeof readOperation>;

/** How many admins must sign: one alone, or as many as the threshold of the seal. */
export type SignatureRule = 'single' | 'quorum';
const signatureRules: Readonly<Record<OperationName, SignatureRule>> = {
  init: 'single',
  'identity.put': 'single',
  'identity.revoke': 'single',
  'grant.put': 'single',
  'grant.delete': 'single',
  seal: 'single',
  'share.ack': 'single',
  'peer_unseal.set': 'quorum',
  'images.set': 'quorum',
};

/** Number of admins that must sign an operation under a threshold of k. */
export function signaturesNeeded(op: OperationName, threshold: number): number {
  return signatureRules[op] === 'single' ? 1 : threshold;
}

/** The signed copies of one operation, and what they are compared with. */
export interface OperationAttempt {
  /** At least one. */
  readonly copies: readonly [SignedOperation, ...SignedOperation[]];
  /** Absent before initialisation. */
  readonly inst: string | undefined;
  readonly nowSeconds: number;
}
export type OperationRule = (attempt: OperationAttempt) => Violation | undefined;

/** Hashes of the payloads stand for their bytes. */
const payloadsDiffer: OperationRule = ({ copies: [first, ...others] }) =>
  others.every(({ oh }) => oh === first.oh)
    ? undefined
    : { code: 'bad_request', reason: 'operations_differ', detail: 'The operations do not have the same payload' };

const signerRepeated: OperationRule = ({ copies }) =>
  new Set(copies.map(({ jws }) => jws.header.kid)).size === copies.length
    ? undefined
    : {
        code: 'bad_request',
        reason: 'operation_signer_repeated',
        detail: 'An admin signed more than one of the operations',
      };

const instanceDiffers: OperationRule = ({ copies: [first], inst }) =>
  first.operation.inst === inst
    ? undefined
    : { code: 'bad_proof', reason: 'operation_instance', detail: 'The operation is for another instance' };

const operationExpired: OperationRule = ({ copies: [first], nowSeconds }) =>
  nowSeconds < first.operation.exp
    ? undefined
    : { code: 'bad_proof', reason: 'operation_expired', detail: 'The operation has expired' };

/** The memory of applied operations ends with their `exp`, so a longer life is not accepted. */
const lifetimeTooLong: OperationRule = ({ copies: [first], nowSeconds }) =>
  first.operation.exp <= nowSeconds + lifetimes.operationMaximum
    ? undefined
    : {
        code: 'bad_proof',
        reason: 'operation_lifetime',
        detail: `The operation expires more than ${lifetimes.operationMaximum} s from now`,
      };

/** Before signatures are verified: what makes the request as a whole wrong. */
export const operationRulesOfForm: readonly OperationRule[] = [payloadsDiffer, signerRepeated];
/** After all signatures are known to be good. */
export const operationRulesOfContent: readonly OperationRule[] = [instanceDiffers, operationExpired, lifetimeTooLong];
