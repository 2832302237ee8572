/**
 * `config.yaml`: named profiles with address, key file and identity.
 * It must never accept a key that it does not know, nor hold a secret.
 * @module
 */
import { existsSync } from 'node:fs';
import { usage } from './exit-status.ts';
import { readTextFile } from './files/read-file.ts';
import { nearest } from './nearest.ts';

export interface Profile {
  /** Origin, or one for each replica. */
  readonly address?: string | readonly string[];
  /** `host[:port]` of each replica behind the one address. */
  readonly dial?: string | readonly string[];
  /** Path of the key file. */
  readonly key?: string;
  /** Id that the key must have. */
  readonly identity?: string;
}

export interface ConfigFile {
  /** Used where no profile is named. Default `default`. */
  readonly profile?: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

const limitBytes = 65_536;
const topKeys = ['profile', 'profiles'] as const;
const profileKeys = ['address', 'dial', 'key', 'identity'] as const;
/** Keys that may also hold several texts. */
const listKeys: ReadonlySet<string> = new Set(['address', 'dial']);

/** Reads the file; a missing one is empty. @throws usage with line or key */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  if (!existsSync(path)) return { profiles: {} };
  const text = readTextFile(path, limitBytes, 'the configuration');
  const { parseDocument } = await import('yaml');
  // No aliases at all: a short text could stand for gigabytes.
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const line = text.slice(0, problem.pos[0]).split('\n').length;
    const hint = text.split('\n')[line - 1]?.includes('\t') === true ? 'indent with spaces, not with tabs' : undefined;
    throw usage(`Cannot read ${path}: line ${line} is not valid YAML (${problem.code.toLowerCase()})`, hint);
  }
  return checkConfig(toPlain(document, path), path);
}

function toPlain(document: { toJS(options: { maxAliasCount: number }): unknown }, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw usage(`Cannot read ${path}: it uses YAML aliases`, 'write the values out');
  }
}

function checkConfig(value: unknown, path: string): ConfigFile {
  const top = mapOf(value ?? {}, path, 'the document', topKeys);
  const profile = top['profile'];
  if (profile !== undefined && typeof profile !== 'string') throw wrongType(path, 'profile', 'a name');
  const given = mapOf(top['profiles'] ?? {}, path, 'profiles');
  const profiles = Object.entries(given).map(([name, entry]) => {
    const where = `profiles.${name}`;
    const read = mapOf(entry ?? {}, path, where, profileKeys);
    for (const key of profileKeys) {
      if (read[key] === undefined || typeof read[key] === 'string') continue;
      const isList = listKeys.has(key);
      if (!isList || !isTexts(read[key])) {
        throw wrongType(path, `${where}.${key}`, isList ? 'a text or a list of texts' : 'a text');
      }
    }
    return [name, read] as const;
  });
  return { ...(profile === undefined ? {} : { profile }), profiles: Object.fromEntries(profiles) };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
}

function mapOf(
  value: unknown,
  path: string,
  where: string,
  known?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(path, where, 'a map');
  for (const key of Object.keys(value)) {
    if (known === undefined || known.includes(key)) continue;
    const hint = nearest(key, known);
    throw usage(
      `Cannot use ${path}: ${where} has a key that is not known: ${key}`,
      hint === undefined ? `known are: ${known.join(', ')}` : `did you mean ${hint}?`,
    );
  }
  return value as Readonly<Record<string, unknown>>;
}

function wrongType(path: string, where: string, expected: string): Error {
  return usage(`Cannot use ${path}: ${where} is not ${expected}`);
}
