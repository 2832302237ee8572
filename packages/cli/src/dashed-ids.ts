/**
 * Ids are base64url, so one in 64 starts with a dash, which commander would take for an option.
 * It must never touch a word that could be an option of ours.
 * @module
 */

/** A wrap's id (22 characters) or an identity's (43). */
const dashedId = /^-[A-Za-z0-9_-]{21}(?:[A-Za-z0-9_-]{21})?$/;
const option = /^--[a-z][a-z-]*$/;
/** No word of a command line contains it: arguments end at it. */
const mark = '\0';

/** Marks ids that start with a dash, so that they are read as words. */
export function hideDashedIds(words: readonly string[]): string[] {
  return words.map((word) => (dashedId.test(word) && !option.test(word) ? `${mark}${word}` : word));
}

/** Takes the mark away again, in whatever commander returns. */
export function showDashedIds<T>(value: T): T {
  if (typeof value === 'string') return (value.startsWith(mark) ? value.slice(mark.length) : value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => showDashedIds(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, showDashedIds(item as unknown)])) as T;
}
