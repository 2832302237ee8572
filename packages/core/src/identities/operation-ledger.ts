/**
 * Remembers which signed operations were applied, so that each is applied once (protocol.md §4.6).
 * It must never forget an operation that is still valid.
 * @module
 */
import { array, hash, integer, isProblemError, lifetimes, object, ProblemError, seconds } from '@letterlock/protocol';
import type { CheckedOperation } from '../proof/index.ts';
import type { Barrier, Clock, Store } from '../store/index.ts';
import type { Change } from './commit.ts';
import { openValue, putRecord } from './sealed-record.ts';

/** What makes an operation this one, how long it is valid, and who signed it. */
export type OperationOnce = Pick<CheckedOperation, 'oh' | 'exp' | 'signers'>;

const path = 'op';
/** As many as there can be admins. */
const signersLimit = 16;
/** `by`: ids of the signers, sorted. */
const recordReader = object({ at: seconds, by: array(hash, signersLimit), exp: seconds, oh: hash, v: integer(1, 1) });

/** Where a sweep goes on; absent at the end. */
export interface LedgerSweep {
  readonly deleted: number;
  /** Records that could not be opened: their number is for an alarm, the sweep goes on. */
  readonly damaged: number;
  readonly after?: string;
}

export interface OperationLedgerOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly clock: Clock;
}

/** The applied operations of one installation: records `op/<oh>`, sealed under `op` so that a sweep can read them. */
export class OperationLedger {
  readonly #store: Store;
  readonly #barrier: Barrier;
  readonly #clock: Clock;

  constructor(options: OperationLedgerOptions) {
    this.#store = options.store;
    this.#barrier = options.barrier;
    this.#clock = options.clock;
  }

  /** What the transaction that applies an operation must contain. @throws 'conflict' (reason operation_applied) */
  async claim(once: OperationOnce): Promise<Change> {
    if (await this.isApplied(once)) throw alreadyApplied();
    const { oh, exp, signers } = once;
    const record = { at: this.#clock.nowSeconds(), by: signers.toSorted(), exp, oh, v: 1 };
    const put = putRecord(this.#barrier, recordPath(once), record, path);
    return { compare: [{ key: put.key, field: 'create', is: '=', revision: 0 }], then: [put] };
  }

  /** Whether an operation was applied. */
  async isApplied(once: OperationOnce): Promise<boolean> {
    return (await this.#find(once)) !== undefined;
  }

  /**
   * Applies an operation. The same one again, by the same admins, does nothing and succeeds: the answer to the first may
   * have been lost. @throws 'conflict' (reason operation_applied) for other signers, and what `apply` throws
   */
  async applyOnce(once: OperationOnce, apply: () => Promise<void>): Promise<void> {
    try {
      await apply();
    } catch (error) {
      const isRepeated = isProblemError(error) && error.reason === appliedReason && (await this.#isAppliedBy(once));
      if (!isRepeated) throw error;
    }
  }

  async #isAppliedBy(once: OperationOnce): Promise<boolean> {
    const record = await this.#find(once);
    if (record === undefined) return false;
    const { by } = openValue(this.#barrier, path, record, recordReader);
    return by.join() === once.signers.toSorted().join();
  }

  async #find(once: OperationOnce): Promise<Uint8Array | undefined> {
    const { entries } = await this.#store.range({ key: this.#barrier.keyOf(recordPath(once)) });
    return entries[0]?.value;
  }

  /** Deletes records of operations that no replica's clock can still accept. */
  async sweep(options: { readonly limit: number; readonly after?: string }): Promise<LedgerSweep> {
    const prefix = `${this.#barrier.keyOf(path)}/`;
    const page = await this.#store.range({ prefix, ...options });
    const endSeconds = this.#clock.nowSeconds() - lifetimes.issuedAtSkew;
    const report = { deleted: 0, damaged: 0 };
    for (const { key, value, modRevision } of page.entries) {
      const exp = this.#endOf(value);
      if (exp === undefined) report.damaged += 1;
      if (exp === undefined || exp > endSeconds) continue;
      const { succeeded } = await this.#store.transact({
        compare: [{ key, field: 'mod', is: '=', revision: modRevision }],
        then: [{ do: 'delete', key }],
      });
      if (succeeded) report.deleted += 1;
    }
    const after = page.entries.at(-1)?.key;
    return page.hasMore && after !== undefined ? { ...report, after } : report;
  }

  /** @returns undefined for a record that was changed: it stays, since it still says that something was applied */
  #endOf(value: Uint8Array): number | undefined {
    try {
      return openValue(this.#barrier, path, value, recordReader).exp;
    } catch (error) {
      if (isProblemError(error) && error.code !== 'sealed') return undefined;
      throw error;
    }
  }
}

function recordPath({ oh }: OperationOnce): string {
  return `${path}/${oh}`;
}

const appliedReason = 'operation_applied';

function alreadyApplied(): ProblemError {
  return new ProblemError('conflict', {
    reason: appliedReason,
    detail: 'The operation was applied before',
  });
}
