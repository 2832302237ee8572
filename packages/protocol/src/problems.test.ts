/** The problem table and what of an error goes on the wire. @module */
import { describe, expect, test } from '@jest/globals';
import { isProblemError, ProblemError, problems, toProblemDocument, type ProblemCode } from './problems.ts';

const codes = Object.keys(problems) as ProblemCode[];

describe('the table', () => {
  test('holds exactly the codes of the specification, with their status', () => {
    expect(Object.fromEntries(codes.map((code) => [code, problems[code].status]))).toEqual({
      bad_request: 400,
      bad_encoding: 400,
      bad_key: 400,
      bad_envelope: 400,
      unknown_recipient: 400,
      bad_nonce: 401,
      bad_proof: 401,
      channel_required: 401,
      denied: 403,
      image_not_listed: 403,
      not_found: 404,
      method_not_allowed: 405,
      already_claimed: 409,
      conflict: 409,
      rollback_quarantine: 409,
      gone: 410,
      too_large: 413,
      unsupported_media: 415,
      rate: 429,
      headers_too_large: 431,
      internal: 500,
      sealed: 503,
      uninitialised: 503,
      unavailable: 503,
    });
  });

  test.each(codes)('%s has a title without a full stop and an exit status from 2 to 8', (code) => {
    expect(problems[code].title).toMatch(/^[A-Z][^.]*[^.]$/);
    expect(problems[code].exit).toBeGreaterThanOrEqual(2);
    expect(problems[code].exit).toBeLessThanOrEqual(8);
  });
});

describe('toProblemDocument()', () => {
  test('carries detail and members, and neither reason nor cause', () => {
    const error = new ProblemError('gone', {
      detail: 'The wrap was opened',
      reason: 'wrap_opened',
      cause: new Error('hunter2'),
      members: { st: 'OPENED', at: 5 },
      retryAfterSeconds: 7,
      allow: ['GET'],
    });
    expect(toProblemDocument(error, 'req-1')).toEqual({
      type: 'urn:letterlock:error:gone',
      code: 'gone',
      status: 410,
      title: problems.gone.title,
      detail: 'The wrap was opened',
      instance: 'req-1',
      st: 'OPENED',
      at: 5,
    });
  });

  test('leaves out what is absent', () => {
    expect(Object.keys(toProblemDocument(new ProblemError('denied')))).toEqual(['type', 'code', 'status', 'title']);
  });

  test.each([new Error('hunter2'), 'hunter2', null, undefined, { code: 'denied', message: 'hunter2' }])(
    'anything else is internal',
    (thrown) => {
      const document = toProblemDocument(thrown);
      expect(document).toEqual(toProblemDocument(new ProblemError('internal')));
      expect(JSON.stringify(document)).not.toContain('hunter2');
    },
  );
});

describe('ProblemError', () => {
  test('has the title as its message where there is no detail', () => {
    expect(new ProblemError('denied').message).toBe(problems.denied.title);
    expect(new ProblemError('denied', { detail: 'Other' }).message).toBe('Other');
  });

  test('keeps the cause for the log', () => {
    const cause = new Error('x');
    expect(new ProblemError('internal', { cause }).cause).toBe(cause);
    expect('cause' in new ProblemError('internal')).toBe(false);
  });

  test.each<{ value: unknown; is: boolean }>([
    { value: new ProblemError('denied'), is: true },
    { value: { name: 'ProblemError', code: 'denied' }, is: true },
    { value: new Error('x'), is: false },
    { value: { name: 'ProblemError' }, is: false },
    { value: null, is: false },
    { value: 'ProblemError', is: false },
  ])('isProblemError() is $is', ({ value, is }) => {
    expect(isProblemError(value)).toBe(is);
  });
});
