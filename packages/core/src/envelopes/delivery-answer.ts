/**
 * The answer of an open or a read as canonical text. Header, payload and signature stand side by side in a stored envelope as they do
 * in the answer, so they are copied as they are: parsing and writing a large payload would cost more than sealing it.
 * It must never be given an envelope that did not come out of the barrier.
 * @module
 */
import { canonicalize, decodeUtf8, ProblemError, type PublicJwk } from '@letterlock/protocol';

/** What the reader gets of a stored envelope. */
export interface StoredEnvelope {
  /** `"hdr":…,"payload":…,"sig":…`, canonical. */
  readonly members: string;
  /** The header as it stands in `members`. */
  readonly hdr: string;
  /** Key slots, one for each recipient, in their order. */
  readonly slots: readonly [string, ...string[]];
}

const begin = '{"hdr":"';
const beforeSlot = ',"slots":["';
const end = '"],"v":1}';

const betweenSlots = '","';

/** Takes the canonical text of an envelope apart. @throws 'internal' (reason storage_integrity) if it is none */
export function readStoredEnvelope(envelope: Uint8Array): StoredEnvelope {
  const text = decodeUtf8(envelope);
  const at = text.lastIndexOf(beforeSlot);
  const slots = text.slice(at + beforeSlot.length, -end.length).split(betweenSlots) as [string, ...string[]];
  if (!text.startsWith(begin) || at === -1 || !text.endsWith(end) || slots.some((slot) => slot.includes('"'))) {
    throw new ProblemError('internal', { reason: 'storage_integrity' });
  }
  return { members: text.slice(1, at), hdr: text.slice(begin.length, text.indexOf('"', begin.length)), slots };
}

/** @returns a DeliveryResponse in canonical form */
export function writeDelivery(o: {
  readonly dlv: string;
  readonly dslot: string;
  readonly stored: StoredEnvelope;
  readonly wkey: PublicJwk;
}): string {
  const wkey = canonicalize({ ...o.wkey });
  return `{"dlv":"${o.dlv}","dslot":"${o.dslot}",${o.stored.members},"v":1,"wkey":${wkey}}`;
}
