/**
 * Verifies an audit trail without the service: every record there once, unchanged, and covered by a chain of checkpoints.
 * It must never take a line's word for anything that a signature does not cover: what no checkpoint covers is counted as such.
 * @module
 */
import {
  auditRecordClaims,
  encodeUtf8,
  isProblemError,
  jws,
  object,
  parseCanonical,
  publicJwk,
  readClaims,
  type AuditRecordClaims,
  type CheckpointClaims,
} from '@letterlock/protocol';
import { auditRecordDigest, AuditRun } from './audit-run.ts';
import { checkpointHash, verifyCheckpoint } from './checkpoint.ts';
import { importVerifyingKey, type VerifyingKey } from './keys.ts';

/** Line of a sink that holds a checkpoint, with the public key that it is by. */
export const checkpointLine = object({ ckpt: jws(8192), key: publicJwk });

export type AuditFindingKind =
  /** A line that is neither a record nor a checkpoint. */
  | 'unreadable'
  /** A checkpoint that the expected key did not sign. */
  | 'signature'
  /** Two different records with one number. */
  | 'duplicate'
  /** A record after one of its replica with a higher number, in one file. */
  | 'order'
  /** Numbers without a record that no record declares void. */
  | 'gap'
  /** A number that has a record and that another record declares void. */
  | 'void'
  /** A covered record is not the one that was signed. */
  | 'changed'
  /** Checkpoints are missing between others, or at the beginning. */
  | 'checkpoint_missing'
  /** A checkpoint does not follow from the one before. */
  | 'link';

export interface AuditFinding {
  readonly kind: AuditFindingKind;
  /** One sentence; holds numbers and ids only. */
  readonly what: string;
  readonly file?: string;
  readonly line?: number;
}

export interface AuditReport {
  readonly findings: readonly AuditFinding[];
  readonly records: number;
  readonly replicas: number;
  /** Numbers that records declare void. */
  readonly voids: number;
  /** Lines that repeat an earlier one to the byte, as a sink may that does not know whether a line arrived. */
  readonly repeated: number;
  readonly checkpoints: number;
  /** Records that no checkpoint covers yet. */
  readonly uncovered: number;
  /** Number and time of the last checkpoint. */
  readonly last: { readonly n: number; readonly t: number } | undefined;
}

interface Place {
  readonly file: string;
  readonly line: number;
}
interface KnownRecord extends Place {
  readonly digest: Buffer;
}
interface KnownReplica {
  readonly records: Map<number, KnownRecord>;
  /** Number → number of the record that declares it void. */
  readonly voids: Map<number, number>;
  highest: number;
}
interface KnownCheckpoint extends Place {
  readonly jws: string;
  readonly claims: CheckpointClaims;
}

/** Takes the lines of all files, then reports. A file may repeat another; no line needs to come before another's file. */
export class AuditVerifier {
  readonly #fingerprint: string;
  readonly #findings: AuditFinding[] = [];
  readonly #replicas = new Map<string, KnownReplica>();
  readonly #checkpoints = new Map<number, KnownCheckpoint>();
  /** Highest number so far, by file and replica. */
  readonly #reached = new Map<string, number>();
  #repeated = 0;

  /** @param fingerprint - thumbprint of the instance key, the only thing that is trusted */
  constructor(fingerprint: string) {
    this.#fingerprint = fingerprint;
  }

  /** One line without its end. */
  add(text: string, place: Place): void {
    try {
      if (text.startsWith('{"ckpt":')) this.#addCheckpoint(text, place);
      else this.#addRecord(readClaims(auditRecordClaims, text), encodeUtf8(text), place);
    } catch (error) {
      if (!isProblemError(error)) throw error;
      this.#find('unreadable', 'The line is neither a record nor a checkpoint', place);
    }
  }

  /** @param expected - `through`: a checkpoint that is known to exist, so that a trail which ends before it is found short */
  report(expected: { readonly through?: number } = {}): AuditReport {
    const ordered = [...this.#checkpoints.values()].toSorted((a, b) => a.claims.n - b.claims.n);
    const findings = [...this.#findings];
    const covered = this.#checkCoverage(ordered, findings);
    const known = expected.through ?? 0;
    const reached = ordered.at(-1)?.claims.n ?? 0;
    if (reached < known) {
      findings.push({ kind: 'checkpoint_missing', what: `Missing: checkpoints ${range(reached + 1, known)}` });
    }
    let records = 0;
    let uncovered = 0;
    let voids = 0;
    for (const [id, replica] of this.#replicas) {
      checkNumbers(id, replica, covered.get(id) ?? 0, findings);
      records += replica.records.size;
      voids += replica.voids.size;
      for (const seq of replica.records.keys()) if (seq > (covered.get(id) ?? 0)) uncovered += 1;
    }
    for (const [id, through] of covered) {
      if (!this.#replicas.has(id)) checkNumbers(id, emptyReplica(), through, findings);
    }
    const last = ordered.at(-1)?.claims;
    return {
      findings,
      records,
      replicas: this.#replicas.size,
      voids,
      repeated: this.#repeated,
      checkpoints: ordered.length,
      uncovered,
      last: last === undefined ? undefined : { n: last.n, t: last.t },
    };
  }

  #addRecord({ rep, seq, void: voids }: AuditRecordClaims, bytes: Uint8Array, place: Place): void {
    const replica = this.#replicaOf(rep);
    const digest = auditRecordDigest(bytes);
    const known = replica.records.get(seq);
    if (known?.digest.equals(digest) === true) {
      this.#repeated += 1;
      return;
    }
    if (known !== undefined) {
      this.#find('duplicate', `Number ${seq} of replica ${rep} has two different records`, place);
      return;
    }
    const inFile = `${rep} ${place.file}`;
    const reached = this.#reached.get(inFile) ?? 0;
    if (seq < reached) this.#find('order', `Number ${seq} of replica ${rep} stands after number ${reached}`, place);
    else this.#reached.set(inFile, seq);
    replica.records.set(seq, { ...place, digest });
    replica.highest = Math.max(replica.highest, seq);
    // A record that fills its own number with a declaration is a record like any other.
    for (const number of voids) if (number !== seq) replica.voids.set(number, seq);
  }

  #addCheckpoint(text: string, place: Place): void {
    const { ckpt, key: jwk } = checkpointLine(parseCanonical(text), '');
    const claims = this.#verify(ckpt, jwk);
    if (claims === undefined) {
      this.#find('signature', 'The checkpoint is not signed by the expected instance key', place);
      return;
    }
    const known = this.#checkpoints.get(claims.n);
    if (known === undefined) this.#checkpoints.set(claims.n, { ...place, jws: ckpt, claims });
    else if (known.jws === ckpt) this.#repeated += 1;
    else this.#find('link', `There are two different checkpoints ${claims.n}`, place);
  }

  #verify(ckpt: string, jwk: Readonly<Record<string, string>>): CheckpointClaims | undefined {
    try {
      const key: VerifyingKey = importVerifyingKey(jwk);
      return key.thumbprint === this.#fingerprint ? verifyCheckpoint(ckpt, key) : undefined;
    } catch (error) {
      if (isProblemError(error)) return undefined;
      throw error;
    }
  }

  /** @returns the last covered number of each replica */
  #checkCoverage(ordered: readonly KnownCheckpoint[], findings: AuditFinding[]): ReadonlyMap<string, number> {
    const covered = new Map<string, number>();
    /** Replicas whose coverage is known to be continuous since the last break of the chain. */
    let continuous: Set<string> | undefined;
    let before: KnownCheckpoint | undefined;
    for (const checkpoint of ordered) {
      const { n, prev, rev, au } = checkpoint.claims;
      const { file, line } = checkpoint;
      const expected = (before?.claims.n ?? 0) + 1;
      if (n !== expected) {
        findings.push({
          kind: 'checkpoint_missing',
          what: `Missing: checkpoints ${range(expected, n - 1)}`,
          file,
          line,
        });
        continuous = new Set();
      } else if (before !== undefined && prev !== checkpointHash(before.jws)) {
        findings.push({ kind: 'link', what: `Checkpoint ${n} does not name the one before it`, file, line });
      }
      if (before !== undefined && rev < before.claims.rev) {
        findings.push({ kind: 'link', what: `Checkpoint ${n} is of an older revision of the store`, file, line });
      }
      for (const [id, seq, hash] of au) {
        const from = (covered.get(id) ?? 0) + 1;
        covered.set(id, Math.max(seq, from - 1));
        if (seq < from) {
          findings.push({ kind: 'link', what: `Checkpoint ${n} goes back to number ${seq} of ${id}`, file, line });
        } else if (continuous === undefined || continuous.has(id)) {
          this.#checkRun({ id, from, through: seq, hash, n }, checkpoint, findings);
        }
        // After a break it is not known where its first run began.
        continuous?.add(id);
      }
      before = checkpoint;
    }
    return covered;
  }

  #checkRun(
    run: {
      readonly id: string;
      readonly from: number;
      readonly through: number;
      readonly hash: string;
      readonly n: number;
    },
    { file, line }: Place,
    findings: AuditFinding[],
  ): void {
    const { id, from, through, hash, n } = run;
    const replica = this.#replicas.get(id) ?? emptyReplica();
    const made = new AuditRun();
    for (let seq = from; seq <= through; seq += 1) {
      const record = replica.records.get(seq);
      if (record !== undefined) made.add(record.digest);
      // A gap is found where numbers are checked, and says more than a wrong hash.
      else if (!replica.voids.has(seq)) return;
    }
    if (made.value() === hash) return;
    const what = `Records ${range(from, through)} of replica ${id} are not those that checkpoint ${n} was made over`;
    findings.push({ kind: 'changed', what, file, line });
  }

  #replicaOf(id: string): KnownReplica {
    let replica = this.#replicas.get(id);
    if (replica === undefined) {
      replica = emptyReplica();
      this.#replicas.set(id, replica);
    }
    return replica;
  }

  #find(kind: AuditFindingKind, what: string, { file, line }: Place): void {
    this.#findings.push({ kind, what, file, line });
  }
}

function emptyReplica(): KnownReplica {
  return { records: new Map(), voids: new Map(), highest: 0 };
}

/** Every number up to the last that is known is a record or void, and not both. */
function checkNumbers(id: string, replica: KnownReplica, covered: number, findings: AuditFinding[]): void {
  const last = Math.max(replica.highest, covered);
  const known = new Set([...replica.records.keys(), ...replica.voids.keys(), last + 1]);
  let previous = 0;
  for (const seq of [...known].filter((number) => number <= last + 1).toSorted((a, b) => a - b)) {
    if (seq > previous + 1) {
      findings.push({ kind: 'gap', what: `Missing: records ${range(previous + 1, seq - 1)} of replica ${id}` });
    }
    previous = seq;
  }
  for (const [number, by] of replica.voids) {
    const record = replica.records.get(number);
    if (record === undefined) continue;
    const what = `Number ${number} of replica ${id} has a record, and number ${by} declares it void`;
    findings.push({ kind: 'void', what, file: record.file, line: record.line });
  }
}

function range(from: number, through: number): string {
  return from === through ? `${from}` : `${from} to ${through}`;
}
