/**
 * Sends transactions of one turn of the event loop together, as parts of one: a call and a commit cost more than what is in them.
 * It must never let two transactions meet in a batch that touch a key which one of them writes: etcd compares all parts with the
 * state before the whole, so they would not see each other.
 * @module
 */
import { maximumOperations, type Transaction } from '@letterlock/core';
import type { ITxnRequest } from 'etcd3';
import { partsOf, type LooseTransactionAnswer } from './etcd-answer.ts';

/** A batch is lost or delayed as a whole, so it is kept small. Its parts and theirs share etcd's limit of operations. */
const mostParts = 32;
const mostOperations = maximumOperations - mostParts;
/** Written values, bytes: far below what etcd takes in one request (1.5 MiB), so that no part fails for the size of another. */
const mostBytes = 524_288;

/** Keys of a transaction, in both branches. */
interface Footprint {
  readonly touched: readonly string[];
  readonly written: readonly string[];
  readonly bytes: number;
}
interface Part {
  readonly request: ITxnRequest;
  readonly resolve: (answer: LooseTransactionAnswer) => void;
  readonly reject: (error: unknown) => void;
}
interface Batch {
  readonly parts: Part[];
  readonly touched: Set<string>;
  readonly written: Set<string>;
  bytes: number;
}

/** Only writes gain: a read alone costs no commit. */
export function mayShare({ compare, then, otherwise = [] }: Transaction): boolean {
  return (
    Math.max(compare.length, then.length, otherwise.length) <= mostOperations &&
    then.some(({ do: what }) => what !== 'get')
  );
}

export class TransactionBatches {
  readonly #send: (request: ITxnRequest) => Promise<LooseTransactionAnswer>;
  #open: Batch | undefined;

  /** @param send - makes one call, once */
  constructor(send: (request: ITxnRequest) => Promise<LooseTransactionAnswer>) {
    this.#send = send;
  }

  /**
   * Sends a transaction with others of this turn. An answer that does not come is missed by all of them.
   * @param request - the same as it is sent. @throws as `send` does
   */
  add(transaction: Transaction, request: ITxnRequest): Promise<LooseTransactionAnswer> {
    const footprint = footprintOf(transaction);
    let batch = this.#open;
    if (batch === undefined || !fits(batch, footprint)) batch = this.#begin();
    for (const key of footprint.touched) batch.touched.add(key);
    for (const key of footprint.written) batch.written.add(key);
    batch.bytes += footprint.bytes;
    const { promise, resolve, reject } = Promise.withResolvers<LooseTransactionAnswer>();
    batch.parts.push({ request, resolve, reject });
    return promise;
  }

  #begin(): Batch {
    const batch: Batch = { parts: [], touched: new Set(), written: new Set(), bytes: 0 };
    this.#open = batch;
    setImmediate(() => {
      if (this.#open === batch) this.#open = undefined;
      void this.#flush(batch.parts);
    });
    return batch;
  }

  async #flush(parts: readonly Part[]): Promise<void> {
    try {
      const [only] = parts;
      if (parts.length === 1 && only !== undefined) {
        only.resolve(await this.#send(only.request));
        return;
      }
      const success = parts.map(({ request }) => ({ request_txn: request }));
      const answers = partsOf(await this.#send({ compare: [], success, failure: [] }), parts.length);
      for (const [index, { resolve }] of parts.entries()) resolve(answers[index]);
    } catch (error) {
      for (const { reject } of parts) reject(error);
    }
  }
}

function footprintOf({ compare, then, otherwise = [] }: Transaction): Footprint {
  const touched = compare.map(({ key }) => key);
  const written: string[] = [];
  let bytes = 0;
  for (const branch of [then, otherwise]) {
    for (const operation of branch) {
      touched.push(operation.key);
      if (operation.do !== 'get') written.push(operation.key);
      if (operation.do === 'put') bytes += operation.value.length;
    }
  }
  return { touched, written, bytes };
}

function fits(batch: Batch, { touched, written, bytes }: Footprint): boolean {
  return (
    batch.parts.length < mostParts &&
    batch.bytes + bytes <= mostBytes &&
    !written.some((key) => batch.touched.has(key)) &&
    !touched.some((key) => batch.written.has(key))
  );
}
