/**
 * Checks the evidence that a new identity may register (protocol.md §3): one line for each kind.
 * It must never accept evidence for another key than the one that registers.
 * @module
 */
import { verifyCertificateChain } from '@letterlock/crypto';
import { decodeBase64url, isProblemError, ProblemError, type Evidence } from '@letterlock/protocol';
import { checkOperations, type SignedOperationsContext } from '../proof/index.ts';
import type { LiveBindings } from '../policy/index.ts';
import type { OperationOnce } from './operation-ledger.ts';

/** Certificate authorities of the configuration. */
export type CertificateAuthorities = Parameters<typeof verifyCertificateChain>[1];

export interface EvidenceContext extends SignedOperationsContext {
  /** The id that registers. */
  readonly id: string;
  readonly authorities: CertificateAuthorities;
  /** Absent outside Kubernetes. */
  readonly bindings?: LiveBindings | undefined;
}

/** Good evidence; an operation is used up by the registration. */
export type GoodEvidence =
  | { readonly kind: 'op'; readonly once: OperationOnce }
  | { readonly kind: 'x509' | 'binding'; readonly once?: undefined };

type Checker<T extends Evidence['t']> = (
  evidence: Extract<Evidence, { readonly t: T }>,
  context: EvidenceContext,
) => Promise<GoodEvidence> | GoodEvidence;

const checkers: { readonly [T in Evidence['t']]: Checker<T> } = {
  op: async ({ jws }, context) => {
    const { operation, oh, exp, signers } = await checkOperations([jws], context);
    if (operation.op !== 'identity.put' || operation.args.id !== context.id) throw refusal('evidence_op');
    return { kind: 'op', once: { oh, exp, signers } };
  },
  x509: ({ chain }, { authorities, clock, id }) => {
    const key = verifyCertificateChain(chain.map(decodeBase64url), authorities, clock.nowSeconds());
    if (key.thumbprint !== id) throw refusal('evidence_x509');
    return { kind: 'x509' };
  },
  // Listing a key in a binding is the right of who may change the binding, and gives rights on nothing else.
  binding: ({ ns, name }, { bindings, clock, id }) => {
    const binding = bindings?.isCurrent() === true ? bindings.bindingOf(ns, name) : undefined;
    const isListed = binding?.writers.identities.some(
      ({ thumbprint, notAfter }) => thumbprint === id && (notAfter === undefined || clock.nowSeconds() < notAfter),
    );
    if (isListed !== true) throw refusal('evidence_binding');
    return { kind: 'binding' };
  },
};

/** Checks evidence. @throws 'denied': reason evidence_missing, evidence_op, evidence_x509 or evidence_binding */
export async function checkEvidence(evidence: Evidence | undefined, context: EvidenceContext): Promise<GoodEvidence> {
  if (evidence === undefined) throw refusal('evidence_missing');
  try {
    return await (checkers[evidence.t] as Checker<Evidence['t']>)(evidence, context);
  } catch (cause) {
    if (!isProblemError(cause) || cause.code === 'denied') throw cause;
    throw refusal(`evidence_${evidence.t}`, cause);
  }
}

function refusal(reason: string, cause?: unknown): ProblemError {
  return new ProblemError('denied', { reason, ...(cause === undefined ? {} : { cause }) });
}
