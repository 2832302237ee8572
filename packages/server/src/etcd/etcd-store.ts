/**
 * The durable store: the store port on an etcd cluster.
 * It must never retry, lock, lease or watch, nor read from a member without the cluster's consent.
 * @module
 */
import { randomInt } from 'node:crypto';
import {
  checkRange,
  checkTransaction,
  type CallOptions,
  type Entry,
  type RangeRequest,
  type RangeResponse,
  type Store,
  type Transaction,
  type TransactionResponse,
} from '@letterlock/core';
import { isProblemError, ProblemError } from '@letterlock/protocol';
import { readRange, readTransaction, type ReadPage } from './etcd-answer.ts';
import { failureOf } from './etcd-errors.ts';
import { connectMember, type EtcdCredentials, type EtcdMember } from './etcd-member.ts';
import { keyRequestOf, sentTransactionOf, windowRequestOf, type Window } from './etcd-request.ts';
import { MemberChoice } from './member-choice.ts';
import { boundaryAfter, WindowDepths } from './range-window.ts';
import { mayShare, TransactionBatches } from './transaction-batches.ts';

export interface EtcdStoreOptions {
  /** `https://host:port` of each member; `http://` only on loopback and without credentials. */
  readonly endpoints: readonly string[];
  /** Undefined: plain text, which only tests use. */
  readonly credentials: EtcdCredentials | undefined;
  /** Begins every key of the installation. Shape: printable ASCII, at most 128 characters, ends in `/`. */
  readonly prefix: string;
  /** Time for one call. Default 2,000: longer than a change of leader that goes well, shorter than a client's patience. */
  readonly timeoutMilliseconds?: number;
  /** Index of the member that is asked first. Default: any. */
  readonly firstMember?: number;
}

const defaultTimeoutMilliseconds = 2000;
/** A page whose values are longer than an answer may be is asked for again with this fraction of its entries. */
const smallerPage = 8;
const prefixForm = /^[\x21-\x7e]{0,127}\/$/;
const loopbackForm = /^http:\/\/(?:localhost|127(?:\.\d{1,3}){3}):\d{1,5}$/;
const secureForm = /^https:\/\/[A-Za-z0-9.[\]:-]+:\d{1,5}$/;

/** Below the prefix: the records of the store port, apart from what maintenance keeps. */
const recordsFolder = 'r/';

export class EtcdStore implements Store {
  readonly members: readonly EtcdMember[];
  readonly choice: MemberChoice;
  readonly #place: string;
  readonly #depths = new WindowDepths();
  readonly #batches = new TransactionBatches((request) => this.#call((member) => member.transact(request), {}));

  /** Connects with the first call. @throws TypeError for endpoints or a prefix of another shape */
  constructor(options: EtcdStoreOptions) {
    const { endpoints, credentials, prefix, timeoutMilliseconds = defaultTimeoutMilliseconds } = options;
    const form = credentials === undefined ? loopbackForm : secureForm;
    if (endpoints.length === 0 || !endpoints.every((endpoint) => form.test(endpoint))) {
      throw new TypeError('Cannot use etcd: an endpoint is not https://host:port, or http:// on loopback for tests');
    }
    if (!prefixForm.test(prefix))
      throw new TypeError('Cannot use etcd: the prefix is not printable ASCII that ends in /');
    this.#place = prefix + recordsFolder;
    this.members = endpoints.map((endpoint) => connectMember({ endpoint, credentials, timeoutMilliseconds }));
    this.choice = new MemberChoice(endpoints.length, options.firstMember ?? randomInt(endpoints.length));
  }

  async range(request: RangeRequest, options: CallOptions = {}): Promise<RangeResponse> {
    checkRange(request);
    if ('key' in request) {
      const sent = keyRequestOf(request.key, this.#place);
      const answer = await this.#call((member) => member.range(sent), options);
      const { entries, revision } = readRange(answer, request, this.#place, 1);
      return { entries, hasMore: false, revision };
    }
    const { prefix, limit, after } = request;
    const isInside = after !== undefined && after >= prefix;
    // Behind the prefix there is nothing to go on with; etcd says so too, and at which revision.
    let from: Pick<Window, 'from' | 'isAfter'> = isInside
      ? { from: after, isAfter: true }
      : { from: prefix, isAfter: false };
    const entries: Entry[] = [];
    for (;;) {
      const isBelow = from.from.startsWith(prefix);
      const to = isBelow ? boundaryAfter(from.from, prefix, this.#depths.of(prefix)) : undefined;
      // One more than is asked for tells whether there is more, across windows too.
      const last = entries.at(-1)?.key ?? after;
      const page = await this.#page({ ...from, to }, { prefix, last, wanted: limit + 1 - entries.length }, options);
      entries.push(...page.entries);
      const isFull = entries.length > limit;
      if (isFull || page.hasMore || to === undefined) {
        return { entries: entries.slice(0, limit), hasMore: isFull || page.hasMore, revision: page.revision };
      }
      from = { from: to, isAfter: false };
    }
  }

  async transact(transaction: Transaction, options: CallOptions = {}): Promise<TransactionResponse> {
    checkTransaction(transaction);
    const sent = sentTransactionOf(transaction, this.#place);
    if (options.signal?.aborted === true) throw abortedBy(options.signal);
    const answer = mayShare(transaction)
      ? await untilAborted(this.#batches.add(transaction, sent.request), options.signal)
      : await this.#call((member) => member.transact(sent.request), options);
    const response = readTransaction(answer, sent, this.#place);
    return sent.isOnlyCompared ? { ...response, entries: [] } : response;
  }

  /** Connects to every member anew. */
  renew(credentials: EtcdCredentials): void {
    for (const member of this.members) member.renew(credentials);
  }

  /** Ends all connections; calls under way fail. */
  close(): void {
    for (const member of this.members) member.close();
  }

  /** One window, with fewer entries when so many would be longer than an answer may be. */
  async #page(
    window: Window,
    o: { readonly prefix: string; readonly last: string | undefined; readonly wanted: number },
    options: CallOptions,
  ): Promise<ReadPage> {
    const { prefix, last, wanted } = o;
    for (let limit = wanted; ; limit = Math.ceil(limit / smallerPage)) {
      try {
        const sent = windowRequestOf(window, prefix, this.#place, limit);
        const answer = await this.#call((member) => member.range(sent), options);
        const page = readRange(answer, { prefix, after: last }, this.#place, limit);
        this.#depths.learn(prefix, page.count, !window.isAfter);
        return page;
      } catch (error) {
        // Not a retry but another question, so that memory stays bounded whatever is stored.
        if (limit === 1 || !isProblemError(error) || error.reason !== 'store_answer_too_large') throw error;
      }
    }
  }

  async #call<T>(ask: (member: EtcdMember) => Promise<T>, { signal }: CallOptions): Promise<T> {
    if (signal?.aborted === true) throw abortedBy(signal);
    const index = this.choice.current;
    try {
      return await untilAborted(ask(this.members[index]!), signal);
    } catch (error) {
      if (isProblemError(error)) throw error;
      const { problem, isMembers } = failureOf(error);
      if (isMembers) this.choice.failed(index);
      throw problem;
    }
  }
}

function abortedBy(signal: AbortSignal): ProblemError {
  return new ProblemError('unavailable', { reason: 'store_call_aborted', cause: signal.reason });
}

/** The library cannot cancel a call: it runs on to its deadline, but nobody waits for it. */
async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(abortedBy(signal));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
