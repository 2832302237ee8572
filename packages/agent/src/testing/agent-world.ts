/**
 * A real server in this process with a Kubernetes that is not there, and real agents as child processes.
 * It must never listen beyond this machine.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LetterlockClient, identityOf } from '@letterlock/client';
import {
  FakeBindings,
  FakeWitness,
  agentImageDigest,
  injectionSettings,
  liveBinding,
  podOf,
  reviewedPod,
} from '@letterlock/core/testing';
import { certificatePem, createSelfSignedCertificate, generateSigningKey, openingKeyOf } from '@letterlock/crypto';
import { writePodDelivery, type BindingDelivery, type PodDelivery } from '@letterlock/protocol';
import { TrustFolder, type Trust } from '../trust-folder.ts';
import { loadConfig, startServer, type RunningServer, type StartOptions } from '@letterlock/server';

type KubernetesPorts = NonNullable<StartOptions['workloadPorts']>;
type KubernetesServices = Parameters<NonNullable<KubernetesPorts['unsealed']>>[0];
type EnrolmentAlarm = Parameters<NonNullable<KubernetesPorts['alarmed']>>[0];

export const { trustDomain } = injectionSettings;
export const binding = {
  namespace: reviewedPod.namespace,
  name: 'orders-db',
};
/** Where the socket takes a secret. */
export const target = (secret: string): string => `/v1/bindings/${binding.namespace}/${binding.name}/secrets/${secret}`;
export const enrolToken = 'the token of the pod';
export const writerToken = 'the token of the application';
const deadlineMilliseconds = 20_000;

/** Those of deploy/Dockerfile.agent. */
const imageFlags = [
  '--jitless',
  '--max-semi-space-size=1',
  '--max-old-space-size=24',
  '--heap-growing-percent=5',
  '--optimize-for-size',
  '--v8-pool-size=1',
  '--disable-proto=delete',
  '--disable-sigusr1',
  '--tls-min-v1.3',
];
const root = join(import.meta.dirname, '../../../..');

/** One file, as in the image: without a compiler Node cannot read TypeScript. */
function bundle(folder: string): string {
  const outfile = join(folder, 'agent.js');
  const banner =
    "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;";
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/.bin/esbuild'),
      join(import.meta.dirname, 'agent-process.ts'),
      `--outfile=${outfile}`,
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--target=node26',
      '--conditions=@letterlock/source',
      `--banner:js=${banner}`,
      '--log-level=warning',
    ],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`Cannot bundle the agent: ${stderr}`);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return outfile;
}

/** Tries until it holds. */
export async function eventually<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const until = Date.now() + deadlineMilliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error(`It did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface TestPod {
  readonly podName: string;
  readonly podUid: string;
  readonly enrolToken: string;
}

export class RunningAgent {
  readonly folder: string;
  readonly lines: string[] = [];
  readonly #child: ChildProcess;

  constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => this.lines.push(...chunk.toString('utf8').split('\n').filter(Boolean)));
    }
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }
  get processId(): number {
    return this.#child.pid!;
  }

  path(name: string): string {
    return join(this.folder, 'run', name);
  }

  async ask(
    method: 'GET' | 'PUT',
    path: string,
    o: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const call = request(
      { socketPath: this.path('agent.sock'), method, path, headers: { ...o.headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    call.on('error', reject);
    call.end(o.body);
    return promise;
  }

  /** As a crash ends it. */
  async crash(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** As the kubelet ends a container. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

export class AgentWorld {
  readonly witness = new FakeWitness();
  readonly bindings = new FakeBindings();
  readonly folder = mkdtempSync(join(tmpdir(), 'letterlock-agent-'));
  readonly #admin = generateSigningKey('P-256');
  readonly #agents: RunningAgent[] = [];
  server!: RunningServer;
  services: KubernetesServices;
  /** Of enrolments, as the server tells them. */
  readonly alarms: EnrolmentAlarm[] = [];
  readonly #program = bundle(this.folder);
  readonly #auditFile = join(this.folder, 'audit.log');
  #grpcPort = 0;

  static async start(
    flags: Readonly<Record<string, string | boolean>> = {},
    options: StartOptions = {},
  ): Promise<AgentWorld> {
    const world = new AgentWorld();
    const nowSeconds = Math.floor(Date.now() / 1000);
    const pem = certificatePem(
      createSelfSignedCertificate({
        key: world.#admin,
        commonName: 'admin',
        notBeforeSeconds: nowSeconds - 60,
        notAfterSeconds: nowSeconds + 3600,
      }),
    );
    world.#grpcPort = await freePort();
    world.witness.pods.set(`${reviewedPod.namespace}/${reviewedPod.podName}`, podOf());
    world.witness.tokens.set(enrolToken, { facts: reviewedPod, audience: `letterlock-enrol:${trustDomain}` });
    world.witness.tokens.set(writerToken, { facts: reviewedPod, audience: `letterlock-write:${trustDomain}` });
    world.offer(['db']);
    // A listener for replicas wants them attested; there are none.
    const replica = generateSigningKey('P-256');
    const keyFile = join(world.folder, 'replica.key');
    writeFileSync(keyFile, replica.keyObject.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    const config = loadConfig({
      flags: {
        'trust-domain': trustDomain,
        store: 'memory',
        'listen-direct': '127.0.0.1:0',
        'listen-health': 'none',
        'listen-grpc': `127.0.0.1:${world.#grpcPort}`,
        'init-certificates': [pem],
        'init-accept-single-holder': true,
        'attest-static-key-file': keyFile,
        'attest-static-fingerprints': replica.thumbprint,
        'log-level': 'error',
        'audit-sinks': [`file:${world.#auditFile}`],
        ...flags,
      },
    });
    world.server = await startServer(config, {
      ...options,
      workloadPorts: {
        witness: world.witness,
        bindings: world.bindings,
        forms: () => ({ settings: [injectionSettings], imageDigests: [agentImageDigest] }),
        checkSourceAddress: false,
        serviceHosts: ['localhost'],
        alarmed: (alarm) => world.alarms.push(alarm),
        unsealed: (services) => {
          world.services = services;
        },
        rotated: () => world.#trustChanged(),
      },
    });
    await eventually('the authorities are there', () => world.services);
    await world.services!.bindingKeys.ensure(binding.namespace, binding.name);
    return world;
  }

  /** What the controller writes into the ConfigMap of the namespace. */
  writeTrust(folder: string): void {
    mkdirSync(join(folder, 'trust'), { recursive: true });
    writeFileSync(join(folder, 'trust/instance-key.json'), JSON.stringify(this.services!.instanceKey));
    writeFileSync(join(folder, 'trust/bundle.jws'), this.services!.authorities.bundle());
  }

  /** The controller writes, and the kubelet brings, what the bundle is now. */
  #trustChanged(): void {
    for (const { folder } of this.#agents) this.writeTrust(folder);
  }

  /** A pod's folder as the kubelet mounts it before the agent starts. */
  folderWithTrust(): string {
    const folder = mkdtempSync(join(this.folder, 'pod-'));
    this.writeTrust(folder);
    return folder;
  }

  startAgent(
    o: {
      readonly delivery?: PodDelivery;
      readonly mode?: string;
      readonly isWriter?: boolean;
      readonly folder?: string;
      /** Another pod than the first. */
      readonly pod?: TestPod;
      /** Whether the ConfigMap is there. Default true. */
      readonly hasTrust?: boolean;
      readonly environment?: Readonly<Record<string, string>>;
    } = {},
  ): RunningAgent {
    const folder = o.folder ?? mkdtempSync(join(this.folder, 'pod-'));
    mkdirSync(join(folder, 'run'), { recursive: true });
    writeFileSync(join(folder, 'token'), o.pod?.enrolToken ?? enrolToken);
    if (this.services !== undefined && o.hasTrust !== false) this.writeTrust(folder);
    const child = spawn(process.execPath, [...imageFlags, this.#program, folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        // Of the image too.
        MALLOC_ARENA_MAX: '1',
        LETTERLOCK_TRUST_DOMAIN: trustDomain,
        LETTERLOCK_DIRECT_ORIGIN: this.server.origin,
        LETTERLOCK_AGENT_TARGET: `localhost:${this.#grpcPort}`,
        LETTERLOCK_INSTANCE_KEY: 'any',
        LETTERLOCK_MODE: o.mode ?? 'sidecar',
        LETTERLOCK_WRITER: String(o.isWriter ?? false),
        LETTERLOCK_LOG_LEVEL: 'debug',
        LETTERLOCK_DELIVERY: writePodDelivery(o.delivery ?? { files: [] }),
        LETTERLOCK_NAMESPACE: reviewedPod.namespace,
        LETTERLOCK_POD_NAME: o.pod?.podName ?? reviewedPod.podName,
        LETTERLOCK_POD_UID: o.pod?.podUid ?? reviewedPod.podUid,
        LETTERLOCK_SERVICE_ACCOUNT: reviewedPod.serviceAccount,
        ...o.environment,
      },
    });
    const agent = new RunningAgent(folder, child);
    this.#agents.push(agent);
    return agent;
  }

  /** A second pod of the same ServiceAccount. */
  addPod(name: string): TestPod {
    const podUid = randomUUID();
    const { namespace } = reviewedPod;
    const pod = { podName: name, podUid, enrolToken: `the token of ${name}` };
    this.witness.pods.set(`${namespace}/${name}`, podOf({ metadata: { name, uid: podUid } }));
    const facts = { ...reviewedPod, podName: name, podUid };
    this.witness.tokens.set(pod.enrolToken, { facts, audience: `letterlock-enrol:${trustDomain}` });
    return pod;
  }

  /** Other secrets of the binding than `db`. @param opensOnce - which of them do */
  offer(names: readonly string[], delivery: BindingDelivery = {}, opensOnce: readonly string[] = []): void {
    const { serviceAccount, namespace } = reviewedPod;
    this.bindings.put(
      liveBinding({
        ...binding,
        secrets: names.map((name) => ({ name, opens: opensOnce.includes(name) ? 'Once' : 'Unlimited' })),
        serviceAccountNames: [serviceAccount],
        writers: {
          serviceAccounts: [{ namespace, name: serviceAccount, secrets: ['*'], factor: 'Sidecar' }],
          identities: [],
        },
        delivery,
      }),
    );
  }

  get grpcPort(): number {
    return this.#grpcPort;
  }

  /** The agent's container starts anew: the next one may have another key. */
  async forget(...agents: readonly RunningAgent[]): Promise<void> {
    for (const agent of agents) await agent.stop();
    await this.services!.workloads.podGone(reviewedPod.podUid);
  }

  /** What the audit trail says was done, as `<act> <outcome>`, in order. */
  done(): readonly string[] {
    const lines = existsSync(this.#auditFile) ? readFileSync(this.#auditFile, 'utf8').split('\n').filter(Boolean) : [];
    return lines.flatMap((line) => {
      const { act, outcome } = JSON.parse(line) as { readonly act?: string; readonly outcome?: string };
      return act === undefined ? [] : [`${act} ${outcome}`];
    });
  }

  /** As the agent reads it. */
  trust(): Trust {
    this.writeTrust(this.folder);
    const nowSeconds = (): number => Math.floor(Date.now() / 1000);
    return new TrustFolder({ folder: join(this.folder, 'trust'), pinned: undefined, nowSeconds }).read();
  }

  /** A client of the only admin. */
  admin(): LetterlockClient {
    const identity = identityOf(this.#admin, [openingKeyOf(this.#admin.keyObject)]);
    return new LetterlockClient({ address: this.server.origin, trust: { pinned: this.server.fingerprint! }, identity });
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) await agent.stop();
    await this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
