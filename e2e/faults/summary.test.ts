import { describe, expect, test } from '@jest/globals';
import type { Answer } from './history.ts';
import { summarise } from './summary.ts';

const answers: readonly Answer[] = [
  { is: 'ok' },
  { is: 'ok' },
  { is: 'refused', code: 'already_claimed' },
  { is: 'unknown', why: 'timeout' },
  { is: 'not_sent', why: 'connect_failed' },
];
const good: Parameters<typeof summarise>[0] = {
  history: { items: { length: 1000 }, calls: answers.map((answer) => ({ answer })), givenUp: { size: 2 } },
  faults: 22,
  violations: [],
  audit: { violations: [], changes: 2500, records: 2500, missing: 0 },
  servingAgainMilliseconds: 1840,
};

describe('summarise()', () => {
  test('says in one line what the run came to', () => {
    expect(summarise(good)).toEqual({
      lines: [
        '5 calls: 2 done, 1 refused, 1 without an answer and asked about, 1 not sent',
        'state changes 2500 = audit records 2500, 0 missing',
        '1000 items, 22 faults, 0 double, 0 lost, 2 unknown (0.2 %), leader kill: serving again after 1.8 s',
      ],
      isGood: true,
    });
  });

  test('says nothing of a leader when none was killed', () => {
    expect(summarise({ ...good, servingAgainMilliseconds: undefined }).lines[2]).toMatch(/unknown \(0\.2 %\)$/);
  });

  test.each<{ readonly name: string; readonly change: Partial<typeof good>; readonly text: string }>([
    {
      name: 'an item that was delivered twice',
      change: { violations: [{ kind: 'double', item: 'w', what: '' }] },
      text: '1 double',
    },
    {
      name: 'a lost item, found twice',
      change: { violations: ['a', 'b'].map((what) => ({ kind: 'lost', item: 'w', what })) },
      text: '1 lost',
    },
    {
      name: 'anything else',
      change: { violations: [{ kind: 'audit', item: 'w', what: '' }] },
      text: '1 other violations',
    },
    {
      name: 'more than 0.5 % without an answer',
      change: { history: { ...good.history, givenUp: { size: 6 } } },
      text: '6 unknown (0.6 %)',
    },
    { name: 'more than 5 s without a leader', change: { servingAgainMilliseconds: 5001 }, text: 'after 5.0 s' },
    { name: 'no service after the leader', change: { servingAgainMilliseconds: Infinity }, text: 'after Infinity s' },
  ])('is not good with $name', ({ change, text }) => {
    const { lines, isGood } = summarise({ ...good, ...change });
    expect(lines[2]).toContain(text);
    expect(isGood).toBe(false);
  });
});
