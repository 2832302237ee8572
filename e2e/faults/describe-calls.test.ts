import { describe, expect, test } from '@jest/globals';
import { describeCalls } from './describe-calls.ts';
import type { Answer, Asked } from './history.ts';

function describeOne(asked: Asked, answer: Answer): string {
  const call = { item: 'w', by: 'reader-with-a-long-id', replica: 'A', asked, answer, from: 5000, to: 5012.4 };
  return describeCalls({ calls: [{ ...call, item: 'other' }, call] }, 'w').join();
}

describe('describeCalls()', () => {
  test.each<{ readonly asked: Asked; readonly answer: Answer; readonly text: string }>([
    {
      asked: { do: 'open', cid: 'claim-id-1' },
      answer: { is: 'ok', content: 'hidden', n: 2 },
      text: 'open claim-id, ok n 2',
    },
    { asked: { do: 'status' }, answer: { is: 'ok', st: 'OPENED' }, text: 'status, ok OPENED' },
    { asked: { do: 'read' }, answer: { is: 'ok', content: 'hidden', ver: 3 }, text: 'read, ok 3' },
    {
      asked: { do: 'write', ver: 4, content: 'hidden' },
      answer: { is: 'refused', code: 'conflict', ver: 5 },
      text: 'write version 4, conflict 5',
    },
    { asked: { do: 'revoke' }, answer: { is: 'refused', code: 'gone', st: 'BURNED' }, text: 'revoke, gone BURNED' },
    { asked: { do: 'store' }, answer: { is: 'unknown', why: 'timeout' }, text: 'store, unknown (timeout)' },
  ])('$text', ({ asked, answer, text }) => {
    expect(describeOne(asked, answer)).toBe(`0 to 12 ms, reader-w at A: ${text}`);
  });
});
