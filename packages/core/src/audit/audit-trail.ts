/**
 * The audit trail of one replica: numbers records and seals them for the transaction that they describe.
 * It must never reuse a number, nor forget one: each is stored, or listed as void, or still open and then settled by reading.
 * @module
 */
import { auditRecordClaims, canonicalBytes, ProblemError, readClaims } from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Compare, Entry, Operation, Store, TransactionResponse } from '../store/store.ts';
import { newsOf } from './news.ts';
import type { AuditFacts, AuditRecord } from './record.ts';
import { putReplica } from './replica-register.ts';
import { SettledPrefix } from './settled-prefix.ts';

/** Void numbers in one record; the rest waits for the next. */
const voidsPerRecord = 256;
/**
 * Numbers whose outcome is open before the trail refuses more: nothing is done that could not be recorded, and the memory
 * for it ends. 4,096: seconds of full load against a store that does not answer.
 */
const openOutcomesLimit = 4096;

/** `taken`: another process has filled the number, which it took for left open by a dead one. */
export type AuditOutcome = 'applied' | 'not_applied' | 'taken' | 'unknown';

/** One numbered record, ready to be put in the transaction of the change that it describes. */
export interface PreparedAudit {
  readonly seq: number;
  /** The number is free: put it in the transaction's compares. */
  readonly compare: Compare;
  readonly put: Operation;
  /** What other replicas must hear of it, for the transaction as well; for most acts nothing. */
  readonly news: readonly Operation[];
  /** For the other branch: `outcomeOf` says what it means. */
  readonly get: Operation;
  /**
   * Fills the number with a record that declares it void, so that a transaction still under way can never be applied.
   * The number is then stored: `settle('applied')`.
   */
  readonly close: Operation;
  /** Says what became of the transaction; once for each record, and `unknown` may be followed by a better answer. */
  settle(outcome: AuditOutcome): void;
  /** What became of the transaction, by what `get` found: this very record being there says more than the reply. */
  outcomeOf(succeeded: boolean, found: Entry | undefined): Exclude<AuditOutcome, 'unknown'>;
}

export interface AuditTrailOptions {
  /** Replica id: new at every process start, so that numbers start at 1. */
  readonly replica: string;
  readonly barrier: Barrier;
  readonly clock: Clock;
}

/** Logical path of a record. */
export function auditPath(replica: string, seq: number): string {
  return `au/${replica}/${seq}`;
}

/** A record that does nothing but list numbers. */
const listingFacts: AuditFacts = {
  act: 'audit.void',
  who: 'service',
  factor: 'service',
  listener: 'none',
  cb: 'none',
  obj: 'au',
  outcome: 'ok',
  reason: 'ok',
  req: 'audit',
};

/** Fills a number that a process left open when it ended. */
const endedFacts: AuditFacts = { ...listingFacts, outcome: 'refused', reason: 'replica_ended' };

/** Numbers and seals the records of one process. */
export class AuditTrail {
  /** What is certain of it: what sinks are fed from and checkpoints are made over. */
  readonly settled = new SettledPrefix();
  readonly replica: string;
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  #lastSeq = 0;
  /** Numbers known not to be stored, waiting for a record that lists them. */
  readonly #void: number[] = [];
  /** Numbers whose transaction had no answer. */
  readonly #open = new Map<number, PreparedAudit>();
  #isRegistered = false;

  constructor(options: AuditTrailOptions) {
    this.replica = options.replica;
    this.#barrier = options.barrier;
    this.#clock = options.clock;
  }

  /** Last number given out. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Numbers whose outcome is open. */
  get openOutcomes(): number {
    return this.#open.size;
  }

  /** Whether no further record can be prepared until `resolve` has read what became of the open ones. */
  get isBlocked(): boolean {
    return this.#open.size >= openOutcomesLimit;
  }

  /**
   * What the first transaction with a record of this process must contain, so that others find its records after its death.
   * Empty once `registered` was called.
   */
  get registration(): readonly Operation[] {
    return this.#isRegistered ? [] : [putReplica(this.replica, 0)];
  }

  /** A transaction with the registration was applied. */
  registered(): void {
    this.#isRegistered = true;
  }

  /** Takes the next number. Synchronous. @throws 'unavailable' (reason audit_blocked), and what the barrier throws */
  prepare(facts: AuditFacts): PreparedAudit {
    if (this.isBlocked) throw new ProblemError('unavailable', { reason: 'audit_blocked' });
    const seq = this.#lastSeq + 1;
    const listed = this.#void.slice(0, voidsPerRecord);
    const path = auditPath(this.replica, seq);
    const key = this.#barrier.keyOf(path);
    const seal = (bytes: Uint8Array): Operation => ({ do: 'put', key, value: this.#barrier.seal(path, bytes) });
    const encode = (content: AuditFacts, voids: readonly number[]): Uint8Array => this.#encode(seq, content, voids);
    const bytes = encode(facts, listed);
    let isSettled = false;
    /** Which of two records is stored, only the store knows. */
    let mayBeClosed = false;
    const put = seal(bytes);
    const prepared: PreparedAudit = {
      seq,
      compare: { key, field: 'create', is: '=', revision: 0 },
      put,
      news: newsOf(this.#barrier, { replica: this.replica, seq, facts, bytes }),
      get: { do: 'get', key },
      get close() {
        mayBeClosed = true;
        return seal(
          encode({ ...facts, act: 'audit.void', outcome: 'refused', reason: 'outcome_unknown' }, [...listed, seq]),
        );
      },
      settle: (outcome) => {
        if (isSettled) return;
        isSettled = outcome !== 'unknown';
        if (outcome === 'unknown') this.#open.set(seq, prepared);
        else this.#open.delete(seq);
        if (outcome === 'not_applied') this.#void.push(...listed, seq);
        if (outcome === 'taken') {
          this.#void.push(...listed);
          this.settled.unread(seq);
        }
        if (outcome === 'applied' && mayBeClosed) this.settled.unread(seq);
        else if (outcome === 'applied') this.settled.stored(seq, bytes, listed);
      },
      outcomeOf: (succeeded, found) => {
        if (succeeded) return 'applied';
        if (found === undefined) return 'not_applied';
        return isSame(found, put) ? 'applied' : 'taken';
      },
    };
    // Only now, since a barrier that was just sealed throws above: then no number is taken.
    this.#lastSeq = seq;
    this.#void.splice(0, listed.length);
    return prepared;
  }

  /** Stores a record of its own, for refusals and reads. @throws 'unavailable' */
  async record(store: Store, facts: AuditFacts): Promise<void> {
    const prepared = this.prepare(facts);
    let response: TransactionResponse;
    try {
      response = await store.transact({
        compare: [prepared.compare],
        then: [prepared.put],
        otherwise: [prepared.get],
      });
    } catch (error) {
      prepared.settle('unknown');
      throw error;
    }
    const outcome = prepared.outcomeOf(response.succeeded, response.entries[0]);
    prepared.settle(outcome);
    if (outcome !== 'applied') throw new ProblemError('unavailable', { reason: 'audit_not_stored' });
  }

  /**
   * Settles open numbers: each is either found stored, or filled so that its transaction can never be applied.
   * @returns how many were settled. @throws 'unavailable'
   */
  async resolve(store: Store, options: { readonly limit: number } & CallOptions): Promise<number> {
    let settled = 0;
    for (const prepared of [...this.#open.values()].slice(0, options.limit)) {
      await store.transact(
        { compare: [prepared.compare], then: [prepared.close], otherwise: [prepared.get] },
        options.signal === undefined ? {} : { signal: options.signal },
      );
      prepared.settle('applied');
      settled += 1;
    }
    return settled;
  }

  /**
   * Makes certain what can be: settles open numbers, reads which record is stored where that is not known, and lists
   * void numbers that would otherwise wait for the next act. @throws 'unavailable', 'sealed', 'internal'
   */
  async settleOpen(store: Store, options: { readonly limit: number } & CallOptions): Promise<void> {
    await this.resolve(store, options);
    for (const seq of this.settled.unreadNumbers(options.limit)) {
      const bytes = await this.read(store, seq, options);
      // It was there before, and nothing in the service deletes one.
      if (bytes === undefined) throw new ProblemError('internal', { reason: 'audit_record_missing' });
      this.settled.stored(seq, bytes, readClaims(auditRecordClaims, bytes).void);
    }
    if (this.#void.includes(this.settled.through + 1)) await this.record(store, listingFacts);
  }

  /** A record as it is stored, by default of this replica; undefined for a number without one. @throws 'unavailable', 'sealed', 'internal' */
  async read(
    store: Store,
    seq: number,
    options: CallOptions = {},
    replica = this.replica,
  ): Promise<Uint8Array | undefined> {
    const { signal } = options;
    return (await this.readSome(store, replica, { from: seq, count: 1 }, signal === undefined ? {} : { signal }))[0];
  }

  /** Records of any replica, one for each number. @param run - `count`: at most 128. @throws as `read` */
  async readSome(
    store: Store,
    replica: string,
    { from, count }: { readonly from: number; readonly count: number },
    options: CallOptions = {},
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const paths = Array.from({ length: count }, (_, index) => auditPath(replica, from + index));
    const then = paths.map((path) => ({ do: 'get', key: this.#barrier.keyOf(path) }) as const);
    const { entries } = await store.transact({ compare: [], then }, options);
    return paths.map((path, index) => {
      const entry = entries[index];
      return entry === undefined ? undefined : this.#barrier.open(path, entry.value);
    });
  }

  /**
   * Makes a number that another process left open one that is stored: what is under way for it can never be applied after.
   * Without effect where a record is. @throws 'unavailable', 'sealed'
   */
  async fill(store: Store, replica: string, seq: number, options: CallOptions = {}): Promise<void> {
    const path = auditPath(replica, seq);
    const key = this.#barrier.keyOf(path);
    const value = this.#barrier.seal(path, this.#encode(seq, endedFacts, [seq], replica));
    const compare = [{ key, field: 'create', is: '=', revision: 0 } as const];
    await store.transact({ compare, then: [{ do: 'put', key, value }] }, options);
  }

  /** Copies member by member: whatever else a caller's object may carry does not get in. */
  #encode(seq: number, facts: AuditFacts, voids: readonly number[], replica = this.replica): Uint8Array {
    const { act, who, factor, listener, cb, obj, outcome, reason, req } = facts;
    // In the order of their names, which costs canonicalBytes the least.
    const record: AuditRecord = {
      act,
      at: this.#clock.nowSeconds(),
      cb,
      factor,
      listener,
      obj,
      outcome,
      reason,
      rep: replica,
      req,
      seq,
      v: 1,
      void: voids,
      who,
    };
    return canonicalBytes({ ...record });
  }
}

/** Whether an entry is what an operation put; two records never are, since each has a salt of its own. */
export function isSame(entry: Entry | undefined, operation: Operation): boolean {
  return entry !== undefined && operation.do === 'put' && Buffer.compare(entry.value, operation.value) === 0;
}
