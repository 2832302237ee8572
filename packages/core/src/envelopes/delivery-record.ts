/**
 * What a pod was given of a binding: one record for each pod and secret, in the transaction that delivers (protocol.md §6).
 * It must never be written apart from that transaction, nor hold anything of the content.
 * @module
 */
import {
  canonicalBytes,
  integer,
  object,
  optional,
  parseCanonical,
  ProblemError,
  readBindingPath,
  seconds,
  text,
} from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Entry, Operation } from '../store/store.ts';

/** `delivery/<podUID>/<binding>!<secret>`. `at`: delivered; `opened`: that the reader has it is known; `ver`: of a kv secret. */
const deliveryRecord = object({
  at: seconds,
  binding: text(63),
  ns: text(63),
  opened: optional(seconds),
  secret: text(63),
  uid: text(36),
  v: integer(1, 1),
  ver: optional(integer(1)),
});
export type DeliveryRecord = ReturnType<typeof deliveryRecord>;

/** Sealed for it, so that who lists records need not know their names; what is inside is compared with the key. */
const parent = 'delivery';
/** Not in any name. */
const joint = '!';

/** Prefix of the keys of all deliveries. */
export function deliveriesPrefix(barrier: Barrier): string {
  return `${barrier.keyOf(parent)}/`;
}

/** Prefix of the keys of a pod's deliveries. */
export function deliveriesPrefixOf(barrier: Barrier, podUid: string): string {
  return `${barrier.keyOf(`${parent}/${podUid}`)}/`;
}

/** What a delivery's transaction must also contain; nothing for a path or a caller that is no pod's business. */
export function putDelivery(
  barrier: Barrier,
  o: {
    readonly path: string;
    /** The caller, if it is a pod's agent. */
    readonly podUid: string | undefined;
    readonly at: number;
    readonly opened?: number;
    readonly ver?: number;
  },
): readonly Operation[] {
  const place = readBindingPath(o.path);
  if (place?.secret === undefined || o.podUid === undefined) return [];
  const { namespace: ns, binding, secret } = place;
  const record = {
    at: o.at,
    binding,
    ns,
    ...(o.opened === undefined ? {} : { opened: o.opened }),
    secret,
    uid: o.podUid,
    v: 1,
    ...(o.ver === undefined ? {} : { ver: o.ver }),
  };
  return [{ do: 'put', key: keyOf(barrier, record), value: barrier.seal(parent, canonicalBytes(record)) }];
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or another's */
export function openDeliveryRecord(barrier: Barrier, entry: Entry): DeliveryRecord {
  try {
    const record = deliveryRecord(parseCanonical(barrier.open(parent, entry.value)), '');
    if (keyOf(barrier, record) !== entry.key) throw new RangeError('delivery record');
    return record;
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'storage_integrity', cause });
  }
}

function keyOf(barrier: Barrier, { uid, binding, secret }: Pick<DeliveryRecord, 'uid' | 'binding' | 'secret'>): string {
  return barrier.keyOf(`${parent}/${uid}/${binding}${joint}${secret}`);
}
