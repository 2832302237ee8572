/**
 * What a verb works with: output, terminal, settings, the user's files, a signal that ends with the user's patience.
 * It must never be built anywhere but in the program and must never be global.
 * @module
 */
import { ReadStream } from 'node:tty';
import { readConfigFile } from './config-file.ts';
import { join } from 'node:path';
import { Output } from './output.ts';
import type { Terminal } from './prompt.ts';
import { withProgress } from './progress.ts';
import {
  foldersOf,
  settingsOf,
  type Environment,
  type Folders,
  type GlobalOptions,
  type Settings,
} from './settings.ts';
import { ClaimsFolder } from './state/claims.ts';
import { KnownIdentitiesFile } from './state/known-identities.ts';
import { KnownSecretsFile } from './state/known-secrets.ts';
import { KnownServersFile } from './state/known-servers.ts';

export interface Context {
  readonly output: Output;
  readonly terminal: Terminal;
  readonly input: AsyncIterable<Uint8Array>;
  readonly environment: Environment;
  readonly folders: Folders;
  readonly knownServers: KnownServersFile;
  readonly knownIdentities: KnownIdentitiesFile;
  readonly knownSecrets: KnownSecretsFile;
  readonly claims: ClaimsFolder;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Seconds since 1970 by the local clock. */
  now(): number;
  /** Flags, environment and config.yaml together; read once. @throws usage */
  settings(): Promise<Settings>;
  /** Shows what is going on once it takes longer than a second. */
  progress<T>(what: string, work: Promise<T>): Promise<T>;
}

/** The context of this process. */
export function processContext(options: GlobalOptions, signal: AbortSignal): Context {
  const environment: Environment = process.env;
  const folders = foldersOf(environment);
  let settings: Promise<Settings> | undefined;
  const isQuiet = options.quiet === true;
  return {
    output: new Output({
      isJson: options.output === 'json',
      isQuiet,
      write: (text) => process.stdout.write(text),
      writeNote: (text) => process.stderr.write(text),
    }),
    terminal: {
      input: process.stdin,
      isInteractive: process.stdin instanceof ReadStream && process.stdin.isTTY,
      write: (text) => process.stderr.write(text),
    },
    input: process.stdin,
    environment,
    folders,
    knownServers: new KnownServersFile(folders.config),
    knownIdentities: new KnownIdentitiesFile(folders.config),
    knownSecrets: new KnownSecretsFile(folders.state),
    claims: new ClaimsFolder(folders.state),
    signal,
    now: () => Math.floor(Date.now() / 1000),
    settings: () =>
      (settings ??= readConfigFile(join(folders.config, 'config.yaml')).then((file) =>
        settingsOf(options, environment, file, folders.config),
      )),
    progress: (what, work) => withProgress(process.stderr, isQuiet, what, work),
  };
}
