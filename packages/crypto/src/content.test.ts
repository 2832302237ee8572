/** The metadata line before the bytes. @module */
import { describe, expect, test } from '@jest/globals';
import { decodeContent, encodeContent } from './content.ts';
import { refusalOf } from './testing/problems.ts';

describe('decodeContent()', () => {
  test.each([
    { name: 'no metadata', about: {}, line: '{}' },
    { name: 'a name', about: { name: 'key.pem' }, line: '{"name":"key.pem"}' },
    { name: 'name and type', about: { name: 'ключ', type: 'text/plain' }, line: '{"name":"ключ","type":"text/plain"}' },
  ])('splits $name from bytes with newlines in them', ({ about, line }) => {
    const bytes = Buffer.from('a\nb\n\0');
    const encoded = encodeContent(about, bytes);
    expect(Buffer.from(encoded).toString()).toBe(`${line}\na\nb\n\0`);
    const { content, ...rest } = decodeContent(encoded);
    expect(rest).toEqual(about);
    expect(Buffer.from(content)).toEqual(bytes);
    expect(content.buffer).toBe(encoded.buffer);
  });

  test('allows no bytes at all', () => {
    expect(decodeContent(encodeContent({}, new Uint8Array(0))).content).toHaveLength(0);
  });

  test.each([
    { name: 'no line', text: 'hunter2' },
    { name: 'a line that is no JSON', text: 'hunter2\n' },
    { name: 'metadata without a newline behind it', text: '{}x' },
    { name: 'white space', text: '{ }\nx' },
    { name: 'an unknown member', text: '{"mode":"0600"}\nx' },
    { name: 'a line beyond 16 KiB', text: `{"name":"${'x'.repeat(16_384)}"}\nx` },
    { name: 'a name beyond 1 KiB', text: `{"name":"${'x'.repeat(1025)}"}\nx` },
  ])('refuses $name', async ({ text }) => {
    const refusal = await refusalOf(() => decodeContent(Buffer.from(text)));
    expect(refusal).toMatchObject({ code: 'bad_encoding' });
    expect(refusal.message).not.toContain('hunter2');
  });
});

test('encodeContent() refuses a name that decodeContent() would', async () => {
  await expect(refusalOf(() => encodeContent({ name: 'x'.repeat(1025) }, new Uint8Array(0)))).resolves.toMatchObject({
    code: 'bad_encoding',
  });
});
