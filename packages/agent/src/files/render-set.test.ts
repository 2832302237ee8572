import { describe, expect, test } from '@jest/globals';
import { limits, type ProblemError } from '@letterlock/protocol';
import { valuesOf } from '../testing/values.ts';
import type { PlannedFile } from './plan-files.ts';
import { renderSet } from './render-set.ts';

const half = limits.bindingBytes / 2;
const file = (path: string, change: Partial<PlannedFile> = {}): PlannedFile => ({
  binding: 'one',
  secret: 'db',
  key: 'a',
  path,
  ...change,
});

describe('renderSet()', () => {
  test('makes each file with its mode', () => {
    const files = renderSet([file('x'), file('y', { perms: '0400' })], () => valuesOf({ a: 'value' }));
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      ['x', 0o440],
      ['y', 0o400],
    ]);
  });

  test.each([
    { name: 'two that fill it', planned: [file('x'), file('y')], bytes: half, isRight: true },
    { name: 'two with a byte more', planned: [file('x'), file('y')], bytes: half + 1, isRight: false },
    {
      name: 'two of two bindings',
      planned: [file('x'), file('y', { binding: 'two' })],
      bytes: limits.bindingBytes,
      isRight: true,
    },
  ])('gives the files of a binding a MiB: $name', ({ planned, bytes, isRight }) => {
    const made = () => renderSet(planned, () => valuesOf({ a: new Uint8Array(bytes) }));
    const outcome = (): unknown => {
      try {
        return `${made().length} files`;
      } catch (error) {
        const { code, reason } = error as ProblemError;
        return `${code} ${reason}`;
      }
    };
    expect(outcome()).toBe(isRight ? '2 files' : 'too_large TooLarge');
  });
});
