/**
 * Makes text safe to print at a terminal: control, escape and direction characters become visible.
 * It must never change what goes to a file or a pipe.
 * @module
 */

/** C0 without tab and line feed, DEL, C1, line separators, and what reorders or hides text. */
// eslint-disable-next-line no-control-regex
const unsafe =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/g;

/** Text with every unsafe character as `\x1b` or `\u202e`; tab and line feed stay. */
export function escapeForTerminal(text: string): string {
  return text.replaceAll(unsafe, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
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
