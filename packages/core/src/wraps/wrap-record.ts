/**
 * The state record of a wrap as it is stored: its form, its place, and the check that it stands in its own place.
 * It must never be read without that check: a record under another wrap's key is damage, whatever it says.
 * @module
 */
import {
  canonicalBytes,
  decodeUtf8,
  encodeUtf8,
  ProblemError,
  type OnceHeader,
  type PublicJwk,
  type WrapStateName,
} from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Entry, Operation } from '../store/store.ts';

/** Who owns the one delivery, and what was sent to whom. `proof` and `aproof`: the reader's signed requests, or `mtls`. */
export interface Claim {
  readonly aproof?: string;
  readonly at: number;
  /** Body hashes of the requests that were answered with the content, in order. */
  readonly bhs: readonly string[];
  readonly cid: string;
  readonly kid: string;
  readonly n: number;
  readonly proof: string;
  readonly until: number;
}

export interface WrapRecord {
  /** When the present state began, seconds. A repeated delivery does not change it. */
  readonly at: number;
  /** `sa:<namespace>/<name>` of a pod that stored it, whose key ends with it. */
  readonly by?: string;
  readonly claim?: Claim;
  readonly eh: string;
  readonly exp: number;
  readonly id: string;
  readonly path: string;
  readonly ph: string;
  readonly rcp: string;
  readonly s: WrapStateName;
  readonly v: 1;
  readonly win: number;
  /** The writer's public key, for the reader; only while there is something to deliver. */
  readonly wkey?: PublicJwk;
  readonly wrt: string;
}

/** A state record as it was read, with the revision that a change of it must name; absent: revision 0. */
export interface SeenWrap {
  readonly record: WrapRecord | undefined;
  readonly revision: number;
}
export const absentWrap: SeenWrap = { record: undefined, revision: 0 };

/**
 * State and envelope lie under different parents, so that the sweeper can list states without moving envelopes.
 * All states are sealed for their parent, since who lists them does not know their ids; the id inside takes the place of
 * the path in the associated data, and `openState` compares it.
 */
const stateParent = 'wrap/st';

export function stateKey(barrier: Barrier, id: string): string {
  return barrier.keyOf(`${stateParent}/${id}`);
}

/** Prefix of all state keys. */
export function statePrefix(barrier: Barrier): string {
  return `${barrier.keyOf(stateParent)}/`;
}

export function envelopePath(id: string): string {
  return `wrap/env/${id}`;
}

/**
 * Which wrap a secret of a binding is now: the one that was stored for its path last. It is put by the very transaction
 * that stores the wrap, and compared by nothing: of two writers at once the later is the secret.
 */
export interface PlaceRecord {
  /** When it was stored, seconds. */
  readonly at: number;
  readonly id: string;
  readonly path: string;
  readonly v: 1;
}

export function placePath(path: string): string {
  return `wrap/at/${path}`;
}

export function putPlace(barrier: Barrier, { at, id, path }: WrapRecord): Operation {
  const value = canonicalBytes({ at, id, path, v: 1 });
  return { do: 'put', key: barrier.keyOf(placePath(path)), value: barrier.seal(placePath(path), value) };
}

/** @throws 'internal' (reason storage_integrity) if it is damaged or another path's */
export function openPlace(
  barrier: Barrier,
  path: string,
  entry: Entry | undefined,
): { readonly place: PlaceRecord; readonly revision: number } | undefined {
  if (entry === undefined) return undefined;
  const place = JSON.parse(decodeUtf8(barrier.open(placePath(path), entry.value))) as PlaceRecord;
  if (place.v !== 1 || place.path !== path) throw misplaced();
  return { place, revision: entry.modRevision };
}

export function putState(barrier: Barrier, record: WrapRecord): Operation {
  return {
    do: 'put',
    key: stateKey(barrier, record.id),
    value: barrier.seal(stateParent, encodeUtf8(writeRecord(record))),
  };
}

/** Canonical JSON: members in the order of their names, so that JSON.stringify writes what JCS asks for. */
export function writeRecord(record: WrapRecord): string {
  const { at, by, claim, eh, exp, id, path, ph, rcp, s, v, win, wkey, wrt } = record;
  return JSON.stringify({ at, by, claim: claim && inOrder(claim), eh, exp, id, path, ph, rcp, s, v, win, wkey, wrt });
}

function inOrder({ aproof, at, bhs, cid, kid, n, proof, until }: Claim): object {
  return { aproof, at, bhs, cid, kid, n, proof, until };
}

/** Opens what a read of `key` gave. @throws 'internal' (reason storage_integrity) if it is damaged or another wrap's. */
export function openState(barrier: Barrier, key: string, entry: Entry | undefined): SeenWrap {
  if (entry === undefined) return absentWrap;
  const record = JSON.parse(Buffer.from(barrier.open(stateParent, entry.value)).toString('utf8')) as WrapRecord;
  if (record.v !== 1 || stateKey(barrier, record.id) !== key) throw misplaced();
  return { record, revision: entry.modRevision };
}

function misplaced(): ProblemError {
  return new ProblemError('internal', { reason: 'storage_integrity' });
}

/** The first record of a wrap. */
export function storedRecord(o: {
  readonly header: OnceHeader;
  readonly eh: string;
  readonly ph: string;
  readonly writerKey: PublicJwk;
  readonly nowSeconds: number;
  /** Of a writer that is a pod. */
  readonly by?: string;
}): WrapRecord {
  const { header, eh, ph } = o;
  return {
    at: o.nowSeconds,
    ...(o.by === undefined ? {} : { by: o.by }),
    eh,
    exp: header.exp,
    id: header.id,
    path: header.path,
    ph,
    rcp: header.rcp[0]!,
    s: 'STORED',
    v: 1,
    win: header.win,
    wkey: o.writerKey,
    wrt: header.wrt,
  };
}
