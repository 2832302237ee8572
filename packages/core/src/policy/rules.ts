/**
 * What a caller must not be or lack for each action: one table, one rule a violation; the first one wins, and no action
 * is without rules. A rule must never read anything but the caller, the action and the caller's grants.
 * @module
 */
import { isReservedPath, type Grant, type ProblemCode, type Verb } from '@letterlock/protocol';
import type { Caller } from '../proof/proven.ts';
import { bindingRefusal, type BindingWish } from './binding-rules.ts';
import { findGrant, listingVerbs, mayList } from './grants.ts';
import type { LiveBindings } from './live-binding.ts';
import type { ActionName, ActionOf } from './permitted.ts';

/** What decisions are made from, beside the caller and the action. */
export interface World {
  /** The caller's own grants. */
  readonly grants: readonly Grant[];
  readonly nowSeconds: number;
  /** Bindings of the cluster; absent outside Kubernetes. */
  readonly bindings?: LiveBindings | undefined;
}

/** Why an action is refused: the code on the wire and the reason for the log. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly reason: string;
}
export type Rule<N extends ActionName> = (caller: Caller, action: ActionOf<N>, world: World) => Refusal | undefined;
/** The right that an action rests on, and what speaks against it. */
export interface ActionRules<N extends ActionName> {
  /** Reason of a permission, for the log. */
  readonly right: 'grant' | 'workload' | 'party' | 'registered' | 'own_key' | 'admin' | 'admin_signature';
  readonly rules: readonly Rule<N>[];
}

const notAnAdmin: Rule<ActionName> = (caller) =>
  caller.isAdmin ? undefined : { code: 'denied', reason: 'admin_required' };

/** Acts of an admin are signed as operations: a request proof alone is not enough. */
const operationNotSigned: Rule<ActionName> = (caller) =>
  caller.factor === 'admin' ? undefined : { code: 'denied', reason: 'operation_required' };

/** Lists and explanations show names, so they are for who proves the very request. */
const proofMissing: Rule<ActionName> = (caller) =>
  caller.factor === 'proof' ? undefined : { code: 'denied', reason: 'proof_required' };

/** No admin role can store, open or read. */
const adminStores: Rule<'wrap.store' | 'secret.write' | 'secret.list' | 'secret.versions' | 'secret.destroy'> = (
  caller,
) => (caller.isAdmin ? { code: 'denied', reason: 'admin_handles_no_content' } : undefined);

/** To an admin a wrap does not exist, as it does not to any stranger. */
const adminReads: Rule<'secret.read' | 'wrap.open' | 'wrap.acknowledge' | 'wrap.revoke' | 'wrap.status'> = (caller) =>
  caller.isAdmin ? { code: 'not_found', reason: 'admin_handles_no_content' } : undefined;

/** An envelope is stored by the one who signed it. */
const writerIsAnother: Rule<'wrap.store' | 'secret.write'> = (caller, action) =>
  action.writer === caller.id ? undefined : { code: 'bad_envelope', reason: 'writer_not_caller' };

/** A verb on the action's path that no grant of the caller covers, or, on a reserved path, no binding. */
function notGranted(verb: Exclude<Verb, 'list'>, code: ProblemCode = 'denied') {
  const wish: BindingWish | undefined = verb === 'destroy' ? undefined : verb;
  return (caller: Caller, { path }: { readonly path: string }, world: World): Refusal | undefined => {
    if (isReservedPath(path)) {
      // What a binding holds ends with the binding.
      return wish === undefined ? { code, reason: 'binding_destroys' } : bindingRefusal(wish, caller, path, world);
    }
    const finding = findGrant(world.grants, { verb, path, nowSeconds: world.nowSeconds });
    return finding.allowed ? undefined : { code, reason: finding.nearest?.violation ?? 'no_grant' };
  };
}

/** Names below a path are for who may do something there; the top is open to all, and shows each what it may see. */
const nothingToList: Rule<'secret.list'> = (caller, { path }, world) => {
  if (path !== undefined && isReservedPath(path)) return bindingRefusal('list', caller, path, world);
  return path === undefined || mayList(world.grants, path, world.nowSeconds)
    ? undefined
    : { code: 'denied', reason: 'no_grant' };
};

/** Whoever may do something with the secret may see which versions there are. */
const versionsNotGranted: Rule<'secret.versions'> = (caller, { path }, world) => {
  if (isReservedPath(path)) return bindingRefusal('list', caller, path, world);
  const { grants, nowSeconds } = world;
  return listingVerbs.some((verb) => findGrant(grants, { verb, path, nowSeconds }).allowed)
    ? undefined
    : { code: 'denied', reason: 'no_grant' };
};

const keyIsAnother: Rule<'identity.register' | `workload.${'enrol' | 'renew' | 'token'}`> = (caller, action) =>
  action.id === caller.id ? undefined : { code: 'denied', reason: 'identity_not_own' };

/** A token could be used by whoever is in between, unless the proof is bound to this very connection. */
const exporterMissing: Rule<'workload.enrol' | 'workload.token'> = (caller) =>
  caller.binding === 'exporter' ? undefined : { code: 'channel_required', reason: 'channel_missing' };

const certificateMissing: Rule<'workload.renew'> = (caller) =>
  caller.workload?.by === 'svid' ? undefined : { code: 'denied', reason: 'svid_missing' };

const party = { right: 'party', rules: [adminReads] } as const;
const adminByProof = { right: 'admin', rules: [notAnAdmin, proofMissing] } as const;
const adminByOperation = { right: 'admin_signature', rules: [notAnAdmin, operationNotSigned] } as const;

/** Every action there is. */
export const rulesOf: { readonly [N in ActionName]: ActionRules<N> } = {
  'wrap.store': { right: 'grant', rules: [adminStores, writerIsAnother, notGranted('wrap')] },
  // The state machine of a wrap knows who its parties are; here it is enough to be proven.
  'wrap.open': party,
  'wrap.acknowledge': party,
  'wrap.revoke': party,
  'wrap.status': party,
  'secret.write': { right: 'grant', rules: [adminStores, writerIsAnother, notGranted('write')] },
  // A secret that may not be read looks like one that does not exist; being a recipient is asked where the record is.
  'secret.read': { right: 'grant', rules: [adminReads, notGranted('read', 'not_found')] },
  'secret.list': { right: 'grant', rules: [adminStores, nothingToList] },
  'secret.versions': { right: 'grant', rules: [adminStores, versionsNotGranted] },
  'secret.destroy': { right: 'grant', rules: [adminStores, notGranted('destroy')] },
  'identity.read': { right: 'registered', rules: [] },
  'identity.register': { right: 'own_key', rules: [keyIsAnother] },
  'workload.enrol': { right: 'own_key', rules: [keyIsAnother, exporterMissing] },
  'workload.token': { right: 'own_key', rules: [keyIsAnother, exporterMissing] },
  'workload.renew': { right: 'workload', rules: [certificateMissing, keyIsAnother] },
  'grant.list': adminByProof,
  'identity.list': adminByProof,
  explain: adminByProof,
  'unseal.status': adminByProof,
  'identity.put': adminByOperation,
  'identity.revoke': adminByOperation,
  'grant.put': adminByOperation,
  'grant.delete': adminByOperation,
  seal: adminByOperation,
  'share.ack': adminByOperation,
  'peer_unseal.set': adminByOperation,
  'images.set': adminByOperation,
};
