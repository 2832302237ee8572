import { describe, expect, test } from '@jest/globals';
import type { Operation, Transaction } from '@letterlock/core';
import { ProblemError } from '@letterlock/protocol';
import type { ITxnRequest } from 'etcd3';
import { sentTransactionOf } from './etcd-request.ts';
import { mayShare, TransactionBatches } from './transaction-batches.ts';

const put = (key: string, bytes = 1): Operation => ({ do: 'put', key, value: new Uint8Array(bytes) });
const get = (key: string): Operation => ({ do: 'get', key });
const remove = (key: string): Operation => ({ do: 'delete', key });
const writing = (...then: Operation[]): Transaction => ({ compare: [], then });

type Send = ConstructorParameters<typeof TransactionBatches>[0];
type Answer = Awaited<ReturnType<Send>>;
const header = { revision: '7' };

/** Answers every part, and tells how many parts each call had. */
function recording(answer: (parts: number) => unknown = partsThatSucceed) {
  const calls: number[] = [];
  const batches = new TransactionBatches(async ({ success = [] }: ITxnRequest) => {
    const parts = success.filter(({ request_txn }) => request_txn !== undefined).length;
    calls.push(parts === 0 ? 1 : parts);
    return answer(parts) as Answer;
  });
  const add = (transaction: Transaction) => batches.add(transaction, sentTransactionOf(transaction, 'p/').request);
  return { calls, add };
}

function partsThatSucceed(parts: number): unknown {
  if (parts === 0) return { header, succeeded: true, responses: [{ response_put: {} }] };
  const responses = Array.from({ length: parts }, (_, index) => ({
    response_txn: { header: null, succeeded: index % 2 === 0, responses: [{ response_put: {} }] },
  }));
  return { header, succeeded: true, responses };
}

describe('TransactionBatches', () => {
  test('sends what comes in one turn in one call, and gives each its own answer with the revision of all', async () => {
    const { calls, add } = recording();
    const answers = await Promise.all([add(writing(put('a'))), add(writing(put('b'))), add(writing(put('c')))]);
    expect(calls).toEqual([3]);
    expect(answers.map((answer) => answer?.succeeded)).toEqual([true, false, true]);
    for (const answer of answers) expect(answer?.header).toEqual(header);
  });

  test('sends one alone as it is', async () => {
    const { calls, add } = recording();
    expect(await add(writing(put('a')))).toEqual(partsThatSucceed(0));
    await add(writing(put('a')));
    expect(calls).toEqual([1, 1]);
  });

  test.each([
    { name: 'both write it', one: writing(put('k')), other: writing(put('k')) },
    { name: 'one writes and the other deletes it', one: writing(put('k')), other: writing(remove('k')) },
    {
      name: 'one writes what the other compares',
      one: writing(put('k')),
      other: { compare: [{ key: 'k', field: 'mod', is: '=', revision: 0 }], then: [put('x')] },
    },
    {
      name: 'one compares what the other writes',
      one: { compare: [{ key: 'k', field: 'mod', is: '=', revision: 0 }], then: [put('x')] },
      other: writing(put('k')),
    },
    { name: 'one writes what the other reads', one: writing(put('k')), other: writing(put('x'), get('k')) },
    { name: 'one reads what the other writes', one: writing(put('x'), get('k')), other: writing(put('k')) },
    {
      name: 'it is written by the branch that may not run',
      one: { compare: [], then: [put('x')], otherwise: [put('k')] },
      other: writing(put('k')),
    },
  ] as const satisfies readonly { name: string; one: Transaction; other: Transaction }[])(
    'keeps two apart that touch the same key: $name',
    async ({ one, other }) => {
      const { calls, add } = recording();
      await Promise.all([add(one), add(other)]);
      expect(calls).toEqual([1, 1]);
    },
  );

  test('keeps two together that compare and read the same key', async () => {
    const { calls, add } = recording();
    const of = (key: string): Transaction => ({
      compare: [{ key: 'k', field: 'create', is: '>', revision: 0 }],
      then: [put(key), get('l')],
    });
    await Promise.all([add(of('a')), add(of('b'))]);
    expect(calls).toEqual([2]);
  });

  test('begins another call after 32, and before it has more than 512 KiB', async () => {
    const many = recording();
    await Promise.all(Array.from({ length: 33 }, (_, index) => many.add(writing(put(`k${index}`)))));
    expect(many.calls).toEqual([32, 1]);
    const large = recording();
    await Promise.all(['a', 'b', 'c'].map((key) => large.add(writing(put(key, 262_144)))));
    expect(large.calls).toEqual([2, 1]);
  });

  test('tells all of a call that has no answer', async () => {
    const lost = new ProblemError('unavailable', { reason: 'store_unreachable' });
    const { add } = recording(() => {
      throw lost;
    });
    const outcomes = await Promise.allSettled([add(writing(put('a'))), add(writing(put('b')))]);
    expect(outcomes).toEqual([
      { status: 'rejected', reason: lost },
      { status: 'rejected', reason: lost },
    ]);
  });

  test.each([
    { name: 'a part too few', change: { responses: [{ response_txn: { succeeded: true, responses: [] } }] } },
    { name: 'a response that is no part', change: { responses: [{ response_put: {} }, { response_put: {} }] } },
    { name: 'a whole that did not happen', change: { succeeded: false } },
  ])('refuses $name', async ({ change }) => {
    const { add } = recording((parts) => ({ ...(partsThatSucceed(parts) as object), ...change }));
    const outcomes = await Promise.allSettled([add(writing(put('a'))), add(writing(put('b')))]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'store_answer_invalid' } });
    }
  });
});

describe('mayShare()', () => {
  test.each([
    { name: 'a write', transaction: writing(put('a')), may: true },
    { name: 'a read', transaction: writing(get('a')), may: false },
    { name: 'a comparison', transaction: writing(), may: false },
    {
      name: 'as many operations as are left beside 32 parts',
      transaction: writing(put('a'), ...Array.from({ length: 95 }, (_, index) => get(`k${index}`))),
      may: true,
    },
    {
      name: 'more operations than that',
      transaction: writing(put('a'), ...Array.from({ length: 96 }, (_, index) => get(`k${index}`))),
      may: false,
    },
  ])('$name: $may', ({ transaction, may }) => {
    expect(mayShare(transaction)).toBe(may);
  });
});
