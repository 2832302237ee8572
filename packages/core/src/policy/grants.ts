/**
 * Which grant covers what: the one place where grants are compared with a wish, for decisions and for explanations alike.
 * It must never know a deny rule: a grant covers a wish or it does not, and order never matters.
 * @module
 */
import { isAtOrBelow, type Grant, type Verb } from '@letterlock/protocol';

/** One verb on one path, now. */
export interface Wish {
  readonly verb: Verb;
  readonly path: string;
  readonly nowSeconds: number;
}

/** Why a grant does not cover a wish. */
export type GrantViolation = 'path_not_covered' | 'verb_not_granted' | 'grant_ended';
type GrantRule = (grant: Grant, wish: Wish) => boolean;

const pathNotCovered: GrantRule = (grant, { path }) => !isAtOrBelow(path, grant.path);
const verbNotGranted: GrantRule = (grant, { verb }) => !grant.verbs.includes(verb);
/** `until` is the first second in which the grant is no more. */
const grantEnded: GrantRule = (grant, { nowSeconds }) => grant.until !== undefined && nowSeconds >= grant.until;

/** In order: the later a grant fails, the nearer it is. */
const rules: readonly (readonly [GrantViolation, GrantRule])[] = [
  ['path_not_covered', pathNotCovered],
  ['verb_not_granted', verbNotGranted],
  ['grant_ended', grantEnded],
];

/** The first rule that keeps a grant from covering a wish; undefined when it covers it. */
export function violationOf(grant: Grant, wish: Wish): GrantViolation | undefined {
  return rules.find(([, isViolated]) => isViolated(grant, wish))?.[0];
}

/** Verbs by whose holders a secret's name may be seen: who writes one must learn its version. */
export const listingVerbs: readonly Verb[] = ['list', 'read', 'write'];

/** Whether grants cover a path, or something below it, with a verb that shows names. */
export function mayList(grants: readonly Grant[], path: string, nowSeconds: number): boolean {
  return grants.some((grant) =>
    listingVerbs.some((verb) => {
      const wished = isAtOrBelow(grant.path, path) ? grant.path : path;
      return violationOf(grant, { verb, path: wished, nowSeconds }) === undefined;
    }),
  );
}

/** What a caller's grants say to a wish. */
export type Finding =
  | { readonly allowed: true; readonly grant: Grant }
  | { readonly allowed: false; readonly nearest?: { readonly grant: Grant; readonly violation: GrantViolation } };

/** The grant that covers a wish, or the one that comes nearest and why it does not. */
export function findGrant(grants: readonly Grant[], wish: Wish): Finding {
  let nearest: { readonly grant: Grant; readonly violation: GrantViolation; readonly distance: Distance } | undefined;
  for (const grant of grants) {
    const violation = violationOf(grant, wish);
    if (violation === undefined) return { allowed: true, grant };
    const distance = distanceOf(grant, violation, wish);
    if (nearest === undefined || isNearer(distance, nearest.distance)) nearest = { grant, violation, distance };
  }
  return nearest === undefined
    ? { allowed: false }
    : { allowed: false, nearest: { grant: nearest.grant, violation: nearest.violation } };
}

/** Rules passed, then path segments in common. */
type Distance = readonly [passed: number, shared: number];

function distanceOf(grant: Grant, violation: GrantViolation, { path }: Wish): Distance {
  const wished = path.split('/');
  const differing = grant.path.split('/').findIndex((segment, index) => segment !== wished[index]);
  return [rules.findIndex(([name]) => name === violation), differing === -1 ? wished.length : differing];
}

function isNearer(one: Distance, other: Distance): boolean {
  return one[0] === other[0] ? one[1] > other[1] : one[0] > other[0];
}
