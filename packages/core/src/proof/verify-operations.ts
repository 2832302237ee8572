/**
 * Proves administrative operations by the admins' signatures inside the request (protocol.md §4.6).
 * It must never count one admin twice, nor accept an operation for another instance or without an end.
 * @module
 */
import { readOperation, type VerifyingKey } from '@letterlock/crypto';
import { ProblemError, type Operation, type OperationName } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import {
  operationRulesOfContent,
  operationRulesOfForm,
  type OperationAttempt,
  type OperationRule,
} from './operation-rules.ts';
import { prove, type Proven, type Received } from './proven.ts';
import { isSignedBy } from './verify-signature.ts';

export interface SignedOperationsContext {
  readonly admins: ReadonlyMap<string, VerifyingKey>;
  /** Absent before initialisation. */
  readonly inst: string | undefined;
  readonly clock: Clock;
}

/** An operation whose signatures are all good. */
export interface CheckedOperation {
  readonly operation: Operation;
  /** b64u SHA-256 of the payload: what is remembered so that it is applied once. */
  readonly oh: string;
  /** When it may be forgotten that it was applied, seconds. */
  readonly exp: number;
  /** Ids of the admins that signed, in the order given. */
  readonly signers: readonly string[];
}

/** A proven operation, or the count while signatures are missing. */
export type VerifiedOperation = CheckedOperation & { readonly have: number; readonly k: number } & (
    { readonly isComplete: true; readonly proven: Proven<Operation> } | { readonly isComplete: false }
  );

/**
 * Verifies the signed copies of one operation.
 * @param context - `k` gives the number of signatures that an operation needs.
 * @throws 'bad_encoding', 'too_large' for the form, 'bad_request' for copies that do not belong together, 'bad_proof' for all else.
 */
export async function verifyOperations(
  jwss: readonly string[],
  context: SignedOperationsContext & { readonly received: Received; readonly k: (op: OperationName) => number },
): Promise<VerifiedOperation> {
  const checked = await checkOperations(jwss, context);
  const counted = { ...checked, have: checked.signers.length, k: context.k(checked.operation.op) };
  if (counted.have < counted.k) return { ...counted, isComplete: false };
  const { received } = context;
  const proven = prove(
    {
      id: checked.signers[0]!,
      isAdmin: true,
      keyset: undefined,
      factor: 'admin',
      binding: 'none',
      listener: received.channel.listener,
      proof: undefined,
      nonce: undefined,
      bodyHash: received.bodyHash,
      requestId: received.requestId,
    },
    checked.operation,
  );
  return { ...counted, isComplete: true, proven };
}

/** The same checks without a request: for an operation that stands as evidence inside another document. */
export async function checkOperations(
  jwss: readonly string[],
  context: SignedOperationsContext,
): Promise<CheckedOperation> {
  const [first, ...others] = jwss.map((jws) => readOperation(jws));
  if (first === undefined) throw new RangeError('Cannot verify operations: got none, need at least one');
  const attempt: OperationAttempt = {
    copies: [first, ...others],
    inst: context.inst,
    nowSeconds: context.clock.nowSeconds(),
  };
  refuseFirst(operationRulesOfForm, attempt);
  for (const { jws } of attempt.copies) {
    const admin = context.admins.get(jws.header.kid);
    const isSigned = await isSignedBy(jws, admin);
    if (!isSigned) {
      throw new ProblemError('bad_proof', { reason: admin === undefined ? 'key_unknown' : 'signature_invalid' });
    }
  }
  refuseFirst(operationRulesOfContent, attempt);
  return {
    operation: first.operation,
    oh: first.oh,
    exp: first.operation.exp,
    signers: attempt.copies.map(({ jws }) => jws.header.kid),
  };
}

function refuseFirst(rules: readonly OperationRule[], attempt: OperationAttempt): void {
  for (const rule of rules) {
    const violation = rule(attempt);
    if (violation !== undefined) throw new ProblemError(violation.code, violation);
  }
}
