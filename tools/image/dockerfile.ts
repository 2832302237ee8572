/**
 * Reads a Dockerfile of ours, so that an image made without an engine is the one that an engine would make.
 * It must never pass over an instruction that it does not know.
 * @module
 */

/** What an image tells its runtime. */
export interface ImageConfiguration {
  readonly user?: string;
  readonly workingFolder?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Shape: "8443/tcp". */
  readonly ports: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

/** A Dockerfile as data. */
export interface Dockerfile {
  readonly base: string;
  /** In order; `from` is relative to the context. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
  /** Without what the base says. */
  readonly configuration: ImageConfiguration;
}

interface Draft {
  readonly variables: Record<string, string>;
  base: string;
  readonly copies: { from: string; to: string }[];
  user?: string;
  workingFolder?: string;
  readonly environment: Record<string, string>;
  readonly labels: Record<string, string>;
  readonly ports: string[];
  entrypoint: readonly string[];
  command: readonly string[];
}

const instructions: Readonly<Record<string, (draft: Draft, rest: string) => void>> = {
  ARG: ({ variables }, rest) => {
    const [name, value] = splitOnce(rest, '=');
    // Without a value, the build must give one.
    if (rest.includes('=')) variables[name] ??= value;
  },
  FROM: (draft, rest) => {
    if (draft.base !== '') throw new Error('Cannot read the Dockerfile: it has two FROM, need one');
    draft.base = rest;
  },
  COPY: ({ copies }, rest) => {
    const words = rest.split(/\s+/);
    const [from = '', to = ''] = words;
    if (words.length !== 2 || from.startsWith('-'))
      throw new Error('Cannot read the Dockerfile: COPY takes a source and a target');
    copies.push({ from, to });
  },
  USER: (draft, rest) => {
    draft.user = rest;
  },
  WORKDIR: (draft, rest) => {
    draft.workingFolder = rest;
  },
  ENV: ({ environment }, rest) => Object.assign(environment, pairs(rest)),
  LABEL: ({ labels }, rest) => Object.assign(labels, pairs(rest)),
  EXPOSE: ({ ports }, rest) => {
    ports.push(...rest.split(/\s+/).map((port) => (port.includes('/') ? port : `${port}/tcp`)));
  },
  ENTRYPOINT: (draft, rest) => {
    draft.entrypoint = list(rest);
  },
  CMD: (draft, rest) => {
    draft.command = list(rest);
  },
};

/** Reads it. Shape of build arguments: as `--build-arg` gives them. @throws Error for an instruction outside of the list above */
export function readDockerfile(text: string, buildArguments: Readonly<Record<string, string>> = {}): Dockerfile {
  const draft: Draft = {
    variables: { ...buildArguments },
    base: '',
    copies: [],
    environment: {},
    labels: {},
    ports: [],
    entrypoint: [],
    command: [],
  };
  for (const line of logicalLines(text)) {
    const [name, rest] = splitOnce(line, ' ');
    const instruction = instructions[name];
    if (instruction === undefined) throw new Error(`Cannot read the Dockerfile: ${name} is not known here`);
    instruction(draft, substitute(rest.trim(), draft.variables));
  }
  if (draft.base === '') throw new Error('Cannot read the Dockerfile: it has no FROM');
  const { base, copies, user, workingFolder, environment, labels, ports, entrypoint, command } = draft;
  return {
    base,
    copies,
    configuration: {
      ...(user === undefined ? {} : { user }),
      ...(workingFolder === undefined ? {} : { workingFolder }),
      environment,
      labels,
      ports,
      entrypoint,
      command,
    },
  };
}

/** Without comments and empty lines; a backslash at the end joins two. */
function logicalLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function substitute(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`Cannot read the Dockerfile: no build argument and no ARG gives ${name}`);
    return value;
  });
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** `a=1 b="two words"` */
function pairs(text: string): Record<string, string> {
  const found = [...text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))/g)];
  return Object.fromEntries(found.map(([, name = '', quoted, plain = '']) => [name, quoted ?? plain]));
}

/** The form without a shell: the base has none. */
function list(text: string): string[] {
  const value: unknown = text.startsWith('[') ? JSON.parse(text) : undefined;
  if (!Array.isArray(value) || !value.every((word) => typeof word === 'string'))
    throw new Error('Cannot read the Dockerfile: ENTRYPOINT and CMD take a JSON list of words');
  return value;
}
