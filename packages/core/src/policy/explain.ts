/**
 * Says in words what the grants of somebody allow, by the same rules as decisions.
 * It must never decide anything, nor be shown to anybody but an admin: it repeats names.
 * @module
 */
import { isReservedPath, type Grant, type Verb } from '@letterlock/protocol';
import { findGrant, type GrantViolation } from './grants.ts';

export interface ExplainOptions {
  readonly who: string;
  readonly verb: Verb;
  readonly path: string;
  /** All grants of `who`. */
  readonly grants: readonly Grant[];
  readonly nowSeconds: number;
}
export interface Explanation {
  readonly allowed: boolean;
  /** A sentence of at most 512 bytes: it names one path, a grant's. */
  readonly reason: string;
}

const words: Readonly<Record<GrantViolation, (grant: Grant, verb: Verb) => string>> = {
  path_not_covered: (grant) => `the nearest grant is on ${grant.path}, which does not cover the path`,
  verb_not_granted: (grant, verb) => `the grant on ${grant.path} gives ${grant.verbs.join(', ')}, but not ${verb}`,
  grant_ended: (grant, verb) =>
    `the grant on ${grant.path} gave ${verb} until ${String(grant.until)}, which has passed`,
};

/** Explains one verb of somebody on one path. Opening a wrap needs no grant, so no verb stands for it. */
export function explain(options: ExplainOptions): Explanation {
  const { verb, grants } = options;
  if (isReservedPath(options.path)) {
    return { allowed: false, reason: 'Denied: grants do not count here, where rights come from SecretBindings' };
  }
  const finding = findGrant(grants, options);
  if (finding.allowed) {
    const { path, until } = finding.grant;
    const end = until === undefined ? 'without an end' : `until ${until}`;
    return { allowed: true, reason: `Allowed: the grant on ${path} gives ${verb} ${end}` };
  }
  const { nearest } = finding;
  const because =
    nearest === undefined ? 'no grant names this identity' : words[nearest.violation](nearest.grant, verb);
  return { allowed: false, reason: `Denied: ${because}` };
}
