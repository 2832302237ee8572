/**
 * News: a second copy of those audit records that make other replicas forget something, where they can be found by listing.
 * It must never be written apart from the change that it tells of, nor stand in for the record itself.
 * @module
 */
import type { Barrier } from '../store/barrier.ts';
import type { Operation } from '../store/store.ts';
import type { AuditAct, AuditFacts } from './record.ts';

/** Parent of all news; each is sealed under it, since who lists does not know the names. */
export const newsParent = 'news';

/** What others keep in memory, or want to hear of. */
const newsActs: ReadonlySet<AuditAct> = new Set<AuditAct>([
  'identity.register',
  'identity.rotate',
  'identity.put',
  'identity.revoke',
  'grant.put',
  'grant.delete',
  'unseal',
  'peer_unseal.set',
  'images.set',
]);

/** What the transaction of an act must contain besides its record. @param o - `bytes`: the record. */
export function newsOf(
  barrier: Barrier,
  o: { readonly replica: string; readonly seq: number; readonly facts: AuditFacts; readonly bytes: Uint8Array },
): readonly Operation[] {
  if (o.facts.outcome !== 'ok' || !newsActs.has(o.facts.act)) return [];
  const key = barrier.keyOf(`${newsParent}/${o.replica}/${o.seq}`);
  return [{ do: 'put', key, value: barrier.seal(newsParent, o.bytes) }];
}
