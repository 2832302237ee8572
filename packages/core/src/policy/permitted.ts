/**
 * What a proven caller has been permitted to do. `Permitted` is made only by decide, in this folder.
 * It must never be built by a handler.
 * @module
 */
import type { Verb } from '@letterlock/protocol';
import type { Caller } from '../proof/proven.ts';

/** What somebody wants to do. Opening, acknowledging and asking for the status need no grant: being a party is the right, and the reducer checks that. */
export type Action =
  | { readonly act: 'wrap.store'; readonly id: string; readonly path: string; readonly writer: string }
  | { readonly act: 'wrap.open' | 'wrap.acknowledge' | 'wrap.revoke' | 'wrap.status'; readonly id: string }
  | { readonly act: 'secret.write'; readonly id: string; readonly path: string; readonly writer: string }
  | { readonly act: 'secret.read' | 'secret.versions' | 'secret.destroy'; readonly path: string }
  /** Without a path: what lies at the top. */
  | { readonly act: 'secret.list'; readonly path: string | undefined }
  | { readonly act: 'identity.read' | 'identity.register'; readonly id: string }
  | { readonly act: 'grant.list' | 'identity.list' }
  | { readonly act: 'explain' }
  | { readonly act: 'unseal.status' }
  | { readonly act: 'identity.put' | 'identity.revoke'; readonly id: string }
  | { readonly act: 'grant.put' | 'grant.delete'; readonly path: string; readonly who: string }
  | { readonly act: 'workload.enrol' | 'workload.renew' | 'workload.token'; readonly id: string }
  | { readonly act: 'seal' }
  | { readonly act: 'share.ack' }
  | { readonly act: 'peer_unseal.set' | 'images.set' };
export type ActionName = Action['act'];
/** The action of one or several names. */
export type ActionOf<N extends ActionName> = N extends unknown ? Named<Action, N> : never;
type Named<A extends Action, N extends ActionName> = A extends unknown
  ? N extends A['act']
    ? Omit<A, 'act'> & { readonly act: N }
    : never
  : never;

declare const permittedMark: unique symbol;
/** A permitted action of a proven caller. */
export interface Permitted<N extends ActionName> {
  readonly caller: Caller;
  readonly action: ActionOf<N>;
  /** Whether the caller's grants also cover a verb on a path that becomes known later (revoke: `destroy`). */
  readonly allows: (verb: Verb, path: string) => boolean;
  /** Whether the caller's grants cover one of the verbs on a path or on something below it: then its name may be shown. */
  readonly mayList: (path: string) => boolean;
  /**
   * The caller's name as a recipient of what was written for a binding, if the live binding selects its pod.
   * @param bnd - `<namespace>/<name>`
   */
  readonly receivesAs: (bnd: string) => string | undefined;
  readonly [permittedMark]: N;
}
