import { describe, expect, test } from '@jest/globals';
import { valuesOf } from '../testing/values.ts';
import { renderFile } from './formats.ts';
import type { FileSpecification } from './plan-files.ts';

const two = valuesOf({ b: 'second', a: 'fi"rst\n$1' });
const one = valuesOf({ only: 'value' });
const rendered = (file: Omit<FileSpecification, 'path'>, values = two): string =>
  Buffer.from(renderFile({ path: 'x', ...file }, values)).toString();

describe('renderFile()', () => {
  test.each([
    { name: 'a key raw', file: { key: 'b' }, expected: 'second' },
    { name: 'the only key raw', file: {}, values: one, expected: 'value' },
    { name: 'a template', file: { template: '<< .b >>!' }, expected: 'second!' },
    { name: 'all as JSON', file: { format: 'json' as const }, expected: '{"a":"fi\\"rst\\n$1","b":"second"}' },
    { name: 'one key as JSON', file: { format: 'json' as const, key: 'b' }, expected: '{"b":"second"}' },
    { name: 'all as dotenv', file: { format: 'dotenv' as const }, expected: 'a="fi\\"rst\\n\\$1"\nb="second"\n' },
  ])('writes $name', ({ file, values, expected }) => {
    expect(rendered(file, values)).toBe(expected);
  });

  test.each([
    { name: 'a raw file of several keys', file: {}, reason: 'file_key_needed' },
    { name: 'a key that is not there', file: { key: 'c' }, reason: 'file_key_missing' },
    { name: 'that as JSON', file: { key: 'c', format: 'json' as const }, reason: 'file_key_missing' },
    {
      name: 'a key that is no variable',
      file: { format: 'dotenv' as const },
      values: valuesOf({ 'a-b': 'x' }),
      reason: 'dotenv_name',
    },
    {
      name: 'a variable with a zero byte',
      file: { format: 'dotenv' as const },
      values: valuesOf({ a: '\0' }),
      reason: 'dotenv_value',
    },
    {
      name: 'JSON of what is no text',
      file: { format: 'json' as const },
      values: valuesOf({ a: Uint8Array.of(0xff) }),
      reason: 'value_not_text',
    },
  ])('refuses $name', ({ file, values, reason }) => {
    expect(() => rendered(file, values)).toThrow(expect.objectContaining({ reason }));
  });

  test('gives bytes of its own', () => {
    renderFile({ path: 'x' }, one).fill(0);
    expect(rendered({}, one)).toBe('value');
  });
});
