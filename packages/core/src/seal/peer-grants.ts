/**
 * The records of which starts were given the KEK, so that each start is given it to one pair of boot keys (protocol.md §10.5).
 * It must never forget one of the present epoch: its start may still be running.
 * @module
 */
import {
  canonicalBytes,
  hash,
  integer,
  isProblemError,
  object,
  parseCanonical,
  ProblemError,
  seconds,
} from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Store } from '../store/store.ts';

/** The same boot keys may ask again after a lost answer: they learn nothing new. So often, so that the trail does not grow by it. */
export const grantsOfOneStart = 8;

/** `epoch`: revision of `sys/epoch`; `of`: hash of epoch, instance and start, which is the record's name. */
const grantRecord = object({
  at: seconds,
  boot: hash,
  epoch: integer(0),
  n: integer(1, grantsOfOneStart),
  of: hash,
  v: integer(1, 1),
});
export type PeerGrant = ReturnType<typeof grantRecord>;

/** Parent of all such records; each is sealed under it, so that a sweep can read them. */
const parent = 'peer';

export function peerGrantKey(barrier: Barrier, of: string): string {
  return barrier.keyOf(`${parent}/${of}`);
}

export function sealPeerGrant(barrier: Barrier, grant: PeerGrant): Uint8Array {
  return barrier.seal(parent, canonicalBytes(grant));
}

/** @throws 'internal' for one that was changed, or stands for another start */
export function openPeerGrant(barrier: Barrier, of: string, value: Uint8Array): PeerGrant {
  const grant = readGrant(barrier, value);
  if (grant.of !== of) throw new ProblemError('internal', { reason: 'storage_integrity' });
  return grant;
}

function readGrant(barrier: Barrier, value: Uint8Array): PeerGrant {
  return grantRecord(parseCanonical(barrier.open(parent, value)), '');
}

/** Where a sweep goes on; absent at the end. */
export interface PeerGrantSweep {
  readonly deleted: number;
  /** Records that could not be opened: they stay. */
  readonly damaged: number;
  readonly after?: string;
}

/** Deletes the records of former epochs: a seal on purpose has ended what they were for. */
export async function sweepPeerGrants(
  {
    store,
    barrier,
    epochRevision,
  }: { readonly store: Store; readonly barrier: Barrier; readonly epochRevision: number },
  page: { readonly limit: number; readonly after?: string },
): Promise<PeerGrantSweep> {
  const { entries, hasMore } = await store.range({ prefix: `${barrier.keyOf(parent)}/`, ...page });
  const report = { deleted: 0, damaged: 0 };
  for (const { key, value, modRevision } of entries) {
    const epoch = epochOf(barrier, value);
    if (epoch === undefined) report.damaged += 1;
    // Later ones too are kept: another replica may know of a seal that this one has yet to see.
    if (epoch === undefined || epoch >= epochRevision) continue;
    const { succeeded } = await store.transact({
      compare: [{ key, field: 'mod', is: '=', revision: modRevision }],
      then: [{ do: 'delete', key }],
    });
    if (succeeded) report.deleted += 1;
  }
  const after = entries.at(-1)?.key;
  return hasMore && after !== undefined ? { ...report, after } : report;
}

/** @returns undefined for a record that was changed */
function epochOf(barrier: Barrier, value: Uint8Array): number | undefined {
  try {
    return readGrant(barrier, value).epoch;
  } catch (error) {
    if (isProblemError(error) && error.code !== 'sealed') return undefined;
    throw error;
  }
}
