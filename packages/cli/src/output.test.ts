import { describe, expect, test } from '@jest/globals';
import { Output } from './output.ts';
import { withProgress } from './progress.ts';

function outputOf(options: { isJson?: boolean; isQuiet?: boolean }) {
  let [text, notes] = ['', ''];
  const output = new Output({
    isJson: options.isJson ?? false,
    isQuiet: options.isQuiet ?? false,
    write: (piece) => (text += piece),
    writeNote: (piece) => (notes += piece),
  });
  return { output, text: () => text, notes: () => notes };
}

const result = { id: 'a', at: 5, nothing: undefined };
const rows = [
  ['id', 'a\u001b'],
  ['longer', 'b'],
] as const;

describe('Output', () => {
  test.each([
    { name: 'labelled lines', options: {}, text: 'id      a\\x1b\nlonger  b\n' },
    { name: 'one line of JSON', options: { isJson: true }, text: '{"id":"a","at":5}\n' },
    { name: 'the first text', options: { isQuiet: true }, text: 'a\\x1b\n' },
  ])('writes a result as $name', ({ options, text }) => {
    const written = outputOf(options);

    written.output.result(result, rows);

    expect([written.text(), written.notes()]).toEqual([text, '']);
  });

  test('aligns a list under its head', () => {
    const written = outputOf({});

    written.output.list('items', [{ a: 'x' }, { a: 'long' }], ['NAME', 'B'], ({ a }) => [a, '1']);

    expect(written.text()).toBe('NAME  B\nx     1\nlong  1\n');
  });

  test('keeps notes off standard output; quiet drops notes but not warnings', () => {
    const written = outputOf({ isQuiet: true });

    written.output.note('note');
    written.output.warn('careful');

    expect([written.text(), written.notes()]).toEqual(['', 'letterlock: Warning: careful\n']);
  });
});

describe('withProgress()', () => {
  test.each([
    { name: 'where standard error is no terminal', isTTY: false, isQuiet: false },
    { name: 'with --quiet', isTTY: true, isQuiet: true },
    { name: 'for quick work', isTTY: true, isQuiet: false },
  ])('shows nothing $name', async ({ isTTY, isQuiet }) => {
    let shown = '';
    const stream = { isTTY, write: (text: string) => (shown += text) };

    const done = await withProgress(stream, isQuiet, 'Working', Promise.resolve(7));

    expect([done, shown]).toEqual([7, '']);
  });
});
