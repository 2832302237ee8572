/**
 * Writes checkpoints over this replica's records into the one chain of the installation (protocol.md §9).
 * It must never sign a second checkpoint for a run that may be covered by a first, nor go on over a chain that went backwards.
 * @module
 */
import {
  auditRecordDigest,
  checkpointHash,
  publicOf,
  signCheckpoint,
  verifyCheckpoint,
  type SigningKey,
  type VerifyingKey,
} from '@letterlock/crypto';
import { canonicalize, ProblemError, type CheckpointClaims } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Entry, Store, Transaction } from '../store/store.ts';
import type { AuditSink } from './audit-sink.ts';
import type { AuditTrail } from './audit-trail.ts';
import { putReplica, replicaKey, type RegisteredReplica } from './replica-register.ts';

/** Where the chain stands; in clear, so that it can be shown before the unseal. Both hold the signed text. */
export const checkpointPaths = {
  head: 'sys/ckpt/head',
  at: (n: number): string => `sys/ckpt/${n}`,
} as const;

/** Other replicas may be writing in the same moment. */
const attempts = 8;
/** Checkpoints of others that are passed on at once; a replica looks every minute. */
const passedOnAtOnce = 256;
/** Records that are read again at once. */
const readAtOnce = 64;

export interface CheckpointsOptions {
  readonly store: Store;
  readonly trail: AuditTrail;
  readonly clock: Clock;
  /** Takes every checkpoint of the chain since this process began, also those of other replicas. */
  readonly sink: AuditSink;
}

/** A checkpoint whose transaction was sent. */
interface Sent {
  readonly n: number;
  readonly jws: string;
  /** Revision of the head that it follows. */
  readonly after: number;
  /** Last number that it covers. */
  readonly through: number;
}

/** Records of a process that has ended, for a checkpoint by another. */
export interface LeftRun {
  readonly registered: RegisteredReplica;
  /** Last number. */
  readonly through: number;
  /** 43 characters. */
  readonly hash: string;
}
interface Head {
  readonly n: number;
  readonly jws: string | undefined;
  readonly modRevision: number;
  /** That of the store when it was read. */
  readonly revision: number;
  readonly isRegistered: boolean;
}

export class Checkpoints {
  readonly #o: CheckpointsOptions;
  #key: SigningKey | undefined;
  #verifier: VerifyingKey | undefined;
  #sent: Sent | undefined;
  /** Last one that went to the sink; undefined before the first look at the chain. */
  #passedOn: number | undefined;
  #seen = { n: 0, revision: 0 };
  #writing: Promise<number | undefined> | undefined;

  constructor(options: CheckpointsOptions) {
    this.#o = options;
  }

  /** Number of the last checkpoint that this process saw in the chain. */
  get last(): number {
    return this.#seen.n;
  }

  /** Takes the instance key; undefined lets it go. */
  use(key: SigningKey | undefined): void {
    this.#key = key;
    if (key !== undefined) this.#verifier = publicOf(key);
  }

  /**
   * Writes a checkpoint if there is something new, and passes on those of others. A call during another one is the same call.
   * @returns its number; undefined if nothing was new. @throws 'unavailable': the next call goes on with it; 'internal' for a
   * chain that went backwards or was changed
   */
  write(options: CallOptions = {}): Promise<number | undefined> {
    this.#writing ??= this.#write(options).finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  /** At a seal, or before the process ends: one more over everything that is certain, and then the key goes. @throws as `write` */
  async finish(options: CallOptions = {}): Promise<void> {
    const key = this.#key;
    try {
      // One that is under way may have begun before the last record.
      await this.#writing?.catch(() => undefined);
      await this.write(options);
    } finally {
      // An unseal since then has brought another.
      if (this.#key === key) this.#key = undefined;
    }
  }

  /**
   * Writes a checkpoint over what a process left uncovered when it ended, and strikes it off the register.
   * @returns false if somebody else wrote a checkpoint meanwhile, or the process was not dead after all. @throws as `write`
   */
  async cover({ registered, through, hash }: LeftRun, options: CallOptions = {}): Promise<boolean> {
    await this.#writing?.catch(() => undefined);
    const head = await this.#look(options);
    if (head === undefined || this.#key === undefined) return false;
    await this.#passOn(head.n, options);
    const { replica, modRevision } = registered;
    const { n, jws } = this.#signOver(head, this.#key, [replica, through, hash]);
    const key = replicaKey(replica);
    const transaction = putCheckpoint({ n, jws, after: head.modRevision });
    const { succeeded } = await this.#o.store.transact(
      {
        compare: [...transaction.compare, { key, field: 'mod', is: '=', revision: modRevision }],
        then: [...transaction.then, { do: 'delete', key }],
      },
      options,
    );
    if (succeeded) await this.#passOn(n, options);
    return succeeded;
  }

  /** Before the process ends, after the last `finish`: leaves the register if all is covered. @throws 'unavailable' */
  async leave(options: CallOptions = {}): Promise<void> {
    const { store, trail } = this.#o;
    if (trail.lastSeq === 0 || trail.settled.signedThrough < trail.lastSeq) return;
    await store.transact({ compare: [], then: [{ do: 'delete', key: replicaKey(trail.replica) }] }, options);
  }

  /** The line of a checkpoint as sinks get it. @throws 'unavailable' */
  async lineOf(n: number, options: CallOptions = {}): Promise<string | undefined> {
    const jws = await this.#read(n, options);
    return jws === undefined ? undefined : this.#line(jws);
  }

  async #read(n: number, options: CallOptions): Promise<string | undefined> {
    return textOf((await this.#o.store.range({ key: checkpointPaths.at(n) }, options)).entries[0]);
  }

  async #write(options: CallOptions): Promise<number | undefined> {
    const { store, trail } = this.#o;
    const { settled } = trail;
    let isNew = false;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const head = await this.#look(options);
      if (head === undefined) return undefined;
      if (!(await this.#passOn(head.n, options))) continue;
      if (!head.isRegistered && this.#key !== undefined && trail.lastSeq > 0) {
        // Another replica took this one for dead.
        const put = putReplica(trail.replica, settled.signedThrough);
        await store.transact(
          { compare: [{ key: put.key, field: 'create', is: '=', revision: 0 }], then: [put] },
          options,
        );
      }
      if (this.#sent !== undefined) {
        if (await this.#isStored(this.#sent, options)) {
          const { n } = this.#sent;
          this.#sent = undefined;
          settled.signed();
          await this.#passOn(Math.max(head.n, n), options);
          if (isNew) return n;
          // It was that of an earlier call, and there may be more since.
          continue;
        }
        // Another one took its place: it can never be stored.
        if (this.#sent.after !== head.modRevision) {
          this.#sent = undefined;
          settled.notSigned();
        }
      }
      if (this.#sent === undefined) {
        this.#sent = this.#sign(head);
        isNew = true;
      }
      if (this.#sent === undefined) return undefined;
      await this.#send(this.#sent, options);
    }
    throw new ProblemError('unavailable', { reason: 'checkpoint_contended' });
  }

  /** @throws 'internal' for a head that is not this instance's, or is behind what was seen before */
  async #look(options: CallOptions): Promise<Head | undefined> {
    const verifier = this.#verifier;
    if (verifier === undefined) return undefined;
    const { store, trail } = this.#o;
    const keys = [checkpointPaths.head, replicaKey(trail.replica)];
    const { entries, revision } = await store.transact(
      { compare: [], then: keys.map((key) => ({ do: 'get', key })) },
      options,
    );
    const jws = textOf(entries[0]);
    const n = jws === undefined ? 0 : readHead(jws, verifier).n;
    if (n < this.#seen.n || revision < this.#seen.revision) {
      throw new ProblemError('internal', { reason: 'checkpoint_rolled_back' });
    }
    this.#seen = { n, revision };
    const modRevision = entries[0]?.modRevision ?? 0;
    return { n, jws, modRevision, revision, isRegistered: entries[1] !== undefined };
  }

  #sign(head: Head): Sent | undefined {
    if (this.#key === undefined) return undefined;
    const { replica, settled } = this.#o.trail;
    const run = settled.beginSigning();
    if (run === undefined) return undefined;
    const signed = this.#signOver(head, this.#key, [replica, run.seq, run.hash]);
    return { ...signed, after: head.modRevision, through: run.seq };
  }

  #signOver(
    { n: before, jws, revision }: Head,
    key: SigningKey,
    run: CheckpointClaims['au'][number],
  ): { readonly n: number; readonly jws: string } {
    const n = before + 1;
    const claims: CheckpointClaims = {
      au: [run],
      n,
      ...(jws === undefined ? {} : { prev: checkpointHash(jws) }),
      rev: revision,
      t: this.#o.clock.nowSeconds(),
    };
    return { n, jws: signCheckpoint(key, claims) };
  }

  /** Whatever the answer is, the next look finds out what became of it. @throws 'unavailable' */
  async #send(sent: Sent, options: CallOptions): Promise<void> {
    const { store, trail } = this.#o;
    const { compare, then } = putCheckpoint(sent);
    await store.transact({ compare, then: [...then, putReplica(trail.replica, sent.through)] }, options);
  }

  async #isStored({ n, jws }: Sent, options: CallOptions): Promise<boolean> {
    return (await this.#read(n, options)) === jws;
  }

  /**
   * After a start the last one is passed on again: the process before may have ended over it.
   * @returns whether that was all of them
   */
  async #passOn(through: number, options: CallOptions): Promise<boolean> {
    const from = (this.#passedOn ?? Math.max(through - 1, 0)) + 1;
    for (let n = from; n <= Math.min(through, from + passedOnAtOnce - 1); n += 1) {
      const jws = await this.#read(n, options);
      if (jws !== undefined) {
        await this.#noticeCover(jws, options);
        this.#o.sink.take({ place: { checkpoint: n }, text: this.#line(jws) });
      }
      this.#passedOn = n;
    }
    this.#passedOn ??= through;
    return this.#passedOn >= through;
  }

  /** Another replica took this one for dead and covered records of it: they must not be covered twice. */
  async #noticeCover(jws: string, options: CallOptions): Promise<void> {
    const { store, trail } = this.#o;
    const { settled, replica } = trail;
    if (jws === this.#sent?.jws) return;
    const covered = readHead(jws, this.#verifier!).au.find(([id]) => id === replica)?.[1] ?? 0;
    if (covered <= settled.signedThrough) return;
    if (this.#sent !== undefined) {
      // It follows a head that is no longer one.
      this.#sent = undefined;
      settled.notSigned();
    }
    const { through } = settled.beginRemaking();
    try {
      const digests: Uint8Array[] = [];
      for (let from = covered + 1; from <= through; from += readAtOnce) {
        const count = Math.min(readAtOnce, through - from + 1);
        const records = await trail.readSome(store, replica, { from, count }, options);
        for (const record of records) if (record !== undefined) digests.push(auditRecordDigest(record));
      }
      settled.remade(covered, digests);
    } catch (error) {
      settled.notRemade();
      throw error;
    }
  }

  #line(jws: string): string {
    return canonicalize({ ckpt: jws, key: { ...this.#verifier!.jwk } });
  }
}

function putCheckpoint({ n, jws, after }: Omit<Sent, 'through'>): Pick<Transaction, 'compare' | 'then'> {
  const value = new TextEncoder().encode(jws);
  const key = checkpointPaths.at(n);
  return {
    compare: [
      { key: checkpointPaths.head, field: 'mod', is: '=', revision: after },
      { key, field: 'create', is: '=', revision: 0 },
    ],
    then: [
      { do: 'put', key, value },
      { do: 'put', key: checkpointPaths.head, value },
    ],
  };
}

function textOf(entry: Entry | undefined): string | undefined {
  return entry === undefined ? undefined : new TextDecoder().decode(entry.value);
}

function readHead(jws: string, verifier: VerifyingKey): CheckpointClaims {
  try {
    return verifyCheckpoint(jws, verifier);
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'checkpoint_changed', cause });
  }
}
