/**
 * What a replica forgets when another one has changed something: one line for each act.
 * It must never keep anything for an act that it does not know.
 * @module
 */
import type { AuditAct, News } from '../audit/index.ts';

/** What is kept in memory of the store. Without a name: all of it. */
export interface KeptAnswers {
  readonly identities: { invalidate(id?: string): void };
  readonly grants: { invalidate(who?: string): void };
}

type Kept = keyof KeptAnswers | 'nothing';
/** Which cache an act concerns; the act's object names what in it. */
const concerned: { readonly [A in AuditAct]?: Kept } = {
  'identity.register': 'identities',
  'identity.rotate': 'identities',
  'identity.put': 'identities',
  'identity.revoke': 'identities',
  'grant.put': 'grants',
  'grant.delete': 'grants',
  // Told so that a new replica is noticed, or read where it is needed.
  unseal: 'nothing',
  'peer_unseal.set': 'nothing',
  'images.set': 'nothing',
};
const prefixes = { identities: 'id/', grants: 'grant/' } as const satisfies Record<keyof KeptAnswers, string>;

/** Forgets exactly what the news says has changed; everything if some may be missing or is not understood. */
export function forgetChanged({ records, mayHaveMissed }: News, kept: KeptAnswers): void {
  if (mayHaveMissed) forgetEverything(kept);
  for (const { act, obj } of records) {
    const which = Object.hasOwn(concerned, act) ? concerned[act as AuditAct] : undefined;
    if (which === 'nothing') continue;
    if (which === undefined || !obj.startsWith(prefixes[which])) forgetEverything(kept);
    else kept[which].invalidate(obj.slice(prefixes[which].length));
  }
}

/** After a look that failed, or as the last resort. */
export function forgetEverything({ identities, grants }: KeptAnswers): void {
  identities.invalidate();
  grants.invalidate();
}
