/**
 * "May they?": turns a proven caller's action into a permitted one, or says why not. Default deny.
 * It must never read the store or the clock: what it decides from is passed in.
 * @module
 */
import {
  isReservedPath,
  ProblemError,
  type OperationArguments,
  type OperationName,
  type Verb,
} from '@letterlock/protocol';
import type { Proven } from '../proof/proven.ts';
import { bindingRefusal, receiverOf } from './binding-rules.ts';
import { findGrant, mayList } from './grants.ts';
import type { ActionName, ActionOf, Permitted } from './permitted.ts';
import { rulesOf, type ActionRules, type World } from './rules.ts';

/** A decision always says why: the right it rests on, or the violation. */
export type Decision<N extends ActionName> =
  | { readonly permitted: true; readonly value: Permitted<N>; readonly reason: string }
  | { readonly permitted: false; readonly problem: ProblemError; readonly reason: string };

/** Decides one action. Shape: the permission with the right that it rests on, or the problem with its reason. */
export function decide<N extends ActionName>(action: ActionOf<N>, proven: Proven<unknown>, world: World): Decision<N> {
  const { caller } = proven;
  // The table has a row for each name, but the compiler does not see that `action.act` is N.
  const { right, rules } = rulesOf[action.act] as unknown as ActionRules<N>;
  for (const rule of rules) {
    const refusal = rule(caller, action, world);
    if (refusal !== undefined) {
      return { permitted: false, problem: new ProblemError(refusal.code, refusal), reason: refusal.reason };
    }
  }
  const mayListBinding = (path: string): boolean => bindingRefusal('list', caller, path, world) === undefined;
  const allows = (verb: Verb, path: string): boolean => {
    if (caller.isAdmin) return false;
    if (isReservedPath(path)) return verb === 'list' && mayListBinding(path);
    return findGrant(world.grants, { verb, path, nowSeconds: world.nowSeconds }).allowed;
  };
  const mayListPath = (path: string): boolean => {
    if (caller.isAdmin) return false;
    return isReservedPath(path) ? mayListBinding(path) : mayList(world.grants, path, world.nowSeconds);
  };
  const receivesAs = (bnd: string): string | undefined => receiverOf(caller, bnd, world.bindings);
  const value = { caller, action, allows, mayList: mayListPath, receivesAs } as Permitted<N>;
  return { permitted: true, value, reason: right };
}

/** Decides, or throws. @throws the problem of the decision: 'denied', 'not_found', 'bad_envelope' */
export function permit<N extends ActionName>(action: ActionOf<N>, proven: Proven<unknown>, world: World): Permitted<N> {
  const decision = decide(action, proven, world);
  if (!decision.permitted) throw decision.problem;
  return decision.value;
}

/** Actions that only a signed operation can ask for. */
export type OperationActionName =
  | 'identity.put'
  | 'identity.revoke'
  | 'grant.put'
  | 'grant.delete'
  | 'seal'
  | 'share.ack'
  | 'peer_unseal.set'
  | 'images.set';

/** What each operation asks for; `init` happens before there is anybody to permit it. */
const actionsOf: {
  readonly [N in OperationName]: (args: OperationArguments<N>) => ActionOf<OperationActionName> | undefined;
} = {
  init: () => undefined,
  'identity.put': ({ id }) => ({ act: 'identity.put', id }),
  'identity.revoke': ({ id }) => ({ act: 'identity.revoke', id }),
  'grant.put': ({ path, who }) => ({ act: 'grant.put', path, who }),
  'grant.delete': ({ path, who }) => ({ act: 'grant.delete', path, who }),
  seal: () => ({ act: 'seal' }),
  'share.ack': () => ({ act: 'share.ack' }),
  'peer_unseal.set': () => ({ act: 'peer_unseal.set' }),
  'images.set': () => ({ act: 'images.set' }),
};

/** The action that a signed operation asks for; undefined for `init`. */
export function actionOfOperation<N extends OperationName>(operation: {
  readonly op: N;
  readonly args: OperationArguments<N>;
}): ActionOf<OperationActionName> | undefined {
  return actionsOf[operation.op](operation.args);
}
