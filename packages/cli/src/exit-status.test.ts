import { describe, expect, test } from '@jest/globals';
import { ConnectionError, IntegrityError, LetterlockError, TrustError } from '@letterlock/client';
import { problems, type ProblemCode } from '@letterlock/protocol';
import { CommandError, endingOf, exitStatus, usage } from './exit-status.ts';

describe('endingOf()', () => {
  test.each(Object.keys(problems) as ProblemCode[])('ends with the status of the table for %s', (code) => {
    expect(endingOf(new LetterlockError(code, {})).status).toBe(problems[code].exit);
  });

  test.each([
    { name: 'a usage error', error: usage('Cannot x', 'do y'), status: 2, line: /^letterlock: Cannot x; do y$/ },
    {
      name: 'a command error',
      error: new CommandError('gone', 'Cannot open'),
      status: 5,
      line: /^letterlock: Cannot open$/,
    },
    {
      name: 'a connection',
      error: new ConnectionError('timeout', 'Too late', 'unknown'),
      status: 7,
      line: /Too late; check the address/,
    },
    {
      name: 'a fingerprint',
      error: new TrustError('fingerprint_mismatch', 'No', { expected: 'AAA', actual: 'BBB' }),
      status: 8,
      line: /expected was AAA, shown was BBB/,
    },
    {
      name: 'an integrity error',
      error: new IntegrityError('receipt', 'Cannot accept'),
      status: 8,
      line: /Cannot accept/,
    },
    {
      name: 'an interruption',
      error: new DOMException('x', 'AbortError'),
      status: 130,
      line: /^letterlock: Interrupted$/,
    },
    { name: 'a range', error: new RangeError('Cannot wrap: too long'), status: 2, line: /too long; see --help/ },
    { name: 'the disk', error: Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }), status: 2, line: /EIO/ },
    { name: 'a bug', error: new TypeError('x is undefined'), status: 1, line: /Unexpected failure.*please report it/ },
    { name: 'nothing', error: undefined, status: 1, line: /Unexpected failure/ },
  ])('ends for $name with its status and one line', ({ error, status, line }) => {
    expect(endingOf(error)).toEqual({
      status,
      line: expect.stringMatching(line),
    });
  });

  test('keeps what a server says on one line and out of the terminal', () => {
    const { line } = endingOf(new LetterlockError('denied', { detail: 'a\nb\u001b[2J' }));

    expect(line).toContain('a b\\x1b[2J');
  });

  test('has the statuses that scripts rely on', () => {
    expect(exitStatus).toMatchObject({
      usage: 2,
      authentication: 3,
      denied: 4,
      gone: 5,
      sealed: 6,
      unavailable: 7,
      integrity: 8,
    });
  });
});
