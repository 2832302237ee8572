/**
 * What is written into one file: a single value, a template, or all values as JSON or dotenv.
 * It must never leave out a key in silence, nor quote by halves.
 * @module
 */
import { encodeUtf8, ProblemError } from '@letterlock/protocol';
import type { FileSpecification } from './plan-files.ts';
import type { SecretValues } from './secret-values.ts';
import { expand, requireUtf8, writeJsonString } from './template-filters.ts';
import { parseTemplate, renderTemplate } from './template.ts';

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const newline = encodeUtf8('\n');
/** What a shell and every reader of dotenv would interpret between double quotes. */
const backslash = 0x5c;
const dotenvEscapes = new Map([backslash, 0x22, 0x24, 0x60].map((byte) => [byte, Uint8Array.of(backslash, byte)]));
dotenvEscapes.set(0x0a, encodeUtf8('\\n'));
dotenvEscapes.set(0x0d, encodeUtf8('\\r'));

/** @returns bytes that are the caller's to erase. @throws 'bad_request', 'not_found' with a reason for the log */
export function renderFile(file: FileSpecification, values: SecretValues): Uint8Array {
  if (file.template !== undefined) return renderTemplate(parseTemplate(file.template), values);
  return formats[file.format ?? 'raw'](file, values);
}

type Format = (file: FileSpecification, values: SecretValues) => Uint8Array;
const formats: Readonly<Record<NonNullable<FileSpecification['format']>, Format>> = {
  raw: ({ key }, values) => {
    const chosen = key ?? (values.size === 1 ? [...values.keys()][0] : undefined);
    if (chosen === undefined) throw refuse('bad_request', 'file_key_needed', 'A raw file of several keys names none');
    const value = values.get(chosen);
    if (value === undefined) throw refuse('not_found', 'file_key_missing', 'A file names a key that is not there');
    return Uint8Array.from(value.expose());
  },
  json: ({ key }, values) => {
    const lines = chosenOf(key, values).map(([name, value]) =>
      concatErasing([encodeUtf8(`${JSON.stringify(name)}:`), writeJsonString(value)]),
    );
    const commas = lines.flatMap((line, n) => (n === 0 ? [line] : [encodeUtf8(','), line]));
    return concatErasing([encodeUtf8('{'), ...commas, encodeUtf8('}')]);
  },
  dotenv: ({ key }, values) =>
    concatErasing(
      chosenOf(key, values).flatMap(([name, value]) => {
        if (!variableName.test(name)) {
          throw refuse('bad_request', 'dotenv_name', 'A key is not the name of a variable, as dotenv needs');
        }
        requireUtf8(value);
        if (value.includes(0)) throw refuse('bad_request', 'dotenv_value', 'A value with a zero byte is no variable');
        const escaped = expand(value, (byte) => dotenvEscapes.get(byte) ?? [byte]);
        return [encodeUtf8(`${name}="`), escaped, encodeUtf8('"'), newline.slice()];
      }),
    ),
};

/** One key, or all in order. */
function chosenOf(key: string | undefined, values: SecretValues): readonly (readonly [string, Uint8Array])[] {
  const names = key === undefined ? [...values.keys()].toSorted() : [key];
  return names.map((name) => {
    const value = values.get(name);
    if (value === undefined) throw refuse('not_found', 'file_key_missing', 'A file names a key that is not there');
    return [name, value.expose()] as const;
  });
}

function concatErasing(chunks: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
    chunk.fill(0);
  }
  return out;
}

function refuse(code: 'bad_request' | 'not_found', reason: string, detail: string): ProblemError {
  return new ProblemError(code, { reason, detail });
}
