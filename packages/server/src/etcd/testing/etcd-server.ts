/**
 * Real etcd servers on loopback for tests: built once from its Go module, started on free ports, ended by their process id.
 * It must never listen beyond this machine, nor leave a process or a folder behind.
 * @module
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { certificatePem, createSelfSignedCertificate, generateSigningKey } from '@letterlock/crypto';
import { connectMember, type EtcdCredentials } from '../etcd-member.ts';

const buildScript = new URL('../../../../../tools/etcd/build.sh', import.meta.url).pathname;
/** The first build on a machine fetches some 60 modules. */
export const buildMilliseconds = 420_000;
const readyMilliseconds = 20_000;
const [firstPort, lastPort] = [16_000, 32_000];

/** Path of the program, built if it is not there. */
export function etcdProgram(): string {
  const { status, stdout, stderr } = spawnSync(buildScript, { encoding: 'utf8', timeout: buildMilliseconds });
  if (status !== 0) throw new Error(`Cannot build etcd: ${stderr}`);
  return stdout.trim();
}

/** A key and a certificate that speaks for itself. Shape: PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

export function createCertificate(hosts: readonly string[] = []): TestCertificate {
  const key = generateSigningKey('P-256');
  const now = Math.floor(Date.now() / 1000);
  const der = createSelfSignedCertificate({
    key,
    commonName: 'etcd test',
    notBeforeSeconds: now - 300,
    notAfterSeconds: now + 86_400,
    hosts,
  });
  return { certificate: certificatePem(der), key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }) };
}

export interface EtcdServerOptions {
  /** Default true: TLS, and only for the one client certificate. */
  readonly isSecure?: boolean;
  readonly quotaBackendBytes?: number;
  /** Client certificates that the server trusts. Default 1. */
  readonly clients?: number;
  /** Default true: what is acknowledged is on the disk. False is faster, for tests that kill nothing. */
  readonly isDurable?: boolean;
}

/** Ports of one member. */
interface Ports {
  readonly client: number;
  readonly peer: number;
}

/** One member: it can be killed, stopped, and started again on what it had stored. */
export class EtcdServer {
  readonly endpoint: string;
  readonly port: number;
  readonly credentials: EtcdCredentials | undefined;
  /** Of all its clients. */
  readonly allCredentials: readonly EtcdCredentials[];
  readonly #folder: string;
  readonly #arguments: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(
    name: string,
    ports: Ports,
    cluster: string,
    certificates: Certificates | undefined,
    o: EtcdServerOptions,
  ) {
    this.#folder = mkdtempSync(join(tmpdir(), 'letterlock-etcd-'));
    const scheme = certificates === undefined ? 'http' : 'https';
    this.port = ports.client;
    this.endpoint = `${scheme}://localhost:${ports.client}`;
    this.allCredentials = certificates?.clients ?? [];
    this.credentials = this.allCredentials[0];
    const listen = `${scheme}://127.0.0.1:${ports.client}`;
    const peer = `http://127.0.0.1:${ports.peer}`;
    this.#arguments = [
      `--name=${name}`,
      `--data-dir=${join(this.#folder, 'data')}`,
      `--listen-client-urls=${listen}`,
      `--advertise-client-urls=${listen}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${cluster}`,
      '--enable-grpc-gateway=false',
      '--log-level=warn',
      ...(o.quotaBackendBytes === undefined ? [] : [`--quota-backend-bytes=${o.quotaBackendBytes}`]),
      ...(o.isDurable === false ? ['--unsafe-no-fsync'] : []),
      ...this.#tlsArguments(certificates),
    ];
  }

  /** One member alone. */
  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const [server] = await EtcdServer.startCluster(1, options);
    return server!;
  }

  /** Members of one cluster, all with the same client certificate. */
  static async startCluster(count: number, options: EtcdServerOptions = {}): Promise<readonly EtcdServer[]> {
    const ports: Ports[] = [];
    for (let index = 0; index < count; index += 1) ports.push({ client: await freePort(), peer: await freePort() });
    const cluster = ports.map(({ peer }, index) => `m${index}=http://127.0.0.1:${peer}`).join(',');
    const certificates = options.isSecure === false ? undefined : createCertificates(options.clients ?? 1);
    const servers = ports.map((each, index) => new EtcdServer(`m${index}`, each, cluster, certificates, options));
    try {
      for (const server of servers) server.#spawn();
      for (const server of servers) await server.#ready();
      return servers;
    } catch (error) {
      for (const server of servers) await server.close();
      throw error;
    }
  }

  /** Ends it as a power failure would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** From the next start on it trusts these clients only. */
  trustOnly(...clients: readonly EtcdCredentials[]): void {
    writeFileSync(join(this.#folder, 'clients.crt'), trusted(clients));
  }

  /** Starts it again on its data. @param as - who asks whether it is there */
  async restart(as = this.credentials): Promise<void> {
    await this.kill();
    this.#spawn();
    await this.#ready(as);
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
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(): void {
    const log = openSync(join(this.#folder, 'log'), 'a');
    this.#process = spawn(etcdProgram(), this.#arguments, { stdio: ['ignore', log, log], env: {} });
  }

  async #ready(credentials = this.credentials): Promise<void> {
    const until = Date.now() + readyMilliseconds;
    const { endpoint } = this;
    const member = connectMember({ endpoint, credentials, timeoutMilliseconds: 1000 });
    try {
      for (;;) {
        try {
          await member.range({ key: Buffer.from('ready') });
          return;
        } catch (cause) {
          if (Date.now() < until && this.#process?.exitCode === null) await pause(50);
          else throw new Error(`etcd did not start: ${readFileSync(join(this.#folder, 'log'), 'utf8')}`, { cause });
        }
      }
    } finally {
      member.close();
    }
  }

  #tlsArguments(certificates: Certificates | undefined): readonly string[] {
    if (certificates === undefined) return [];
    const { server, clients } = certificates;
    const file = (name: string, content: string): string => {
      const path = join(this.#folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    return [
      `--cert-file=${file('server.crt', server.certificate)}`,
      `--key-file=${file('server.key', server.key)}`,
      '--client-cert-auth',
      `--trusted-ca-file=${file('clients.crt', trusted(clients))}`,
    ];
  }
}

interface Certificates {
  readonly server: TestCertificate;
  readonly clients: readonly EtcdCredentials[];
}

function createCertificates(clients: number): Certificates {
  const server = createCertificate(['localhost', '127.0.0.1']);
  return {
    server,
    clients: Array.from({ length: clients }, () => ({ ca: server.certificate, ...createCertificate() })),
  };
}

function trusted(clients: readonly EtcdCredentials[]): string {
  return clients.map(({ certificate }) => certificate).join('');
}

/** A port that is free. It lies below those that the system gives to connections, so that none takes it before it is used, or in a pause. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    const listening = once(server, 'listening');
    server.listen(randomInt(firstPort, lastPort), '127.0.0.1');
    try {
      await listening;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return port;
  }
}
