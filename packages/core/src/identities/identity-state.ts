/**
 * The life of one identity as a pure function: none → allowed → active → revoked, and back to allowed by an admin.
 * It must never make a revoked identity active without a new admin's operation, nor accept an older keyset.
 * @module
 */
import type { Keyset } from '@letterlock/crypto';
import {
  array,
  hash,
  integer,
  jws,
  limits,
  object,
  oneOf,
  optional,
  seconds,
  type ProblemCode,
} from '@letterlock/protocol';

/** Encryption keys kept by name after rotation; older ones are forgotten. */
const earlierKeysLimit = 64;

/** Record `id/<id>`. `keyset` is the one with the highest `seq`, also while the identity is revoked or allowed again. */
export const identityRecord = object({
  at: seconds,
  earlier: array(object({ kid: hash, seq: integer(1) }), earlierKeysLimit),
  id: hash,
  keyset: optional(jws(limits.keysetBytes)),
  st: oneOf('allowed', 'active', 'revoked'),
  v: integer(1, 1),
});
export type IdentityRecord = ReturnType<typeof identityRecord>;

/** What an id that is new rests on. An x509 chain cannot bring back what an admin revoked; a new operation can. */
export type AcceptedEvidence = 'op' | 'x509' | 'binding' | 'configuration';

export type IdentityDecision =
  | { readonly do: 'put'; readonly record: IdentityRecord; readonly act: 'identity.register' | 'identity.rotate' }
  | { readonly do: 'nothing' }
  | { readonly do: 'ask_evidence' }
  | { readonly do: 'refuse'; readonly code: ProblemCode; readonly reason: string; readonly detail?: string };

/** What is stored of an identity: its record, and the keyset in it, read. */
export interface IdentityState {
  readonly record: IdentityRecord;
  readonly keyset: Keyset | undefined;
}

/** Decides a registration or rotation. @param evidence - once it was checked; undefined before. */
export function decideRegistration(
  state: IdentityState | undefined,
  keyset: Keyset,
  evidence: AcceptedEvidence | undefined,
  nowSeconds: number,
): IdentityDecision {
  if (keyset.exp !== undefined && keyset.exp <= nowSeconds) {
    return { do: 'refuse', code: 'bad_key', reason: 'keyset_expired', detail: 'The keyset has expired' };
  }
  const standing = state?.record.st ?? 'none';
  if (standing === 'none' || standing === 'revoked') {
    if (evidence === undefined) return { do: 'ask_evidence' };
    if (standing === 'revoked' && evidence !== 'op') {
      return { do: 'refuse', code: 'denied', reason: 'identity_revoked' };
    }
  }
  const current = state?.keyset;
  const isSame = current !== undefined && isSameKeyset(current, keyset);
  if (current !== undefined && !isSame && keyset.seq <= current.seq) {
    return {
      do: 'refuse',
      code: 'conflict',
      reason: 'keyset_seq',
      detail: 'The keyset has no higher seq than the stored one',
    };
  }
  if (standing === 'active' && isSame) return { do: 'nothing' };
  return {
    do: 'put',
    act: standing === 'active' ? 'identity.rotate' : 'identity.register',
    record: {
      v: 1,
      id: keyset.id,
      st: 'active',
      at: nowSeconds,
      keyset: keyset.jws,
      earlier: earlierKeys(state, keyset),
    },
  };
}

/** An admin allows an id: a new or revoked one may register; nothing changes for one that is active. */
export function decideAllowance(
  state: IdentityState | undefined,
  id: string,
  nowSeconds: number,
): IdentityRecord | undefined {
  const standing = state?.record.st;
  if (standing === 'active' || standing === 'allowed') return undefined;
  return { ...(state?.record ?? { v: 1, id, earlier: [] }), st: 'allowed', at: nowSeconds };
}

/** An admin revokes an id, known or not: what is not known can then not register by evidence made earlier. */
export function decideRevocation(
  state: IdentityState | undefined,
  id: string,
  nowSeconds: number,
): IdentityRecord | undefined {
  if (state?.record.st === 'revoked') return undefined;
  return { ...(state?.record ?? { v: 1, id, earlier: [] }), st: 'revoked', at: nowSeconds };
}

/** By what was signed: a signature made twice differs, and is never an identifier. */
function isSameKeyset(one: Keyset, other: Keyset): boolean {
  return signedPart(one) === signedPart(other);
}

function signedPart({ jws: compact }: Keyset): string {
  return compact.slice(0, compact.lastIndexOf('.'));
}

function earlierKeys(state: IdentityState | undefined, keyset: Keyset): IdentityRecord['earlier'] {
  const earlier = state?.record.earlier ?? [];
  const current = state?.keyset;
  if (current === undefined || current.enc.thumbprint === keyset.enc.thumbprint) return earlier;
  return [...earlier, { kid: current.enc.thumbprint, seq: current.seq }].slice(-earlierKeysLimit);
}
