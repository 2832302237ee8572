/**
 * Runs the real program as a child process, with a home of its own.
 * It must never inherit the developer's configuration.
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const program = join(import.meta.dirname, '../../bin/letterlock');

/** A folder that stands for a person's home. */
export interface Home extends Disposable {
  readonly folder: string;
  /** `config` and `state` of the program. */
  readonly config: string;
  readonly state: string;
  path(name: string): string;
}

export function makeHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-cli-'));
  return {
    folder,
    config: join(folder, 'config/letterlock'),
    state: join(folder, 'state/letterlock'),
    path: (name) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface RunOptions {
  readonly home: Home;
  /** Default: standard input is empty, and not a terminal. */
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  /** Default 50 s: then it is killed, and its status is null. */
  readonly timeLimitMilliseconds?: number;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

const defaultTimeLimitMilliseconds = 50_000;

/** Starts the program; the working folder is the home. */
export function startCli(given: readonly string[], options: RunOptions): ChildProcess {
  return startProgram(program, given, options);
}

/** Starts another program in the same surroundings. */
export function startProgram(command: string, given: readonly string[], o: RunOptions): ChildProcess {
  const { home, environment = {}, timeLimitMilliseconds = defaultTimeLimitMilliseconds } = o;
  return spawn(command, given, {
    cwd: home.folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home.folder,
      XDG_CONFIG_HOME: home.path('config'),
      XDG_STATE_HOME: home.path('state'),
      // Compiled code is the same for all tests.
      XDG_CACHE_HOME: join(tmpdir(), 'letterlock-cli-test-cache'),
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeLimitMilliseconds,
    killSignal: 'SIGKILL',
  });
}

/** Runs the program to its end. */
export function runCli(given: readonly string[], options: RunOptions): Promise<Ran> {
  return finish(startCli(given, options), options.input);
}

/** Waits for the end of a started program. */
export async function finish(child: ChildProcess, input: string | Uint8Array = ''): Promise<Ran> {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  const bytes = Buffer.concat(stdout);
  return { status, stdout: bytes.toString(), stderr: Buffer.concat(stderr).toString(), bytes };
}

/** Splits a command as a person types it; quotes are not needed in tests. */
export function words(command: string): readonly string[] {
  return command.split(' ').filter((word) => word !== '');
}
