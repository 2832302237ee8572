/**
 * One replica: a real server process on a fixed port, with a proxy before it, that can be killed, stopped and started again.
 * It must never end a process that it did not start.
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@letterlock/server/testing';
import type { Failpoint } from './failpoint-store.ts';
import type { ReplicaMessage } from './server-with-failpoints.ts';
import { TcpProxy } from './tcp-proxy.ts';

const program = join(import.meta.dirname, 'server-with-failpoints.ts');
const startMilliseconds = 60_000;

export interface ReplicaOptions {
  readonly name: string;
  /** For its settings and its log. */
  readonly folder: string;
  readonly flags: Readonly<Record<string, string | readonly string[]>>;
  readonly onMisreported: () => void;
}

export class Replica {
  readonly name: string;
  /** Where admins reach it. */
  readonly address: string;
  /** Where everybody else reaches it: through the proxy. */
  readonly publicAddress: string;
  readonly proxy: TcpProxy;
  readonly #options: ReplicaOptions;
  readonly #settings: string;
  readonly #auditNames: string[] = [];
  #process: ChildProcess | undefined;
  #boot = '';

  private constructor(options: ReplicaOptions, port: number, proxy: TcpProxy) {
    this.#options = options;
    this.name = options.name;
    this.proxy = proxy;
    this.address = `https://127.0.0.1:${port}`;
    this.publicAddress = `https://127.0.0.1:${proxy.port}`;
    this.#settings = join(options.folder, `${options.name}.json`);
    const flags = {
      ...options.flags,
      'listen-direct': `127.0.0.1:${port}`,
      'listen-health': 'none',
      'public-origins': `${this.address},${this.publicAddress}`,
    };
    writeFileSync(this.#settings, JSON.stringify(flags), { mode: 0o600 });
  }

  static async start(options: ReplicaOptions): Promise<Replica> {
    const port = await freePort();
    const replica = new Replica(options, port, await TcpProxy.start(port));
    await replica.start();
    return replica;
  }

  /** Fingerprint of the present process. */
  get boot(): string {
    return this.#boot;
  }

  /** Under which names its processes so far have written audit records. */
  get auditNames(): readonly string[] {
    return this.#auditNames;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Starts a process and waits until it listens. It is sealed. */
  async start(): Promise<void> {
    const { folder, onMisreported } = this.#options;
    const log = openSync(join(folder, `${this.name}.log`), 'a');
    const child = spawn(
      process.execPath,
      ['--conditions=@letterlock/source', '--disable-warning=ExperimentalWarning', program, this.#settings],
      { stdio: ['ignore', log, log, 'ipc'], env: { PATH: process.env['PATH'] ?? '' } },
    );
    this.#process = child;
    child.once('exit', () => {
      if (this.#process === child) this.#process = undefined;
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.on('message', (message: ReplicaMessage) => {
      if (message.is === 'misreported') {
        onMisreported();
        return;
      }
      this.#boot = message.boot;
      this.#auditNames.push(message.replica);
      resolve();
    });
    child.once('exit', (status, signal) => reject(new Error(`Replica ${this.name} ended: ${status ?? signal}`)));
    const timer = setTimeout(() => reject(new Error(`Replica ${this.name} did not start`)), startMilliseconds);
    await promise.finally(() => clearTimeout(timer));
  }

  arm(failpoint: Failpoint): void {
    this.#process?.send(failpoint);
  }

  /** Resolves when the present process has ended, by whatever. */
  async ended(): Promise<void> {
    if (this.#process !== undefined) await once(this.#process, 'exit');
  }

  /** Ends it as a power failure would. */
  async kill(): Promise<void> {
    const ended = this.ended();
    this.#process?.kill('SIGKILL');
    await ended;
  }

  /** Lets it hang, with its connections open. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.kill();
    await this.proxy.close();
  }
}
