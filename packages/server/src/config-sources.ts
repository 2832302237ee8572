/**
 * Reads one file, the flags and the environment into raw values by key; the precedence is flag, environment, file.
 * It must never let a source name a key that is not in the table of settings (the environment apart, which others share).
 * @module
 */
import { readFileSync, statSync } from 'node:fs';
import { nearest } from '@letterlock/protocol';
import { parseDocument } from 'yaml';
import type { ConfigFault } from './config-error.ts';
import { environmentNameOf, flagOf, settings, storeKinds, type Setting } from './config-settings.ts';

const fileLimitBytes = 1_048_576;

/** Where a value came from. */
export type SourceName = 'flag' | 'environment' | 'file';
export type FlagValue = string | boolean | readonly string[] | undefined;

export interface RawSources {
  /** Content of the configuration file, by key. */
  readonly file: ReadonlyMap<string, unknown>;
  readonly environment: ReadonlyMap<string, unknown>;
  readonly flags: ReadonlyMap<string, unknown>;
}

/** Reads all three. Faults are added to `faults`, so that all of them are found at once. */
export function readSources(
  options: {
    readonly file?: string;
    readonly flags: Readonly<Record<string, FlagValue>>;
    readonly environment: Readonly<Record<string, string | undefined>>;
  },
  faults: ConfigFault[],
): RawSources {
  return {
    file: options.file === undefined ? new Map<string, unknown>() : readFile(options.file, faults),
    environment: readEnvironment(options.environment, faults),
    flags: readFlags(options.flags, faults),
  };
}

function readFile(path: string, faults: ConfigFault[]): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const text = readText(path, faults);
  if (text === undefined) return values;
  // YAML 1.2 core schema: no dates, no merge keys, no custom tags; no alias at all, so that none can explode.
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: true,
    customTags: [],
  });
  for (const { message, linePos } of document.errors) {
    const line = linePos?.[0].line;
    faults.push({
      at: 'file',
      message: `not YAML${line === undefined ? '' : ` at line ${line}`}: ${firstLine(message)}`,
    });
  }
  if (document.errors.length > 0) return values;
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 0 });
  } catch {
    faults.push({ at: 'file', message: 'expected no YAML aliases' });
    return values;
  }
  if (root === null) return values;
  if (!isMapping(root)) {
    faults.push({ at: 'file', message: 'expected a mapping of keys' });
    return values;
  }
  collect(root, '', values, faults);
  return values;
}

function readText(path: string, faults: ConfigFault[]): string | undefined {
  try {
    const { size } = statSync(path);
    if (size > fileLimitBytes) {
      faults.push({ at: 'file', message: `expected at most ${fileLimitBytes} bytes` });
      return undefined;
    }
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    faults.push({ at: 'file', message: `cannot be read (${codeOf(error)})` });
    return undefined;
  }
}

/** Walks mappings down to the leaves of the table. */
function collect(mapping: object, prefix: string, values: Map<string, unknown>, faults: ConfigFault[]): void {
  for (const [name, value] of Object.entries(mapping)) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const isLeaf = settings.some((setting) => setting.key === key);
    const isBranch = settings.some((setting) => setting.key.startsWith(`${key}.`));
    if (isLeaf) values.set(key, value);
    else if (!isBranch) faults.push(unknownKey(name, prefix));
    else if (value === null || isMapping(value)) {
      // `store: {memory: }` chooses memory with all its defaults.
      if (key.startsWith('store.')) chooseStore(name, values, faults);
      if (value !== null) collect(value, key, values, faults);
    } else faults.push({ at: key, message: 'expected a mapping of keys' });
  }
}

function chooseStore(name: string, values: Map<string, unknown>, faults: ConfigFault[]): void {
  if (values.has('store')) faults.push({ at: 'store', message: `expected ${storeKinds.join(' or ')}, not both` });
  values.set('store', name);
}

function unknownKey(name: string, prefix: string): ConfigFault {
  const siblings = [
    ...new Set(
      settings
        .map(({ key }) => key)
        .filter((key) => prefix === '' || key.startsWith(`${prefix}.`))
        .map((key) => (prefix === '' ? key : key.slice(prefix.length + 1)).split('.')[0]!),
    ),
  ];
  const hint =
    nearest(name, siblings) ??
    nearest(
      name,
      settings.map(({ key }) => key.split('.').at(-1)!),
    );
  const at = prefix === '' ? printable(name) : `${prefix}.${printable(name)}`;
  return { at, message: hint === undefined ? 'is not a known key' : `is not a known key; did you mean ${hint}?` };
}

function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  faults: ConfigFault[],
): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const store = environment['LETTERLOCK_STORE'];
  if (store !== undefined) setStore(store, 'LETTERLOCK_STORE', values, faults);
  for (const setting of settings) {
    const name = environmentNameOf(setting.key);
    const text = environment[name];
    if (text !== undefined) setFromText(setting, text, name, values, faults);
  }
  return values;
}

function readFlags(flags: Readonly<Record<string, FlagValue>>, faults: ConfigFault[]): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const flag = name.startsWith('--') ? name : `--${name}`;
    const setting: Setting | undefined = settings.find(
      (candidate: Setting) => flagOf(candidate.key) === flag || candidate.shortFlag === flag,
    );
    if (flag === '--store') setStore(value, flag, values, faults);
    else if (setting === undefined) {
      const known = settings.flatMap((candidate: Setting) => [flagOf(candidate.key), candidate.shortFlag ?? []].flat());
      const hint = nearest(flag, [...known, '--store']);
      faults.push({
        at: printable(flag),
        message: hint === undefined ? 'is not a known flag' : `is not a known flag; did you mean ${hint}?`,
      });
    } else if (typeof value === 'string') setFromText(setting, value, flag, values, faults);
    else if (typeof value === 'boolean' && setting.type !== 'boolean')
      faults.push({ at: flag, message: 'expected a value' });
    else if (Array.isArray(value) && setting.type !== 'list') {
      const last: unknown = value.at(-1);
      if (value.length === 1 && typeof last === 'string') setFromText(setting, last, flag, values, faults);
      else faults.push({ at: flag, message: 'expected once' });
    } else values.set(setting.key, value);
  }
  return values;
}

function setStore(value: unknown, at: string, values: Map<string, unknown>, faults: ConfigFault[]): void {
  if (storeKinds.some((kind) => kind === value)) values.set('store', value);
  else faults.push({ at, message: `expected ${storeKinds.join(' or ')}` });
}

/** A flag's or variable's text in the type of its setting. */
function setFromText(
  setting: Setting,
  text: string,
  at: string,
  values: Map<string, unknown>,
  faults: ConfigFault[],
): void {
  switch (setting.type) {
    case 'text':
      values.set(setting.key, text);
      return;
    case 'list':
      values.set(
        setting.key,
        text
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== ''),
      );
      return;
    case 'integer':
      if (/^\d{1,15}$/.test(text)) values.set(setting.key, Number(text));
      else faults.push({ at, message: 'expected a plain decimal integer' });
      return;
    case 'boolean':
      if (text === 'true' || text === 'false') values.set(setting.key, text === 'true');
      else faults.push({ at, message: 'expected true or false' });
      return;
    case 'documents':
      try {
        values.set(setting.key, JSON.parse(text));
      } catch {
        faults.push({ at, message: 'expected a JSON array' });
      }
  }
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A key as a person wrote it, safe for a terminal and not longer than a line. */
function printable(name: string): string {
  return name.replaceAll(/[^ -~]/g, '?').slice(0, 64);
}

function firstLine(message: string): string {
  // The library's message quotes the source below its first line; the first line ends with the place.
  return message.split('\n', 1)[0]!.replace(/ at line \d+, column \d+:?$/, '');
}

function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'unknown error';
}
