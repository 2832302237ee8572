/**
 * The records of enrolled workloads: one row for each pod, and which key each start of an agent has got.
 * A row must never be read without the check that it stands in its own place.
 * @module
 */
import {
  array,
  base64url,
  canonicalBytes,
  hash,
  integer,
  jws,
  limits,
  object,
  optional,
  parseCanonical,
  ProblemError,
  seconds,
  text,
} from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Entry, Operation } from '../store/store.ts';

/** `wl/<podUID>`: the one key that the pod has now. */
export const workloadRow = object({
  at: seconds,
  container: text(512),
  keyset: jws(limits.keysetBytes),
  kid: hash,
  name: text(253),
  /** UID of the node, where the cluster puts it into tokens. */
  node: optional(text(36)),
  ns: text(63),
  restarts: integer(),
  sa: text(253),
  uid: text(36),
  v: integer(1, 1),
});
export type WorkloadRow = ReturnType<typeof workloadRow>;

/** `issued/<podUID>/<containerID>`: the first key of a start, for as long as the pod lives. */
const issuedRecord = object({ container: text(512), kid: hash, uid: text(36), v: integer(1, 1) });
export type IssuedRecord = ReturnType<typeof issuedRecord>;

/** `chain/<podUID>`: the certificates that the pod's key was given last, the leaf first; for people to look at, nothing rests on it. */
const chainRecord = object({
  chain: array(base64url({ atMost: 11_000 }), limits.certificateChainLength, 1),
  kid: hash,
  uid: text(36),
  v: integer(1, 1),
});
export type ChainRecord = ReturnType<typeof chainRecord>;

/** Sealed for their parents, so that who lists rows need not know their names; what is inside is compared with the key. */
const rowsParent = 'wl';
const issuedParent = 'issued';
const chainsParent = 'chain';

export function rowKey(barrier: Barrier, podUid: string): string {
  return barrier.keyOf(`${rowsParent}/${podUid}`);
}

/** Prefix of the keys of all rows. */
export function rowsPrefix(barrier: Barrier): string {
  return `${barrier.keyOf(rowsParent)}/`;
}

/** A container's id has slashes, and is one segment here. */
export function issuedKey(barrier: Barrier, podUid: string, containerId: string): string {
  return barrier.keyOf(`${issuedParent}/${podUid}/${encodeURIComponent(containerId)}`);
}

/** Prefix of the keys of all starts of a pod's agent. */
export function issuedPrefix(barrier: Barrier, podUid: string): string {
  return `${barrier.keyOf(`${issuedParent}/${podUid}`)}/`;
}

export function chainKey(barrier: Barrier, podUid: string): string {
  return barrier.keyOf(`${chainsParent}/${podUid}`);
}

/** Prefix of the keys of the certificates of all pods. */
export function chainsPrefix(barrier: Barrier): string {
  return `${barrier.keyOf(chainsParent)}/`;
}

export function putChain(barrier: Barrier, record: ChainRecord): Operation {
  const value = barrier.seal(chainsParent, canonicalBytes({ ...record, chain: [...record.chain] }));
  return { do: 'put', key: chainKey(barrier, record.uid), value };
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or another pod's */
export function openChain(barrier: Barrier, entry: Entry): ChainRecord {
  const record = read(() => chainRecord(parseCanonical(barrier.open(chainsParent, entry.value)), ''));
  if (chainKey(barrier, record.uid) !== entry.key) throw misplaced();
  return record;
}

export function putRow(barrier: Barrier, row: WorkloadRow): Operation {
  return {
    do: 'put',
    key: rowKey(barrier, row.uid),
    value: barrier.seal(rowsParent, canonicalBytes(withoutAbsent(row))),
  };
}

export function putIssued(barrier: Barrier, record: IssuedRecord): Operation {
  const key = issuedKey(barrier, record.uid, record.container);
  return { do: 'put', key, value: barrier.seal(issuedParent, canonicalBytes({ ...record })) };
}

/** @throws 'internal' (reason storage_integrity) if the row is damaged or another pod's */
export function openRow(barrier: Barrier, entry: Entry): WorkloadRow {
  const row = read(() => workloadRow(parseCanonical(barrier.open(rowsParent, entry.value)), ''));
  if (rowKey(barrier, row.uid) !== entry.key) throw misplaced();
  return row;
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or of another start */
export function openIssued(barrier: Barrier, entry: Entry): IssuedRecord {
  const record = read(() => issuedRecord(parseCanonical(barrier.open(issuedParent, entry.value)), ''));
  if (issuedKey(barrier, record.uid, record.container) !== entry.key) throw misplaced();
  return record;
}

function withoutAbsent({ node, ...row }: WorkloadRow) {
  return node === undefined ? row : { ...row, node };
}

function read<T>(reader: () => T): T {
  try {
    return reader();
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'storage_integrity', cause });
  }
}

function misplaced(): ProblemError {
  return new ProblemError('internal', { reason: 'storage_integrity' });
}
