import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { escapeBytesForTerminal, escapeForTerminal } from './escape-for-terminal.ts';

describe('escapeForTerminal()', () => {
  test.each([
    { name: 'escape sequences', text: '\u001b[2Jx', escaped: '\\x1b[2Jx' },
    { name: 'C1 controls', text: '\u009b2J', escaped: '\\x9b2J' },
    { name: 'carriage returns', text: 'a\rb', escaped: 'a\\x0db' },
    { name: 'direction overrides', text: 'a\u202Eb', escaped: 'a\\u{202e}b' },
    { name: 'line separators', text: 'a\u2028b', escaped: 'a\\u{2028}b' },
    { name: 'invisible tags', text: 'a\u{E0041}b', escaped: 'a\\u{e0041}b' },
  ])('shows $name', ({ text, escaped }) => {
    expect(escapeForTerminal(text)).toBe(escaped);
  });

  test('leaves text, tabs and line feeds alone', () => {
    expect(escapeForTerminal('Grüße\t→ 漢字\n')).toBe('Grüße\t→ 漢字\n');
  });
});

describe('escapeBytesForTerminal()', () => {
  test('shows bytes that are no text one by one', () => {
    expect(escapeBytesForTerminal(new Uint8Array([0x41, 0xff, 0x1b, 0x0a]))).toBe('A\\xff\\x1b\n');
  });

  test('never lets a control byte through, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(escapeBytesForTerminal(bytes)).not.toMatch(/(?![\t\n])\p{Cc}/u);
      }),
    );
  });
});
