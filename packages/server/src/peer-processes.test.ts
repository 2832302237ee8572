/**
 * Replicas as processes on a real etcd: one that is killed comes back unsealed without an admin, unless somebody sealed on purpose.
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { generateSigningKey, randomIdentifier, readCertificate, signOperation } from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import { buildMilliseconds, EtcdServer, freePort } from './etcd/testing/etcd-server.ts';
import { etcdSettings, type EtcdSettings } from './testing/etcd-settings.ts';
import { TestClient } from './testing/test-client.ts';
import {
  acknowledgeShares,
  apply,
  createAdmin,
  createIdentity,
  giveShare,
  nowSeconds,
  wrapFor,
  type TestServer,
} from './testing/test-server.ts';

jest.setTimeout(120_000);

const program = new URL('../../cli/src/main.ts', import.meta.url).pathname;
const admins = ['alice', 'bob'].map((name) => createAdmin(name));
const [writer, reader] = [createIdentity(), createIdentity()];
const names = ['a', 'b', 'stranger'] as const;
type Name = (typeof names)[number];
let folder: string;
let etcd: EtcdServer;
let settings: EtcdSettings;
const replicas = new Map<Name, Replica>();

/** One replica: its place stays the same over its starts. */
class Replica {
  readonly identity = generateSigningKey();
  readonly direct: number;
  readonly grpc: number;
  readonly health: number;
  #child: ChildProcess | undefined;
  output = '';

  constructor(direct: number, grpc: number, health: number) {
    this.direct = direct;
    this.grpc = grpc;
    this.health = health;
  }

  async start(flags: readonly string[]): Promise<void> {
    this.output = '';
    const child = spawn(
      process.execPath,
      ['--conditions=@letterlock/source', '--disable-warning=ExperimentalWarning', program, 'server', ...flags],
      { stdio: ['ignore', 'pipe', 'pipe'], env: {} },
    );
    this.#child = child;
    const keep = (chunk: Buffer): void => void (this.output += chunk.toString('utf8'));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    await until(`${this.direct} listens`, () => this.output.includes('"msg":"Listening"') || child.exitCode !== null);
    if (child.exitCode !== null) throw new Error(`It did not start: ${this.output}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** What the helpers of tests need of a server. */
  get server(): TestServer {
    const connect = (): Promise<TestClient> => TestClient.connect(`https://127.0.0.1:${this.direct}`);
    return { connect } as unknown as TestServer;
  }

  get boot(): string {
    return /"boot":"([\w-]{43})"/.exec(this.output)![1]!;
  }

  async state(): Promise<string> {
    const client = await this.server.connect();
    const { body } = await client.send({ method: 'GET', path: '/v1/sys/state' });
    client.close();
    return (JSON.parse(body) as { readonly state: string }).state;
  }

  /** Value of one series of its metrics. */
  async metric(series: string): Promise<number | undefined> {
    const text = await (await fetch(`http://127.0.0.1:${this.health}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  async wrap(): Promise<number> {
    const client = await this.server.connect();
    const { envelope } = await wrapFor(writer, reader);
    const { status } = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
    client.close();
    return status;
  }
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const since = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - since > 30_000) throw new Error(`It never came to this: ${what}`);
    await pause(50);
  }
}

function replica(name: Name): Replica {
  return replicas.get(name)!;
}

async function start(name: Name): Promise<void> {
  const { direct, grpc, health, identity } = replica(name);
  const file = (path: string, content: string): string => {
    writeFileSync(join(folder, path), content, { mode: 0o600 });
    return join(folder, path);
  };
  const flags = {
    ...settings.flags,
    'trust-domain': 'test.example',
    'init-certificates': admins.map(({ pem, id }) => file(`${id}.crt`, pem)).join(','),
    'listen-direct': `127.0.0.1:${direct}`,
    'listen-grpc': `127.0.0.1:${grpc}`,
    'listen-health': `127.0.0.1:${health}`,
    'public-origins': `https://127.0.0.1:${direct}`,
    identities: [writer, reader].map(({ keyset }) => keyset).join(','),
    grants: JSON.stringify([{ who: writer.id, verbs: ['wrap'], path: 'team-a' }]),
    'attest-static-key-file': file(`${name}.key`, identity.keyObject.export({ format: 'pem', type: 'pkcs8' })),
    // The stranger would believe the others, but nobody has pinned it.
    'attest-static-fingerprints': (['a', 'b'] as const).map((each) => replica(each).identity.thumbprint).join(','),
    peers: (['a', 'b'] as const).map((each) => `127.0.0.1:${replica(each).grpc}`).join(','),
  };
  await replica(name).start(Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]));
}

async function initialise(): Promise<void> {
  const { server, boot } = replica('a');
  const client = await server.connect();
  const jws = signOperation(admins[0]!.sig, {
    args: { admins: admins.map(({ pem }) => encodeBase64url(readCertificate(pem).der)), boot, k: 1 },
    exp: nowSeconds() + 600,
    nonce: randomIdentifier(),
    op: 'init',
  });
  const { status, body } = await client.send({ method: 'POST', path: '/v1/sys/init', body: { jws } });
  client.close();
  if (status !== 200) throw new Error(`Cannot initialise: ${body}`);
  await acknowledgeShares(server, admins);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-peers-'));
  etcd = await EtcdServer.start({ isDurable: false });
  settings = etcdSettings([etcd]);
  for (const name of names) replicas.set(name, new Replica(await freePort(), await freePort(), await freePort()));
  await start('a');
  await initialise();
}, buildMilliseconds);
afterAll(async () => {
  for (const each of replicas.values()) await each.kill();
  settings[Symbol.dispose]();
  await etcd.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Each test goes on where the one before ended. */
describe('replicas as processes', () => {
  test('a second one comes up unsealed without an admin, and serves', async () => {
    await start('b');
    await until('b is unsealed', async () => (await replica('b').state()) === 'unsealed');
    expect(await replica('b').wrap()).toBe(201);
    expect(replica('b').output).toContain('Unsealed by a peer');
    expect(replica('a').output).toContain('Unsealed another replica');
    expect(await replica('a').metric('letterlock_peer_granted_total')).toBe(1);
    expect(await replica('b').metric('letterlock_peer_asked_total{outcome="unsealed"}')).toBe(1);
  });

  test('and again after kill -9, also when it is the other one', async () => {
    for (const name of ['b', 'a'] as const) {
      await replica(name).kill();
      await start(name);
      await until(`${name} is unsealed`, async () => (await replica(name).state()) === 'unsealed');
      expect(await replica(name).wrap()).toBe(201);
    }
  });

  test('one whose static identity nobody has pinned stays sealed', async () => {
    await start('stranger');
    await until('it was refused', () => replica('stranger').output.includes('"reason":"peer_refused"'));
    expect(await replica('stranger').state()).toBe('sealed');
    expect(replica('stranger').output).toContain('"code":"denied"');
    const refused = 'letterlock_peer_refused_total{reason="attestation_not_pinned"}';
    expect(await replica('a').metric(refused)).toBeGreaterThan(0);
    expect(await replica('stranger').metric('letterlock_peer_asked_total{outcome="failed"}')).toBeGreaterThan(0);
    await replica('stranger').kill();
  });

  test('after a seal on purpose all stay sealed, restarted or not', async () => {
    const client = await replica('a').server.connect();
    const sealed = await apply(replica('a').server, client, { op: 'seal', args: {} }, admins[0]);
    client.close();
    expect(sealed).toMatchObject({ status: 200 });
    await until('b has heard', async () => (await replica('b').state()) === 'sealed');
    await replica('b').kill();
    await start('b');
    // It has asked both, and both have said no.
    await until('b was refused', () => replica('b').output.split('A peer did not unseal').length > 2);
    await pause(2500);
    expect(await Promise.all([replica('a').state(), replica('b').state()])).toEqual(['sealed', 'sealed']);
  });

  test('an admin at one of them is enough for all', async () => {
    expect(await giveShare(replica('b').server, admins[1]!)).toMatchObject({ status: 200 });
    await until('a is unsealed', async () => (await replica('a').state()) === 'unsealed');
    expect(await replica('a').wrap()).toBe(201);
  });
});
