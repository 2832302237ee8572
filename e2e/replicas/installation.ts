/**
 * Three replicas on one etcd, two of three admins unseal; writer and reader are registered.
 * It must never leave a process or a folder behind.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createIdentity,
  formatKeyFile,
  LetterlockClient,
  type ClientOptions,
  type Identity,
  type SharePin,
} from '@letterlock/client';
import { certificatePem, createSelfSignedCertificate, readCertificate } from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import { EtcdServer, freePort } from '@letterlock/server/testing';
import { program, Replica } from './replica.ts';

/** What every replica has as its public origin too; nobody resolves it. */
export const sharedOrigin = 'https://letterlock.test:8443';
const adminNames = ['anna', 'ben', 'carla'] as const;
export type AdminName = (typeof adminNames)[number];

export class Installation implements AsyncDisposable {
  readonly folder: string;
  readonly replicas: readonly [Replica, Replica, Replica];
  readonly admins: Readonly<Record<AdminName, Identity>>;
  readonly writer = createIdentity({ name: 'walter' });
  readonly reader = createIdentity({ name: 'rita' });
  readonly #etcd: EtcdServer;
  readonly #certificates: readonly string[];
  readonly #pins = new Map<string, SharePin>();
  readonly #clients: LetterlockClient[] = [];
  #fingerprint = '';

  private constructor(etcd: EtcdServer, ports: readonly [number, number, number]) {
    this.#etcd = etcd;
    this.folder = mkdtempSync(join(tmpdir(), 'letterlock-replicas-'));
    this.admins = Object.fromEntries(
      adminNames.map((name) => [name, createIdentity({ name, isSingleKey: true })]),
    ) as Record<AdminName, Identity>;
    this.#certificates = adminNames.map((name) => certificateOf(name, this.admins[name]));
    const words = this.#words();
    this.replicas = ports.map(
      (port) =>
        new Replica({
          port,
          folder: this.folder,
          words: [
            ...words,
            `--listen-direct=127.0.0.1:${port}`,
            `--public-origins=https://127.0.0.1:${port},${sharedOrigin}`,
          ],
        }),
    ) as [Replica, Replica, Replica];
  }

  /** The first replica is initialised and unsealed; the others are sealed, as any process that starts. */
  static async start(): Promise<Installation> {
    const etcd = await EtcdServer.start();
    const made = new Installation(etcd, [await freePort(), await freePort(), await freePort()]);
    for (const replica of made.replicas) {
      await replica.start();
      if (replica === made.replicas[0]) await made.#initialise(replica);
    }
    return made;
  }

  /** Thumbprint of the instance key. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  /** A client of all replicas that begins at the first, unless it is told otherwise. */
  client(identity: Identity, options: Partial<ClientOptions> = {}): LetterlockClient {
    const made = new LetterlockClient({
      address: this.replicas.map(({ address }) => address),
      trust: { pinned: this.#fingerprint },
      identity,
      pick: () => 0,
      ...options,
    });
    this.#clients.push(made);
    return made;
  }

  /** Runs the command line as an admin, with a home of its own, against these replicas. */
  async letterlock(
    as: AdminName,
    command: string,
    replicas: readonly Replica[] = this.replicas,
  ): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
    const child = spawn(program, command.split(' '), {
      cwd: this.folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: join(this.folder, 'home'),
        LETTERLOCK_ADDRESS: replicas.map(({ address }) => address).join(','),
        LETTERLOCK_KEY: join(this.folder, `${as}.key`),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  }

  /** Two admins give their shares to one process. */
  async unseal({ address, boot }: Replica): Promise<void> {
    for (const name of ['anna', 'ben'] as const) {
      const identity = this.admins[name];
      using admin = this.client(identity, { address });
      await admin.giveShare({ pin: this.#pins.get(identity.id)!, boot });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const replica of this.replicas) await replica.stop();
    await this.#etcd.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #initialise({ address, boot }: Replica): Promise<void> {
    const anna = new LetterlockClient({ address, trust: { onFirstContact: () => true }, identity: this.admins.anna });
    await anna.initialise({
      boot,
      admins: this.#certificates.map((pem) => encodeBase64url(readCertificate(pem).der)),
      k: 2,
    });
    this.#fingerprint = (await anna.state()).fingerprint!;
    anna.close();
    for (const identity of Object.values(this.admins)) {
      using admin = this.client(identity, { address });
      this.#pins.set(identity.id, await admin.checkShare());
    }
  }

  #words(): readonly string[] {
    const { ca, certificate, key } = this.#etcd.credentials!;
    mkdirSync(join(this.folder, 'home'));
    const file = (name: string, content: string | Uint8Array): string => {
      writeFileSync(join(this.folder, name), content, { mode: 0o600 });
      return name;
    };
    for (const name of adminNames) file(`${name}.key`, formatKeyFile(this.admins[name]).expose());
    const grants = [
      { who: this.writer.id, verbs: ['wrap', 'write'], path: 'team-a' },
      { who: this.reader.id, verbs: ['read'], path: 'team-a' },
    ];
    const settings = {
      'trust-domain': 'test.example',
      store: 'etcd',
      'etcd-endpoints': this.#etcd.endpoint,
      'etcd-ca-file': file('etcd-ca.crt', ca),
      'etcd-cert-file': file('etcd.crt', certificate),
      'etcd-key-file': file('etcd.key', key),
      'init-certificates': this.#certificates.map((pem, index) => file(`${index}.crt`, pem)).join(','),
      'init-threshold': '2',
      'listen-health': 'none',
      identities: `${this.writer.keyset!},${this.reader.keyset!}`,
      grants: JSON.stringify(grants),
    };
    return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  }
}

function certificateOf(name: string, admin: Identity): string {
  const now = Math.floor(Date.now() / 1000);
  const validity = { notBeforeSeconds: now - 300, notAfterSeconds: now + 86_400 };
  return certificatePem(createSelfSignedCertificate({ key: admin.signingKey, commonName: name, ...validity }));
}
