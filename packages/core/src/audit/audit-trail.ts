/**
 * The audit trail of one replica: numbers records and seals them for the transaction that they describe.
 * It must never reuse a number, nor forget one: each is stored, or listed as void, or still open and then settled by reading.
 * @module
 */
import { canonicalBytes, ProblemError } from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { CallOptions, Compare, Operation, Store, TransactionResponse } from '../store/store.ts';
import type { AuditFacts, AuditRecord } from './record.ts';

/** Void numbers in one record; the rest waits for the next. */
const voidsPerRecord = 256;
/**
 * Numbers whose outcome is open before the trail refuses more: nothing is done that could not be recorded, and the memory
 * for it ends. 4,096: seconds of full load against a store that does not answer.
 */
const openOutcomesLimit = 4096;

export type AuditOutcome = 'applied' | 'not_applied' | 'unknown';

/** One numbered record, ready to be put in the transaction of the change that it describes. */
export interface PreparedAudit {
  readonly seq: number;
  /** The number is free: put it in the transaction's compares. */
  readonly compare: Compare;
  readonly put: Operation;
  /** For the other branch: present means that this very record was stored, whatever the reply said. */
  readonly get: Operation;
  /**
   * Fills the number with a record that declares it void, so that a transaction still under way can never be applied.
   * The number is then stored: `settle('applied')`.
   */
  readonly close: Operation;
  /** Says what became of the transaction; once for each record, and `unknown` may be followed by a better answer. */
  settle(outcome: AuditOutcome): void;
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

/** Numbers and seals the records of one process. `settle('applied')` is where a sink will be fed. */
export class AuditTrail {
  readonly #replica: string;
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  #lastSeq = 0;
  /** Numbers known not to be stored, waiting for a record that lists them. */
  readonly #void: number[] = [];
  /** Numbers whose transaction had no answer. */
  readonly #open = new Map<number, PreparedAudit>();

  constructor(options: AuditTrailOptions) {
    this.#replica = options.replica;
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

  /** Takes the next number. Synchronous. @throws 'unavailable' (reason audit_blocked), and what the barrier throws */
  prepare(facts: AuditFacts): PreparedAudit {
    if (this.isBlocked) throw new ProblemError('unavailable', { reason: 'audit_blocked' });
    const seq = this.#lastSeq + 1;
    const listed = this.#void.slice(0, voidsPerRecord);
    const path = auditPath(this.#replica, seq);
    const key = this.#barrier.keyOf(path);
    const seal = (content: AuditFacts, voids: readonly number[]): Operation => ({
      do: 'put',
      key,
      value: this.#barrier.seal(path, this.#encode(seq, content, voids)),
    });
    let isSettled = false;
    const prepared: PreparedAudit = {
      seq,
      compare: { key, field: 'create', is: '=', revision: 0 },
      put: seal(facts, listed),
      get: { do: 'get', key },
      get close() {
        return seal({ ...facts, act: 'audit.void', outcome: 'refused', reason: 'outcome_unknown' }, [...listed, seq]);
      },
      settle: (outcome) => {
        if (isSettled) return;
        isSettled = outcome !== 'unknown';
        if (outcome === 'unknown') this.#open.set(seq, prepared);
        else this.#open.delete(seq);
        if (outcome === 'not_applied') this.#void.push(...listed, seq);
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
    const isStored = response.succeeded || response.entries[0] !== undefined;
    prepared.settle(isStored ? 'applied' : 'not_applied');
    if (!isStored) throw new ProblemError('unavailable', { reason: 'audit_not_stored' });
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

  /** Copies member by member: whatever else a caller's object may carry does not get in. */
  #encode(seq: number, facts: AuditFacts, voids: readonly number[]): Uint8Array {
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
      rep: this.#replica,
      req,
      seq,
      v: 1,
      void: voids,
      who,
    };
    return canonicalBytes({ ...record });
  }
}
