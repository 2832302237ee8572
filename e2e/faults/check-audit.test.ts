import { describe, expect, test } from '@jest/globals';
import { checkAudit, type StoredState, type TrailRecord } from './check-audit.ts';
import type { Call } from './history.ts';

const record = (act: string, change: Partial<TrailRecord> = {}): TrailRecord => ({
  act,
  obj: 'wrap/w',
  who: 'reader',
  outcome: 'ok',
  at: 100,
  ...change,
});
const records: readonly TrailRecord[] = [
  record('wrap.store', { who: 'writer' }),
  record('wrap.open'),
  record('wrap.open', { outcome: 'refused' }),
  record('wrap.redeliver', { at: 101 }),
  record('wrap.acknowledge', { at: 102 }),
  record('secret.write', { obj: 'secret/s#1', who: 'writer' }),
  record('secret.read', { obj: 'secret/s#1' }),
];
const states: readonly StoredState[] = [{ id: 'w', s: 'OPENED', deliveries: 2 }];
const opening: Call = {
  item: 'w',
  by: 'reader',
  replica: 'A',
  asked: { do: 'open', cid: 'a' },
  from: 99_000,
  to: 100_500,
  answer: { is: 'ok', content: 'c', n: 1 },
};
const reading: Call = { ...opening, item: 's', asked: { do: 'read' }, answer: { is: 'ok', content: 'c', ver: 1 } };
const good = { records, states, wraps: ['w'], versions: ['s#1'], calls: [opening, reading] };

describe('checkAudit()', () => {
  test('accepts a trail that explains every state and precedes every delivery', () => {
    expect(checkAudit(good)).toEqual({ violations: [], changes: 5, records: 5, missing: 0 });
  });

  test.each<{ readonly name: string; readonly change: Partial<typeof good>; readonly missing: number }>([
    ...[0, 1, 3, 4, 5].map((index) => ({
      name: `no ${records[index]!.act}`,
      change: { records: records.toSpliced(index, 1) },
      missing: 1,
    })),
    { name: 'a second wrap.open', change: { records: [...records, record('wrap.open')] }, missing: 0 },
    { name: 'an end that did not happen', change: { records: [...records, record('wrap.revoke')] }, missing: 0 },
    { name: 'records of a wrap that is not there', change: { states: [] }, missing: 0 },
    { name: 'no record of a read', change: { records: records.toSpliced(6, 1) }, missing: 0 },
    {
      name: 'a record of a read by somebody else',
      change: { records: records.with(6, record('secret.read', { obj: 'secret/s#1', who: 'other' })) },
      missing: 0,
    },
    { name: 'a record after the delivery', change: { calls: [{ ...opening, to: 99_900 }] }, missing: 0 },
    { name: 'more deliveries than records', change: { calls: [opening, reading, reading] }, missing: 0 },
  ])('finds $name', ({ change, missing }) => {
    const report = checkAudit({ ...good, ...change });
    expect(report.violations.map(({ kind }) => kind)).toContain('audit');
    expect(report.missing).toBe(missing);
  });
});
