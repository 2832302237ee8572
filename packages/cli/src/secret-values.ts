/**
 * The values of a binding's secret, key by key: made here, or read from files.
 * It must never take a value from the command line, nor let one become a string.
 * @module
 */
import { randomInt } from 'node:crypto';
import { isSecretMapKey } from '@letterlock/crypto';
import { encodeUtf8, limits } from '@letterlock/protocol';
import type { Context } from './context.ts';
import { usage } from './exit-status.ts';
import { readRegularFile, readStream } from './files/read-file.ts';

/** Where values come from. */
export interface ValueSources {
  /** `key:length` each. */
  readonly generate: readonly string[];
  /** `key=file` each; the file `-` is standard input. */
  readonly fromFile: readonly string[];
  /** `-` is standard input. */
  readonly fromEnvFile: string | undefined;
}

const alphabet = encodeUtf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789');
/** 16 of 62 characters are 95 bits. */
const [leastCharacters, mostCharacters] = [16, 4096];
const [newline, carriageReturn, hash, equals, space, tab] = [0x0a, 0x0d, 0x23, 0x3d, 0x20, 0x09];

/** The values, for the caller to erase. @throws usage without any, for a key twice, and for what cannot be read */
export async function readSecretValues(context: Context, from: ValueSources): Promise<Map<string, Uint8Array>> {
  const values = new Map<string, Uint8Array>();
  const add = (key: string, value: Uint8Array): void => {
    if (isSecretMapKey(key) && !values.has(key)) {
      values.set(key, value);
      return;
    }
    value.fill(0);
    throw values.has(key)
      ? usage(`Cannot write: the key ${key} is given twice`, 'give each key once')
      : usage(
          'Cannot write: a key has letters, digits, dot, underscore and hyphen',
          'use the keys that the binding lists',
        );
  };
  try {
    for (const word of from.generate) add(...generated(word));
    for (const word of from.fromFile) {
      const [, key = '', file = ''] = /^([^=]+)=(.+)$/s.exec(word) ?? [];
      if (file === '')
        throw usage('Cannot use --from-file: need KEY=FILE', 'write it as in --from-file tls.key=server.key');
      add(key, await read(context, file));
    }
    if (from.fromEnvFile !== undefined) {
      const lines = await read(context, from.fromEnvFile);
      try {
        for (const [key, value] of linesOf(lines)) add(key, value);
      } finally {
        lines.fill(0);
      }
    }
  } catch (error) {
    eraseValues(values);
    throw error;
  }
  if (values.size > 0) return values;
  throw usage('Cannot write: no value is given', 'give --generate, --from-file or --from-env-file');
}

export function eraseValues(values: ReadonlyMap<string, Uint8Array>): void {
  for (const value of values.values()) value.fill(0);
}

function generated(word: string): [string, Uint8Array] {
  const [, key = '', digits = ''] = /^([^:]+):(\d{1,4})$/.exec(word) ?? [];
  const length = Number(digits);
  if (key === '' || length < leastCharacters || length > mostCharacters)
    throw usage(
      `Cannot use --generate: need KEY:LENGTH of ${leastCharacters} to ${mostCharacters} characters`,
      'write it as in --generate password:32',
    );
  return [key, Uint8Array.from({ length }, () => alphabet[randomInt(alphabet.length)]!)];
}

function read(context: Context, file: string): Promise<Uint8Array> | Uint8Array {
  if (file === '-') return readStream(context.input, limits.contentBytes, 'the values');
  return readRegularFile(file, limits.contentBytes, 'the values').bytes;
}

/** `KEY=VALUE` in each line, as kubectl reads such files: what follows the sign is the value, quotes and all. @throws usage */
function* linesOf(bytes: Uint8Array): Generator<[string, Uint8Array]> {
  for (let start = 0, number = 1; start < bytes.length; number += 1) {
    const end = bytes.indexOf(newline, start);
    const whole = bytes.subarray(start, end < 0 ? bytes.length : end);
    start += whole.length + 1;
    const line = trimmed(whole);
    if (line.length === 0 || line[0] === hash) continue;
    const sign = line.indexOf(equals);
    if (sign < 1) throw usage(`Cannot use --from-env-file: line ${number} is not KEY=VALUE`, 'correct that line');
    yield [Buffer.from(line.subarray(0, sign)).toString('latin1'), Uint8Array.from(line.subarray(sign + 1))];
  }
}

/** Without blanks before it, and without the end of a line as Windows writes it. */
function trimmed(line: Uint8Array): Uint8Array {
  const first = line.findIndex((byte) => byte !== space && byte !== tab && byte !== carriageReturn);
  if (first < 0) return line.subarray(0, 0);
  return line.subarray(first, line.at(-1) === carriageReturn ? -1 : line.length);
}
