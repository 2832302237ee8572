/**
 * Reads what etcd answered, after checking that it is an answer to what was asked.
 * It must never hand on an entry of another key, an order that is not ascending, or a number that was rounded.
 * @module
 */
import type { Entry, Operation, TransactionResponse } from '@letterlock/core';
import { ProblemError } from '@letterlock/protocol';
import type { IKeyValue, IRangeResponse, ITxnResponse } from 'etcd3';

/** The parts of the library's answers that are read; anything in them may be missing. */
type Loose<T> = T extends readonly (infer I)[]
  ? readonly Loose<I>[] | undefined
  : T extends Buffer
    ? T | undefined
    : T extends object
      ? { readonly [K in keyof T]?: Loose<T[K]> } | null | undefined
      : T | undefined;

function invalid(what: string): ProblemError {
  return new ProblemError('internal', {
    reason: 'store_answer_invalid',
    cause: new Error(`Cannot use the answer of etcd: ${what}`),
  });
}

/** A 64-bit integer that came as text. Revisions beyond 2^53 are refused: at 100,000 changes a second that is 2,800 years away. */
export function readRevision(text: unknown): number {
  const isDecimal = typeof text === 'string' && /^(?:0|[1-9]\d{0,15})$/.test(text);
  const revision = isDecimal ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(revision)) throw invalid('a number is not an integer below 2^53');
  return revision;
}

/** One answer to a range. */
export interface ReadPage {
  readonly entries: readonly Entry[];
  /** More keys than were asked for are in the range. */
  readonly hasMore: boolean;
  /** All keys in the range. */
  readonly count: number;
  readonly revision: number;
}

/** What entries of a range must be: of one key, or below a prefix and behind a key. */
export type Expected = { readonly key: string } | { readonly prefix: string; readonly after: string | undefined };

/** @param place - where our keys begin. @throws 'internal' (reason store_answer_invalid) */
export function readRange(answer: Loose<IRangeResponse>, expected: Expected, place: string, limit: number): ReadPage {
  const revision = readRevision(answer?.header?.revision);
  const entries = (answer?.kvs ?? []).map((kv) => readEntry(kv, place, revision));
  const count = readRevision(answer?.count);
  const hasMore = answer?.more === true;
  if (entries.length > limit || count < entries.length) throw invalid('not as many entries as it says');
  if (hasMore && entries.length < limit) throw invalid('a short page that is not the last');
  if ('key' in expected) {
    if (entries.some(({ key }) => key !== expected.key)) throw invalid('an entry of another key');
  } else {
    let last = expected.after;
    for (const { key } of entries) {
      if (!key.startsWith(expected.prefix)) throw invalid('an entry outside the prefix');
      if (last !== undefined && key <= last) throw invalid('entries out of order');
      last = key;
    }
  }
  return { entries, hasMore, count, revision };
}

/** What came to one transaction, before it is read; a part of a batch has no header of its own. */
export type LooseTransactionAnswer = Loose<ITxnResponse>;

/**
 * The answers to the parts of a batch. All happened in one commit, so all have its revision.
 * @throws 'internal' (reason store_answer_invalid): the parts may have happened
 */
export function partsOf(answer: LooseTransactionAnswer, count: number): readonly LooseTransactionAnswer[] {
  const responses = answer?.responses ?? [];
  if (answer?.succeeded !== true || responses.length !== count) throw invalid('not one response for each part');
  return responses.map((response) => {
    const part = response?.response_txn;
    if (part === undefined || part === null) throw invalid('a response of another kind');
    return { header: answer.header, succeeded: part.succeeded, responses: part.responses };
  });
}

/**
 * @param sent - the operations of both branches, in the order in which they were sent
 * @throws 'internal' (reason store_answer_invalid): the transaction may have happened
 */
export function readTransaction(
  answer: LooseTransactionAnswer,
  sent: { readonly then: readonly Operation[]; readonly otherwise: readonly Operation[] },
  place: string,
): TransactionResponse {
  const revision = readRevision(answer?.header?.revision);
  const { succeeded } = answer ?? {};
  if (typeof succeeded !== 'boolean') throw invalid('it does not say which branch ran');
  const operations = succeeded ? sent.then : sent.otherwise;
  const responses = answer?.responses ?? [];
  if (responses.length !== operations.length) throw invalid('not one response for each operation');
  const entries: (Entry | undefined)[] = [];
  for (const [index, operation] of operations.entries()) {
    const response = responses[index];
    const member = { get: 'response_range', put: 'response_put', delete: 'response_delete_range' } as const;
    const part = response?.[member[operation.do]];
    if (part === undefined || part === null) throw invalid('a response of another kind');
    if (operation.do !== 'get') continue;
    const found = (response?.response_range?.kvs ?? []).map((kv) => readEntry(kv, place, revision));
    if (found.length > 1 || found.some(({ key }) => key !== operation.key)) throw invalid('an entry of another key');
    entries.push(found[0]);
  }
  return { succeeded, revision, entries };
}

function readEntry(kv: Loose<IKeyValue>, place: string, newest: number): Entry {
  const { key, value } = kv ?? {};
  if (!Buffer.isBuffer(key) || !Buffer.isBuffer(value)) throw invalid('an entry without key or value');
  const name = key.toString('latin1');
  if (!name.startsWith(place)) throw invalid('an entry of another installation');
  const createRevision = readRevision(kv?.create_revision);
  const modRevision = readRevision(kv?.mod_revision);
  const isOrdered = createRevision > 0 && createRevision <= modRevision && modRevision <= newest;
  if (!isOrdered) throw invalid('revisions that contradict each other');
  // A copy: the library's buffer is a view of everything that came with it.
  return { key: name.slice(place.length), value: new Uint8Array(value), createRevision, modRevision };
}
