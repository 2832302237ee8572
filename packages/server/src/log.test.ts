import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { SecretBytes } from '@letterlock/crypto';
import { ProblemError } from '@letterlock/protocol';
import { createLog, describeError } from './log.ts';

const marker = 'cafe-marker-5a1e';

function written(facts: object): string {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString('utf8'));
      done();
    },
  });
  createLog('info', destination).info(facts, 'Said something');
  return lines.join('');
}

describe('createLog()', () => {
  test.each([
    { name: 'a proof', facts: { proof: marker } },
    { name: 'an inner token', facts: { request: { token: marker } } },
    { name: 'secret bytes', facts: { found: SecretBytes.copy(Buffer.from(marker)) } },
    { name: 'the input of a JSON error', facts: { error: errorOf(() => JSON.parse(marker)) } },
    { name: 'the argument of a Node error', facts: { error: errorOf(() => Buffer.alloc(marker as never)) } },
    { name: 'it in a cause', facts: { error: new Error('x', { cause: errorOf(() => JSON.parse(marker)) }) } },
    { name: 'members of a problem', facts: { error: new ProblemError('gone', { members: { proof: marker } }) } },
  ])('does not write $name', ({ facts }) => {
    const line = written(facts);
    expect(line).not.toContain(marker);
    expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: 'Said something' });
  });

  test('writes what a problem is about', () => {
    const error = new ProblemError('bad_proof', {
      reason: 'proof_alg',
      detail: 'The header',
      cause: new TypeError('x'),
    });
    expect(JSON.parse(written({ error }))).toMatchObject({
      error: {
        code: 'bad_proof',
        reason: 'proof_alg',
        detail: 'The header',
        cause: { name: 'TypeError', message: 'x', stack: expect.any(Array) },
      },
    });
  });
});

describe('describeError()', () => {
  test('ends with a chain of causes that has no end', () => {
    const error = new Error('a');
    error.cause = error;
    expect(JSON.stringify(describeError(error)).match(/"cause"/g)).toHaveLength(4);
  });

  test('describes what is no error', () => {
    expect(describeError(marker)).toEqual({ name: 'string' });
  });
});

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('Expected an error');
}
