/**
 * Two-slot rotation of authorities as a pure state machine: a new one is shown before it signs, an old one after it signed.
 * It must never hold more than two that are trusted, nor let one sign that nobody has seen.
 * @module
 */
import { limits, workloadLifetimes } from '@letterlock/protocol';

/** Times in seconds, so that tests and short-lived installations can shorten them together. */
export interface RotationTimes {
  /** Life of an authority. */
  readonly lifetime: number;
  /** A new one is published when so much of the old one's life is left. */
  readonly renewBefore: number;
  /** From publishing to signing: every agent has fetched the bundle by then. */
  readonly published: number;
  /** From the last signature to removal: every certificate of it has ended by then. */
  readonly retired: number;
  /** Longest life of a leaf from now on. */
  readonly leaf: number;
}

/** What an installation says of its lifetimes, seconds. */
export interface ChosenLifetimes {
  readonly leaf: number;
  readonly authority: number;
  /** Default a third of the authority's. */
  readonly renewBefore?: number | undefined;
  /** For so long a new authority is shown before it signs, and the old one is kept beyond its last certificate. */
  readonly overlap: number;
}

/** A twelfth more than a leaf lives: clocks differ, and another replica may sign until it has looked. */
export function rotationTimesOf({ leaf, authority, renewBefore, overlap }: ChosenLifetimes): RotationTimes {
  return {
    lifetime: authority,
    renewBefore: renewBefore ?? Math.floor(authority / 3),
    published: overlap,
    retired: overlap + leaf + Math.ceil(leaf / 12),
    leaf,
  };
}

/** @source protocol.md §8.4 */
export const defaultRotationTimes: RotationTimes = rotationTimesOf({
  leaf: workloadLifetimes.leaf,
  authority: workloadLifetimes.authority,
  overlap: workloadLifetimes.authorityPublished,
});

/** How often a replica must look, seconds: a fraction of the shortest time that something may be overdue. */
export function lookEverySeconds({ leaf, published }: RotationTimes): number {
  return Math.min(60, Math.max(1, Math.floor(Math.min(leaf, published) / 10)));
}

/** What rotation needs to know of an authority. */
export interface Dated {
  readonly notAfter: number;
}

export interface RotationState<A extends Dated> {
  /** Of the bundle; grows with every step. */
  readonly seq: number;
  readonly signing: A;
  /** Trusted, and signs from some time on. */
  readonly next?: { readonly authority: A; readonly publishedAt: number };
  /** Trusted, and signs no more. */
  readonly retiring?: { readonly authority: A; readonly stoppedAt: number };
  /** No longer trusted for anything new, oldest first. */
  readonly past: readonly A[];
}

export type RotationStep = 'publish' | 'switch' | 'retire';

export function firstState<A extends Dated>(authority: A): RotationState<A> {
  return { seq: 1, signing: authority, past: [] };
}

/** Those that verifiers trust, the one that signs first. */
export function trustedOf<A extends Dated>({ signing, next, retiring }: RotationState<A>): readonly A[] {
  return [
    signing,
    ...(next === undefined ? [] : [next.authority]),
    ...(retiring === undefined ? [] : [retiring.authority]),
  ];
}

/** The step that is due. @param options - `isRequested`: a rotation was asked for, after a rekey */
export function dueStep(
  state: RotationState<Dated>,
  nowSeconds: number,
  times: RotationTimes,
  options: { readonly isRequested: boolean } = { isRequested: false },
): RotationStep | undefined {
  const { signing, next, retiring } = state;
  if (retiring !== undefined) return nowSeconds >= retiring.stoppedAt + times.retired ? 'retire' : undefined;
  const left = signing.notAfter - nowSeconds;
  if (next === undefined) return options.isRequested || left <= times.renewBefore ? 'publish' : undefined;
  // Without an authority that lives as long as a leaf nobody could enrol: then to wait would help nobody.
  return nowSeconds >= next.publishedAt + times.published || left < times.leaf ? 'switch' : undefined;
}

/** The state after a step. @param fresh - a new authority, for `publish` alone. @throws TypeError for a step that is not possible */
export function afterStep<A extends Dated>(
  state: RotationState<A>,
  step: RotationStep,
  nowSeconds: number,
  fresh?: A,
): RotationState<A> {
  const { next, retiring, signing, past } = state;
  const seq = state.seq + 1;
  if (step === 'publish' && fresh !== undefined && next === undefined && retiring === undefined) {
    return { seq, signing, next: { authority: fresh, publishedAt: nowSeconds }, past };
  }
  if (step === 'switch' && next !== undefined && retiring === undefined) {
    return { seq, signing: next.authority, retiring: { authority: signing, stoppedAt: nowSeconds }, past };
  }
  if (step === 'retire' && retiring !== undefined) {
    return { seq, signing, past: [...past, retiring.authority].slice(-limits.pastAuthorities) };
  }
  throw new TypeError(`Cannot rotate: ${step} does not follow from this state`);
}
