import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { problems } from '@letterlock/protocol';
import { refusalOf } from './answers.ts';

const asked = { server: undefined, wrapId: undefined, nonce: undefined };
const codes = Object.keys(problems);

describe('refusalOf()', () => {
  test('makes one of two errors of any answer, and shows no control characters', () => {
    const member = fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue());
    const document = fc.record(
      {
        code: fc.oneof(fc.constantFrom(...codes), member),
        detail: member,
        instance: member,
        st: member,
        at: member,
        rcpt: member,
        kid: member,
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      document.map((value) => Buffer.from(JSON.stringify(value))),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    const status = fc.oneof(fc.constantFrom(...Object.values(problems).map((problem) => problem.status)), fc.integer());
    fc.assert(
      fc.property(body, status, (bytes, statusCode) => {
        const error = refusalOf({ status: statusCode, headers: {}, body: bytes }, asked);
        expect(['ProblemError', 'ConnectionError']).toContain(error.name);
        const shown = [
          error.message,
          'requestId' in error ? error.requestId : '',
          'members' in error ? error.members.st : '',
        ];
        expect(shown.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
    );
  });

  test.each(codes)('reads %s with its status', (code) => {
    const { status } = problems[code as keyof typeof problems];
    const body = Buffer.from(JSON.stringify({ code, detail: 'Say what', instance: 'urn:uuid:1' }));
    const headers = { 'retry-after': '7' };
    expect(refusalOf({ status, headers, body }, asked)).toMatchObject({
      code,
      status,
      detail: 'Say what',
      requestId: 'urn:uuid:1',
      retryAfterSeconds: 7,
      isProven: false,
    });
  });
});
