/**
 * Remembers which signed operations were applied, so that each is applied once (protocol.md §4.6).
 * It must never forget an operation that is still valid.
 * @module
 */
import { hash, integer, isProblemError, lifetimes, object, ProblemError, seconds } from '@letterlock/protocol';
import type { CheckedOperation } from '../proof/index.ts';
import type { Barrier, Clock, Store } from '../store/index.ts';
import type { Change } from './commit.ts';
import { openValue, putRecord } from './sealed-record.ts';

/** What makes an operation this one, and how long it is valid. */
export type OperationOnce = Pick<CheckedOperation, 'oh' | 'exp'>;

const path = 'op';
const recordReader = object({ at: seconds, exp: seconds, oh: hash, v: integer(1, 1) });

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
    const { oh, exp } = once;
    const put = putRecord(this.#barrier, recordPath(once), { at: this.#clock.nowSeconds(), exp, oh, v: 1 }, path);
    return { compare: [{ key: put.key, field: 'create', is: '=', revision: 0 }], then: [put] };
  }

  /** Whether an operation was applied. */
  async isApplied(once: OperationOnce): Promise<boolean> {
    const { entries } = await this.#store.range({ key: this.#barrier.keyOf(recordPath(once)) });
    return entries.length > 0;
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

function alreadyApplied(): ProblemError {
  return new ProblemError('conflict', {
    reason: 'operation_applied',
    detail: 'The operation was applied before',
  });
}
