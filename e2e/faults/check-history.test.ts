import { describe, expect, test } from '@jest/globals';
import { checkHistory, checkItem } from './check-history.ts';
import type { Answer, Asked, Call, History, Item } from './history.ts';

const wrap: Item = { name: 'w', kind: 'wrap', content: 'the content', windowSeconds: 60 };
const secret: Item = { name: 's', kind: 'secret', content: '', windowSeconds: 60 };

type Row = readonly [asked: Asked, answer: Answer, change?: Partial<Call>];

const ok: Answer = { is: 'ok' };
const delivered: Answer = { is: 'ok', content: 'the content', n: 1 };
const unknown: Answer = { is: 'unknown', why: 'connection_lost' };
const claimed: Answer = { is: 'refused', code: 'already_claimed' };
const gone = (st: string): Answer => ({ is: 'refused', code: 'gone', st });
const store: Asked = { do: 'store' };
const status: Asked = { do: 'status' };
const open = (cid: string): Asked => ({ do: 'open', cid });
const acknowledge = (cid: string): Asked => ({ do: 'acknowledge', cid });
const write = (ver: number, content: string): Asked => ({ do: 'write', ver, content });
const read = (ver?: number): Asked => (ver === undefined ? { do: 'read' } : { do: 'read', ver });
const given = (ver: number, content: string): Answer => ({ is: 'ok', ver, content });
const conflict = (ver: number): Answer => ({ is: 'refused', code: 'conflict', ver });

/** One call after the other, ten milliseconds each with ten between them, unless the row says otherwise. */
function callsOf(item: Item, rows: readonly Row[]): readonly Call[] {
  return rows.map(([asked, answer, change], index) => ({
    item: item.name,
    by: 'reader',
    replica: 'A',
    asked,
    answer,
    from: 1000 + index * 20,
    to: 1010 + index * 20,
    ...change,
  }));
}

function kindsOf(item: Item, rows: readonly Row[]): readonly string[] {
  return checkItem(item, callsOf(item, rows)).map(({ kind }) => kind);
}

/** A wrap that two claims raced for, delivered again, and acknowledged. */
const goodWrap: readonly Row[] = [
  [store, ok],
  [open('a'), delivered],
  [open('b'), claimed],
  [open('a'), delivered],
  [acknowledge('a'), ok],
  [open('b'), gone('OPENED')],
  [store, ok],
  [status, { is: 'ok', st: 'OPENED' }],
];
/** A secret with two versions and a writer that came too late. */
const goodSecret: readonly Row[] = [
  [read(), { is: 'refused', code: 'not_found' }],
  [write(1, 'one'), ok],
  [write(1, 'other'), conflict(1)],
  [write(2, 'two'), ok],
  [read(), given(2, 'two')],
  [read(1), given(1, 'one')],
];

function changed(rows: readonly Row[], index: number, row: Row): readonly Row[] {
  return rows.with(index, row);
}

describe('checkItem()', () => {
  test.each<{ readonly name: string; readonly item: Item; readonly rows: readonly Row[] }>([
    { name: 'a wrap opened once', item: wrap, rows: goodWrap },
    { name: 'an opening whose answer was lost', item: wrap, rows: changed(goodWrap, 1, [open('a'), unknown]) },
    {
      name: 'a request that was never sent',
      item: wrap,
      rows: changed(goodWrap, 3, [open('c'), { is: 'not_sent', why: '' }]),
    },
    {
      name: 'claims at one time, of which the later was answered first',
      item: wrap,
      rows: [
        [store, ok],
        [open('a'), claimed, { from: 1020, to: 1100 }],
        [open('b'), delivered, { from: 1030, to: 1090 }],
      ],
    },
    {
      name: 'a burned wrap, after its window',
      item: wrap,
      rows: [
        [store, ok],
        [open('a'), unknown],
        [open('b'), gone('BURNED'), { from: 62_000, to: 62_010 }],
      ],
    },
    {
      name: 'a lost store that happened later',
      item: wrap,
      rows: [
        [store, unknown],
        [status, { is: 'refused', code: 'not_found' }],
        [open('a'), delivered],
      ],
    },
    {
      name: 'a revoked wrap',
      item: wrap,
      rows: [
        [store, ok],
        [{ do: 'revoke' }, ok],
        [open('a'), gone('REVOKED')],
      ],
    },
    { name: 'a secret with two versions', item: secret, rows: goodSecret },
    { name: 'a write whose answer was lost', item: secret, rows: changed(goodSecret, 3, [write(2, 'two'), unknown]) },
    {
      name: 'a read beside a write, before it or after it',
      item: secret,
      rows: [
        [write(1, 'one'), ok],
        [write(2, 'two'), ok, { from: 1020, to: 1100 }],
        [read(), given(1, 'one'), { from: 1030, to: 1090 }],
      ],
    },
  ])('accepts $name', ({ item, rows }) => {
    expect(kindsOf(item, rows)).toEqual([]);
  });

  test.each<{ readonly name: string; readonly item: Item; readonly rows: readonly Row[]; readonly kind: string }>([
    { name: 'a second owner', item: wrap, rows: changed(goodWrap, 2, [open('b'), delivered]), kind: 'double' },
    {
      name: 'a second owner with the same claim id and another key',
      item: wrap,
      rows: changed(goodWrap, 3, [open('a'), delivered, { by: 'thief' }]),
      kind: 'double',
    },
    {
      name: 'a wrap that is not found after it was stored',
      item: wrap,
      rows: changed(goodWrap, 7, [status, { is: 'refused', code: 'not_found' }]),
      kind: 'lost',
    },
    {
      name: 'other content',
      item: wrap,
      rows: changed(goodWrap, 1, [open('a'), { ...delivered, content: 'other content' }]),
      kind: 'wrong_content',
    },
    {
      name: 'opened, without an acknowledgement',
      item: wrap,
      rows: goodWrap.filter(([{ do: done }]) => done !== 'acknowledge'),
      kind: 'false_end',
    },
    {
      name: 'revoked, without a revocation',
      item: wrap,
      rows: changed(goodWrap, 5, [open('b'), gone('REVOKED')]),
      kind: 'false_end',
    },
    {
      name: 'burned before the window has ended',
      item: wrap,
      rows: changed(goodWrap, 5, [open('b'), gone('BURNED')]),
      kind: 'false_end',
    },
    {
      name: 'expired, of a wrap that lives a day',
      item: wrap,
      rows: changed(goodWrap, 5, [open('b'), gone('EXPIRED')]),
      kind: 'false_end',
    },
    {
      name: 'gone without a state',
      item: wrap,
      rows: changed(goodWrap, 5, [open('b'), { is: 'refused', code: 'gone' }]),
      kind: 'false_end',
    },
    {
      name: 'a delivery after the acknowledgement',
      item: wrap,
      rows: changed(goodWrap, 5, [open('a'), delivered]),
      kind: 'no_order',
    },
    {
      name: 'a claim refused although nobody had one',
      item: wrap,
      rows: [
        [store, ok],
        [open('a'), claimed],
        [open('b'), delivered],
      ],
      kind: 'no_order',
    },
    {
      name: 'an acknowledgement without a delivery',
      item: wrap,
      rows: [
        [store, ok],
        [acknowledge('a'), ok],
      ],
      kind: 'no_order',
    },
    {
      name: 'a refusal that does not belong to the call',
      item: wrap,
      rows: changed(goodWrap, 6, [store, conflict(1)]),
      kind: 'no_order',
    },
    {
      name: 'an answer with a bad signature',
      item: wrap,
      rows: changed(goodWrap, 3, [open('a'), { is: 'broken', why: 'receipt_signature' }]),
      kind: 'broken_answer',
    },
    {
      name: 'two writes of one version',
      item: secret,
      rows: changed(goodSecret, 2, [write(1, 'other'), ok]),
      kind: 'lost',
    },
    {
      name: 'a version that is not found',
      item: secret,
      rows: changed(goodSecret, 5, [read(1), { is: 'refused', code: 'not_found' }]),
      kind: 'lost',
    },
    {
      name: 'an older version as the latest',
      item: secret,
      rows: changed(goodSecret, 4, [read(), given(1, 'one')]),
      kind: 'lost',
    },
    {
      name: 'the content of another version',
      item: secret,
      rows: changed(goodSecret, 5, [read(1), given(1, 'two')]),
      kind: 'wrong_content',
    },
    {
      name: 'a conflict that names another version',
      item: secret,
      rows: changed(goodSecret, 2, [write(1, 'other'), conflict(2)]),
      kind: 'no_order',
    },
    {
      name: 'a version before it was written',
      item: secret,
      rows: changed(goodSecret, 0, [read(), given(1, 'one')]),
      kind: 'no_order',
    },
  ])('finds $name', ({ item, rows, kind }) => {
    expect(kindsOf(item, rows)).toContain(kind);
  });
});

describe('checkHistory()', () => {
  const history: History = {
    items: [wrap],
    calls: callsOf(wrap, goodWrap),
    sealedTimes: [{ replica: 'A', from: 2000, to: 3000 }],
    givenUp: new Set(),
    misreported: 0,
  };

  test('accepts a good history', () => {
    expect(checkHistory(history)).toEqual([]);
  });

  test.each<{ readonly name: string; readonly change: Partial<History>; readonly kind: string }>([
    {
      name: 'a delivery after the seal',
      change: { sealedTimes: [{ replica: 'A', from: 1015, to: 1035 }] },
      kind: 'after_seal',
    },
    { name: 'a transaction that was misreported', change: { misreported: 1 }, kind: 'misreported' },
  ])('finds $name', ({ change, kind }) => {
    expect(checkHistory({ ...history, ...change }).map((each) => each.kind)).toEqual([kind]);
  });

  test.each<{ readonly name: string; readonly time: History['sealedTimes'][number] }>([
    { name: 'at another replica', time: { replica: 'B', from: 1015, to: 1035 } },
    { name: 'that was asked for before it', time: { replica: 'A', from: 1025, to: 1035 } },
    { name: 'that came after the unseal', time: { replica: 'A', from: 1015, to: 1025 } },
  ])('lets a delivery pass $name', ({ time }) => {
    expect(checkHistory({ ...history, calls: history.calls.slice(0, 3), sealedTimes: [time] })).toEqual([]);
  });
});
