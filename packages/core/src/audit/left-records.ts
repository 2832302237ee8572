/**
 * Records that a process left uncovered when it was killed: any other replica closes the numbers that were left open, gives
 * the lines to its sinks and covers them with a checkpoint (docs/adr/0006).
 * It must never need the process to be dead for this to be right, only for it to be worth the work.
 * @module
 */
import { auditRecordDigest, AuditRun } from '@letterlock/crypto';
import { auditRecordClaims, decodeUtf8, readClaims } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { AuditSink } from './audit-sink.ts';
import type { AuditTrail } from './audit-trail.ts';
import type { Checkpoints, LeftRun } from './checkpoints.ts';
import { readReplica, replicaRegister, type RegisteredReplica } from './replica-register.ts';

/**
 * So long must records stand uncovered, by the clock of who looks, before their process is taken for dead: it covers them
 * every minute itself. Who was taken for dead and is not finds the checkpoint and goes on after it.
 */
export const quietSeconds = 150;
/** After so long without a record a process is struck off; if it lives, it enters itself again within a minute. */
const silentSeconds = 3600;
const pageEntries = 256;
const numbersAtOnce = 64;
/** More numbers than a process can have open: behind such a gap there is nothing. */
const numbersAhead = 4352;

export interface LeftRecordsOptions {
  readonly store: Store;
  readonly trail: AuditTrail;
  readonly checkpoints: Checkpoints;
  readonly clock: Clock;
  readonly sink: AuditSink;
  /** Waits, for a while, until the sinks have what they were given. */
  readonly flush: () => Promise<void>;
}

/** What a look has found so far of one process. */
interface Watched {
  /** That of its place in the register: it moves with each of its checkpoints. */
  readonly modRevision: number;
  /** Monotonic seconds. */
  readonly seenAt: number;
  /** When there first was a record that no checkpoint covers. */
  readonly uncoveredAt: number | undefined;
}

export class LeftRecords {
  readonly #o: LeftRecordsOptions;
  #watched = new Map<string, Watched>();

  constructor(options: LeftRecordsOptions) {
    this.#o = options;
  }

  /** To be called every minute while unsealed. @returns processes whose last records were covered. @throws 'unavailable', 'sealed', 'internal' */
  async cover(options: CallOptions = {}): Promise<readonly string[]> {
    const { trail, clock } = this.#o;
    const nowSeconds = clock.monotonicSeconds();
    const watched = new Map<string, Watched>();
    const covered: string[] = [];
    for (const registered of await this.#registered(options)) {
      const { replica, modRevision } = registered;
      if (replica === trail.replica) continue;
      const before = this.#watched.get(replica);
      const isSame = before?.modRevision === modRevision;
      const isUncovered = await this.#isUncovered(registered, options);
      const seenAt = isSame ? before.seenAt : nowSeconds;
      const uncoveredAt = isUncovered ? ((isSame ? before.uncoveredAt : undefined) ?? nowSeconds) : undefined;
      watched.set(replica, { modRevision, seenAt, uncoveredAt });
      const isSilent = nowSeconds - seenAt >= silentSeconds;
      const isLeft = uncoveredAt !== undefined && nowSeconds - uncoveredAt >= quietSeconds;
      if (!isLeft && !isSilent) continue;
      const run = await this.#close(registered, options);
      if (run === undefined) await this.#strikeOff(registered, options);
      else if (await this.#o.checkpoints.cover(run, options)) covered.push(replica);
    }
    this.#watched = watched;
    return covered;
  }

  async #registered(options: CallOptions): Promise<readonly RegisteredReplica[]> {
    const found: RegisteredReplica[] = [];
    for (let after: string | undefined, hasMore = true; hasMore;) {
      const request = { prefix: replicaRegister, limit: pageEntries, ...(after === undefined ? {} : { after }) };
      const page = await this.#o.store.range(request, options);
      found.push(...page.entries.map((entry) => readReplica(entry)));
      after = page.entries.at(-1)?.key;
      hasMore = page.hasMore && after !== undefined;
    }
    return found;
  }

  async #isUncovered({ replica, through }: RegisteredReplica, options: CallOptions): Promise<boolean> {
    const { store, trail } = this.#o;
    const records = await trail.readSome(store, replica, { from: through + 1, count: numbersAtOnce }, options);
    return records.some((record) => record !== undefined);
  }

  /** Leaves no number open, and gives the lines to the sinks. @returns undefined if there is no record */
  async #close(registered: RegisteredReplica, options: CallOptions): Promise<LeftRun | undefined> {
    const { store, trail, sink } = this.#o;
    const { replica, through } = registered;
    const { last, open } = await this.#survey(registered, options);
    if (last === through) return undefined;
    for (const seq of open) await trail.fill(store, replica, seq, options);
    const run = new AuditRun();
    for (let from = through + 1; from <= last; from += numbersAtOnce) {
      const count = Math.min(numbersAtOnce, last - from + 1);
      const records = await trail.readSome(store, replica, { from, count }, options);
      for (const [index, record] of records.entries()) {
        if (record === undefined) continue;
        run.add(auditRecordDigest(record));
        sink.take({ place: { of: replica, seq: from + index }, text: decodeUtf8(record) });
      }
    }
    await this.#o.flush();
    return { registered, through: last, hash: run.value() };
  }

  /** The last number with a record, and those before it that no record is at and none declares void. */
  async #survey(
    { replica, through }: RegisteredReplica,
    options: CallOptions,
  ): Promise<{ readonly last: number; readonly open: readonly number[] }> {
    const { store, trail } = this.#o;
    const missing = new Set<number>();
    const voids = new Set<number>();
    let last = through;
    for (let from = through + 1; from <= last + numbersAhead; from += numbersAtOnce) {
      const records = await trail.readSome(store, replica, { from, count: numbersAtOnce }, options);
      for (const [index, record] of records.entries()) {
        const seq = from + index;
        if (record === undefined) {
          missing.add(seq);
          continue;
        }
        last = seq;
        for (const number of readClaims(auditRecordClaims, record).void) voids.add(number);
      }
    }
    return { last, open: [...missing].filter((seq) => seq < last && !voids.has(seq)) };
  }

  async #strikeOff({ replica, modRevision }: RegisteredReplica, options: CallOptions): Promise<void> {
    const key = replicaRegister + replica;
    const compare = [{ key, field: 'mod', is: '=', revision: modRevision } as const];
    await this.#o.store.transact({ compare, then: [{ do: 'delete', key }] }, options);
  }
}
