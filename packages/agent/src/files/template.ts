/**
 * Templates of delivered files: text with `<< .key | filter >>`, parsed once and rendered as bytes.
 * It must never run code, nor render a key that is not there.
 * @module
 */
import { encodeUtf8, ProblemError } from '@letterlock/protocol';
import type { SecretValues } from './secret-values.ts';
import { filters, type FilterName } from './template-filters.ts';

type Part = { readonly text: Uint8Array } | { readonly key: string; readonly filters: readonly FilterName[] };
/** A parsed template. */
export type Template = readonly Part[];

const expression = /^\s*\.([-._a-zA-Z0-9]{1,253})((?:\s*\|\s*[a-z0-9]+)*)\s*$/;
const [opening, closing] = ['<<', '>>'] as const;

/** @throws 'bad_request' with the reason `template_syntax` or `template_filter` */
export function parseTemplate(source: string): Template {
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const start = source.indexOf(opening, at);
    if (start < 0) break;
    const end = source.indexOf(closing, start + opening.length);
    if (end < 0) throw refuse('template_syntax', 'An expression of a template has no end');
    if (start > at) parts.push({ text: encodeUtf8(source.slice(at, start)) });
    parts.push(parseExpression(source.slice(start + opening.length, end)));
    at = end + closing.length;
  }
  if (at < source.length) parts.push({ text: encodeUtf8(source.slice(at)) });
  return parts;
}

/** @returns bytes that are the caller's to erase. @throws 'not_found' with the reason `template_key_missing` */
export function renderTemplate(template: Template, values: SecretValues): Uint8Array {
  const chunks = template.map((part) => ('text' in part ? part.text : valueOf(part, values)));
  const out = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  for (const [n, chunk] of chunks.entries()) if (!('text' in template[n]!)) chunk.fill(0);
  return out;
}

function parseExpression(source: string): Part {
  const [, key, chain] = expression.exec(source) ?? [];
  if (key === undefined || chain === undefined) {
    throw refuse('template_syntax', 'An expression of a template is not << .key >> or << .key | filter >>');
  }
  const names = chain.split('|').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  for (const name of names) {
    if (!Object.hasOwn(filters, name)) {
      throw refuse('template_filter', `A template knows the filters ${Object.keys(filters).join(', ')}`);
    }
  }
  return { key, filters: names as FilterName[] };
}

function valueOf(part: Extract<Part, { readonly key: string }>, values: SecretValues): Uint8Array {
  const value = values.get(part.key);
  if (value === undefined) {
    throw new ProblemError('not_found', {
      reason: 'template_key_missing',
      detail: 'A template names a key that the secret does not have',
    });
  }
  let bytes: Uint8Array = Uint8Array.from(value.expose());
  for (const name of part.filters) {
    const filtered = filters[name](bytes);
    bytes.fill(0);
    bytes = filtered;
  }
  return bytes;
}

function refuse(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_request', { reason, detail });
}
