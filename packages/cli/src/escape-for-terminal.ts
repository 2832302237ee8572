/**
 * Makes text safe to print at a terminal: control, escape and direction characters become visible.
 * It must never change what goes to a file or a pipe.
 * @module
 */

/** Control and format characters and line separators, but not tab and line feed. */
const unsafe = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text with every unsafe character as `\x1b` or `\u{202e}`; tab and line feed stay. */
export function escapeForTerminal(text: string): string {
  return text.replaceAll(unsafe, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Bytes for a terminal: valid UTF-8 as text, anything else byte by byte as `\xff`. */
export function escapeBytesForTerminal(bytes: Uint8Array): string {
  try {
    return escapeForTerminal(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return Array.from(bytes, (byte) =>
      byte === 0x0a || byte === 0x09 || (byte >= 0x20 && byte < 0x7f)
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('');
  }
}
