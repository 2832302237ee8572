/**
 * What is stored of a secret: its latest version, its versions, and the folders that it lies in; form, place, and the check
 * that each record stands in its own place. It must never be read without that check, nor put a name in a store key.
 * @module
 */
import {
  canonicalBytes,
  decodeUtf8,
  parseCanonical,
  ProblemError,
  type JcsObject,
  type PublicJwk,
} from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Entry, Operation } from '../store/store.ts';

/** One for each secret. It outlives every version, so that a version is never used twice. */
export interface LatestRecord {
  readonly path: string;
  readonly v: 1;
  readonly ver: number;
}

/** One for each version; a destroyed one keeps what proves how it ended, and who may be told. */
export interface VersionRecord {
  /** When the present state began, seconds. */
  readonly at: number;
  /** `sa:<namespace>/<name>` of a pod that wrote it, whose key ends with it. */
  readonly by?: string;
  readonly eh: string;
  readonly exp?: number;
  readonly id: string;
  readonly path: string;
  readonly ph: string;
  readonly rcp: readonly string[];
  /** `EXPIRED`: the sweeper has deleted the envelope; a version can have expired before that. */
  readonly s: 'STORED' | 'EXPIRED' | 'DESTROYED';
  readonly v: 1;
  readonly ver: number;
  /** The writer's public key, for readers; only while there is something to deliver. */
  readonly wkey?: PublicJwk;
  readonly wrt: string;
}

/** A record as it was read, with the revision that a change of it must name; absent: revision 0. */
export interface Seen<R> {
  readonly record: R | undefined;
  readonly revision: number;
}

/** Not in any name, so it keeps a whole path one segment, and a folder apart from a secret of its name. */
const joint = '!';
/**
 * Secrets and folders lie under the path above them, so that one page lists both. Records are sealed for their parent,
 * since who lists them does not know their names; the name inside takes the place of the path in the associated data.
 * Versions are all sealed for one parent, since the sweeper walks over them all.
 */
const childrenRoot = 'secret/of';
const versionsRoot = 'secret/v';
const envelopesRoot = 'secret/env';

function segmentOf(path: string): string {
  return path.replaceAll('/', joint);
}

function splitPath(path: string): { readonly parent: string | undefined; readonly name: string } {
  const at = path.lastIndexOf('/');
  return { parent: at === -1 ? undefined : path.slice(0, at), name: path.slice(at + 1) };
}

function childrenOf(parent: string | undefined): string {
  return `${childrenRoot}/${parent === undefined ? joint : segmentOf(parent)}`;
}

function versionsOf(path: string): string {
  return `${versionsRoot}/${segmentOf(path)}`;
}

export function latestKey(barrier: Barrier, path: string): string {
  const { parent, name } = splitPath(path);
  return barrier.keyOf(`${childrenOf(parent)}/${name}`);
}

export function versionKey(barrier: Barrier, path: string, ver: number): string {
  return barrier.keyOf(`${versionsOf(path)}/${ver}`);
}

/** Prefix of the keys of all versions of all secrets. */
export function everyVersionPrefix(barrier: Barrier): string {
  return `${barrier.keyOf(versionsRoot)}/`;
}

/** Prefix of the keys of all versions of a secret. */
export function versionsPrefix(barrier: Barrier, path: string): string {
  return `${barrier.keyOf(versionsOf(path))}/`;
}

export function envelopePath(path: string, ver: number): string {
  return `${envelopesRoot}/${segmentOf(path)}${joint}${ver}`;
}

/** Prefix of the keys of what lies directly below a path, or at the top. */
export function childrenPrefix(barrier: Barrier, parent: string | undefined): string {
  return `${barrier.keyOf(childrenOf(parent))}/`;
}

/** Key of one entry of a listing: a name, with a slash behind it for a folder. */
export function childKey(barrier: Barrier, parent: string | undefined, listed: string): string {
  return barrier.keyOf(`${childrenOf(parent)}/${listed.replace('/', joint)}`);
}

export function putLatest(barrier: Barrier, path: string, ver: number): Operation {
  const { parent } = splitPath(path);
  return put(barrier, latestKey(barrier, path), childrenOf(parent), { path, v: 1, ver });
}

export function putVersion(barrier: Barrier, record: VersionRecord): Operation {
  const key = versionKey(barrier, record.path, record.ver);
  return put(barrier, key, versionsRoot, withoutAbsent(record));
}

/** The folders that a secret lies in, from the top. They are never removed, so writing one again changes nothing. */
export function putFolders(barrier: Barrier, path: string): Operation[] {
  const segments = path.split('/');
  return segments.slice(0, -1).map((_, index) => {
    const folder = segments.slice(0, index + 1).join('/');
    const { parent, name } = splitPath(folder);
    return put(barrier, childKey(barrier, parent, `${name}/`), childrenOf(parent), { path: `${folder}/`, v: 1 });
  });
}

function put(barrier: Barrier, key: string, sealPath: string, value: JcsObject): Operation {
  return { do: 'put', key, value: barrier.seal(sealPath, canonicalBytes(value)) };
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or another secret's */
export function openLatest(barrier: Barrier, path: string, entry: Entry | undefined): Seen<LatestRecord> {
  if (entry === undefined) return absent;
  const { parent } = splitPath(path);
  const record = openRecord(barrier, childrenOf(parent), entry) as LatestRecord;
  if (record.v !== 1 || record.path !== path) throw misplaced();
  return { record, revision: entry.modRevision };
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or another version's */
export function openVersion(barrier: Barrier, path: string, entry: Entry | undefined): Seen<VersionRecord> {
  if (entry === undefined) return absent;
  const seen = openAnyVersion(barrier, entry);
  if (seen.record.path !== path) throw misplaced();
  return seen;
}

/** The version of whatever secret it is. @throws 'internal' (reason storage_integrity) if it is damaged or in another's place */
export function openAnyVersion(barrier: Barrier, entry: Entry): { record: VersionRecord; revision: number } {
  const record = openRecord(barrier, versionsRoot, entry) as VersionRecord;
  if (record.v !== 1 || versionKey(barrier, record.path, record.ver) !== entry.key) throw misplaced();
  return { record, revision: entry.modRevision };
}

/** One entry of a listing: a secret with its latest version, or a folder, whose path ends with a slash. */
export interface Child {
  readonly path: string;
  readonly ver?: number;
}

/** @throws 'internal' (reason storage_integrity) */
export function openChild(barrier: Barrier, parent: string | undefined, entry: Entry): Child {
  const child = openRecord(barrier, childrenOf(parent), entry) as Child & { readonly v: number };
  if (child.v !== 1 || childKey(barrier, parent, listedName(parent, child.path)) !== entry.key) throw misplaced();
  return child;
}

/** The name of a child as listings have it. */
export function listedName(parent: string | undefined, path: string): string {
  return parent === undefined ? path : path.slice(parent.length + 1);
}

const absent = { record: undefined, revision: 0 } as const;

function openRecord(barrier: Barrier, sealPath: string, entry: Entry): unknown {
  return parseCanonical(decodeUtf8(barrier.open(sealPath, entry.value)));
}

function misplaced(): ProblemError {
  return new ProblemError('internal', { reason: 'storage_integrity' });
}

function withoutAbsent(record: VersionRecord): JcsObject {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
