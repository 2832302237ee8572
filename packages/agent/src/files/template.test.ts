import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { valuesOf } from '../testing/values.ts';
import { filters } from './template-filters.ts';
import { parseTemplate, renderTemplate } from './template.ts';

const values = valuesOf({ username: 'or ders', password: `p@s's"`, '.key-1': 'x' });
const rendered = (source: string): string => Buffer.from(renderTemplate(parseTemplate(source), values)).toString();

describe('renderTemplate()', () => {
  test.each([
    { name: 'text alone', source: 'a {{ b }} > c', expected: 'a {{ b }} > c' },
    { name: 'a key', source: 'u=<< .username >>;', expected: 'u=or ders;' },
    { name: 'a key that begins with a dot', source: '<<..key-1>>', expected: 'x' },
    { name: 'urlencode', source: 'pg://<< .username | urlencode >>@db', expected: 'pg://or%20ders@db' },
    { name: 'base64', source: '<< .username|base64 >>', expected: 'b3IgZGVycw==' },
    { name: 'json', source: '{"p":<< .password | json >>}', expected: `{"p":"p@s's\\""}` },
    { name: 'shellquote', source: 'P=<< .password | shellquote >>', expected: `P='p@s'\\''s"'` },
    { name: 'filters in a row', source: '<< .username | urlencode | base64 >>', expected: 'b3IlMjBkZXJz' },
    { name: 'an end without a beginning', source: 'a >> b', expected: 'a >> b' },
    { name: 'nothing', source: '', expected: '' },
  ])('renders $name', ({ source, expected }) => {
    expect(rendered(source)).toBe(expected);
  });

  test.each([
    { name: 'a key that is not there', source: '<< .other >>', reason: 'template_key_missing' },
    { name: 'an unknown filter', source: '<< .username | upper >>', reason: 'template_filter' },
    { name: 'a name that every object has', source: '<< .username | constructor >>', reason: 'template_filter' },
    { name: 'a function call', source: '<< env "HOME" >>', reason: 'template_syntax' },
    { name: 'a loop', source: '<< range . >>', reason: 'template_syntax' },
    { name: 'no end', source: 'a << .username', reason: 'template_syntax' },
    { name: 'no key', source: '<< >>', reason: 'template_syntax' },
  ])('refuses $name', ({ source, reason }) => {
    expect(() => rendered(source)).toThrow(expect.objectContaining({ reason }));
  });

  test('leaves the values as they are', () => {
    rendered('<< .username | urlencode >>');
    expect(Buffer.from(values.get('username')!.expose()).toString()).toBe('or ders');
  });
});

describe('filters', () => {
  const text = fc.string({ unit: 'binary' });

  test('urlencode is undone by decodeURIComponent', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(decodeURIComponent(Buffer.from(filters.urlencode(Buffer.from(value))).toString())).toBe(value);
      }),
    );
  });

  test('base64 is what Node writes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (value) => {
        expect(Buffer.from(filters.base64(value)).toString()).toBe(Buffer.from(value).toString('base64'));
      }),
    );
  });

  test('json is undone by JSON.parse', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(JSON.parse(Buffer.from(filters.json(Buffer.from(value))).toString())).toBe(value);
      }),
    );
  });

  test.each(["a b'c", '$HOME `id` "x" \\', "''", '', 'line\nline'])('a shell reads %j as one word', (value) => {
    const word = Buffer.from(filters.shellquote(Buffer.from(value))).toString();
    expect(execFileSync('/bin/sh', ['-c', `printf %s ${word}`]).toString()).toBe(value);
  });

  test('refuse what has no such form', () => {
    const refused = expect.objectContaining({ code: 'bad_request' });
    expect(() => filters.json(Uint8Array.of(0xff))).toThrow(refused);
    expect(() => filters.shellquote(Uint8Array.of(0x61, 0))).toThrow(refused);
  });
});
