/**
 * The stage of the demonstration: a folder, people with configuration folders of their own, and commands that are printed
 * as a person would type them before they run. It must never print a command other than the one that runs.
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const programs = join(import.meta.dirname, '..', 'packages', 'cli', 'bin');

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Exit status that the story needs; another one ends the demonstration. Default 0. */
  readonly expect?: number;
  /** Variables for this command alone, printed before it. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Neither printed nor shown: preparation that says nothing new. */
  readonly isQuiet?: boolean;
}

/** One person: a name at the prompt, a configuration of its own, and variables that are exported once. */
export class Person {
  readonly name: string;
  readonly #folder: string;
  readonly #environment: Record<string, string>;

  constructor(stage: Stage, name: string) {
    this.name = name;
    this.#folder = stage.folder;
    const home = join(stage.folder, `.home-${name}`);
    mkdirSync(home, { mode: 0o700 });
    this.#environment = { HOME: home, XDG_CONFIG_HOME: join(home, 'config'), XDG_STATE_HOME: join(home, 'state') };
  }

  export(variables: Readonly<Record<string, string>>): void {
    Object.assign(this.#environment, variables);
    for (const [name, value] of Object.entries(variables)) print(`${this.name}$ export ${name}=${value}`);
  }

  /** Runs `letterlock` with these words. */
  async letterlock(words: string, options: RunOptions = {}): Promise<Outcome> {
    const before = Object.entries(options.variables ?? {}).map(([name, value]) => `${name}=${value} `);
    if (options.isQuiet !== true) print(`${this.name}$ ${before.join('')}letterlock ${words}`);
    const outcome = await this.#run(words.split(' '), options.variables ?? {});
    if (options.isQuiet !== true) show(outcome);
    const expected = options.expect ?? 0;
    if (outcome.status !== expected) {
      throw new Error(`Exit status ${outcome.status}, expected ${expected}: letterlock ${words}\n${outcome.stderr}`);
    }
    return outcome;
  }

  /** Runs another program, as a shell would. */
  async shell(command: string): Promise<Outcome> {
    print(`${this.name}$ ${command}`);
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: this.#folder,
      env: { PATH: process.env['PATH'] ?? '', ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const outcome = await outcomeOf(child);
    show(outcome);
    if (outcome.status !== 0) throw new Error(`Exit status ${outcome.status}: ${command}`);
    return outcome;
  }

  #run(words: readonly string[], variables: Readonly<Record<string, string>>): Promise<Outcome> {
    const child = spawn(join(programs, 'letterlock'), words, {
      cwd: this.#folder,
      env: { PATH: process.env['PATH'] ?? '', ...this.#environment, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return outcomeOf(child);
  }
}

/** The folder of the demonstration, and what has to be stopped at its end. */
export class Stage implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'letterlock-demo-'));
  readonly #endings: (() => Promise<void> | void)[] = [];

  person(name: string): Person {
    return new Person(this, name);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  atEnd(ending: () => Promise<void> | void): void {
    this.#endings.push(ending);
  }

  /** Starts a program in the background; it ends with the stage. */
  start(command: string, words: string): ChildProcess {
    const child = spawn(command, words.split(' '), {
      cwd: this.folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.atEnd(() => endOf(child, 'SIGTERM'));
    return child;
  }

  /** Starts `letterlock server` and waits until it prints what it is. */
  async startServer(words: string): Promise<RunningServer> {
    print(`operator$ letterlock server ${words} &`);
    const child = this.start(join(programs, 'letterlock'), `server ${words}`);
    let text = '';
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (told(text, 'boot') !== undefined) resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (status) => reject(new Error(`The server ended with ${status}:\n${text}`)));
    await promise;
    return {
      // Absent before the initialisation.
      fingerprint: told(text, 'fingerprint') ?? '',
      boot: told(text, 'boot')!,
      log: () => text,
      end: (signal) => endOf(child, signal),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const ending of this.#endings.toReversed()) await ending();
    rmSync(this.folder, { recursive: true });
  }
}

/** What the server told the person who started it. */
export interface RunningServer {
  readonly fingerprint: string;
  readonly boot: string;
  /** All that it has written so far. */
  readonly log: () => string;
  /** Ends it, and waits. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>;
}

function told(text: string, label: string): string | undefined {
  return new RegExp(`^${label} +([A-Za-z0-9_-]{43})$`, 'm').exec(text)?.[1];
}

async function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function chapter(title: string): void {
  print(`\n── ${title}`);
}

/** A line that is the demonstration's own remark, and true: it throws when the fact does not hold. */
export function fact(holds: boolean, text: string): void {
  if (!holds) throw new Error(`Not so: ${text}`);
  print(`   ✓ ${text}`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function show({ stdout, stderr }: Outcome): void {
  const text = `${stdout}${stderr}`.trimEnd();
  if (text !== '') print(text.replaceAll(/^/gm, '   '));
}

function outcomeOf(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (status) => resolve({ status: status ?? -1, stdout, stderr }));
  });
}
