/**
 * One replica: the program `letterlock server` in a process of its own, on a port that it keeps over restarts.
 * It must never end a process that it did not start.
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The command line. */
export const program = join(import.meta.dirname, '../../packages/cli/bin/letterlock');

export interface ReplicaOptions {
  readonly port: number;
  /** Words after `letterlock server`. */
  readonly words: readonly string[];
  /** Working folder and home. */
  readonly folder: string;
}

export class Replica {
  readonly port: number;
  /** The one of its public origins that names it alone. */
  readonly address: string;
  readonly #options: ReplicaOptions;
  #process: ChildProcess | undefined;
  #boot = '';
  #log = '';

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.port = options.port;
    this.address = `https://127.0.0.1:${options.port}`;
  }

  /** Boot fingerprint of the running process, as it prints it. */
  get boot(): string {
    return this.#boot;
  }

  /** What its processes have logged. */
  get log(): string {
    return this.#log;
  }

  /** Starts a process; it listens when this returns. */
  async start(): Promise<void> {
    const { folder, words } = this.#options;
    const child = spawn(program, ['server', ...words], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    child.stdout.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    let told = '';
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      const boot = /^boot +(\S+)$/m.exec(told)?.[1];
      if (boot !== undefined) resolve(boot);
    });
    child.once('exit', () => reject(new Error(`The replica ended: ${told}${this.#log}`)));
    this.#boot = await promise;
  }

  /** Ends it as an operator does. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Ends it as a power failure would. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
