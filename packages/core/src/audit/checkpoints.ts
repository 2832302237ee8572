/**
 * Writes checkpoints over this replica's records into the one chain of the installation (protocol.md §9).
 * It must never sign a second checkpoint for a run that may be covered by a first, nor go on over a chain that went backwards.
 * @module
 */
import {
  checkpointHash,
  publicOf,
  signCheckpoint,
  verifyCheckpoint,
  type SigningKey,
  type VerifyingKey,
} from '@letterlock/crypto';
import { canonicalize, ProblemError, type CheckpointClaims } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Entry, Store } from '../store/store.ts';
import type { AuditSink } from './audit-sink.ts';
import type { AuditTrail } from './audit-trail.ts';

/** Where the chain stands; in clear, so that it can be shown before the unseal. Both hold the signed text. */
export const checkpointPaths = {
  head: 'sys/ckpt/head',
  at: (n: number): string => `sys/ckpt/${n}`,
} as const;

/** Other replicas may be writing in the same moment. */
const attempts = 8;
/** Checkpoints of others that are passed on at once; a replica looks every minute. */
const passedOnAtOnce = 256;

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
}
interface Head {
  readonly n: number;
  readonly jws: string | undefined;
  readonly modRevision: number;
  /** That of the store when it was read. */
  readonly revision: number;
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

  /** The line of a checkpoint as sinks get it. @throws 'unavailable' */
  async lineOf(n: number, options: CallOptions = {}): Promise<string | undefined> {
    const [entry] = (await this.#o.store.range({ key: checkpointPaths.at(n) }, options)).entries;
    return entry === undefined ? undefined : this.#line(textOf(entry)!);
  }

  async #write(options: CallOptions): Promise<number | undefined> {
    const { settled } = this.#o.trail;
    let isNew = false;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const head = await this.#look(options);
      if (head === undefined) return undefined;
      await this.#passOn(head.n, options);
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
    const { entries, revision } = await this.#o.store.range({ key: checkpointPaths.head }, options);
    const jws = textOf(entries[0]);
    const n = jws === undefined ? 0 : readHead(jws, verifier).n;
    if (n < this.#seen.n || revision < this.#seen.revision) {
      throw new ProblemError('internal', { reason: 'checkpoint_rolled_back' });
    }
    this.#seen = { n, revision };
    return { n, jws, modRevision: entries[0]?.modRevision ?? 0, revision };
  }

  #sign({ n: before, jws, modRevision, revision }: Head): Sent | undefined {
    if (this.#key === undefined) return undefined;
    const { trail, clock } = this.#o;
    const run = trail.settled.beginSigning();
    if (run === undefined) return undefined;
    const n = before + 1;
    const claims: CheckpointClaims = {
      au: [[trail.replica, run.seq, run.hash]],
      n,
      ...(jws === undefined ? {} : { prev: checkpointHash(jws) }),
      rev: revision,
      t: clock.nowSeconds(),
    };
    return { n, jws: signCheckpoint(this.#key, claims), after: modRevision };
  }

  /** Whatever the answer is, the next look finds out what became of it. @throws 'unavailable' */
  async #send({ n, jws, after }: Sent, options: CallOptions): Promise<void> {
    const value = new TextEncoder().encode(jws);
    const key = checkpointPaths.at(n);
    await this.#o.store.transact(
      {
        compare: [
          { key: checkpointPaths.head, field: 'mod', is: '=', revision: after },
          { key, field: 'create', is: '=', revision: 0 },
        ],
        then: [
          { do: 'put', key, value },
          { do: 'put', key: checkpointPaths.head, value },
        ],
      },
      options,
    );
  }

  async #isStored({ n, jws }: Sent, options: CallOptions): Promise<boolean> {
    const [entry] = (await this.#o.store.range({ key: checkpointPaths.at(n) }, options)).entries;
    return textOf(entry) === jws;
  }

  /** After a start the last one is passed on again: the process before may have ended over it. */
  async #passOn(through: number, options: CallOptions): Promise<void> {
    const from = (this.#passedOn ?? Math.max(through - 1, 0)) + 1;
    for (let n = from; n <= Math.min(through, from + passedOnAtOnce - 1); n += 1) {
      const text = await this.lineOf(n, options);
      if (text !== undefined) this.#o.sink.take({ place: { checkpoint: n }, text });
      this.#passedOn = n;
    }
    this.#passedOn ??= through;
  }

  #line(jws: string): string {
    return canonicalize({ ckpt: jws, key: { ...this.#verifier!.jwk } });
  }
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
