import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { randomIdentifier, readCertificate, signOperation } from '@letterlock/crypto';
import type { Store } from '@letterlock/core';
import { encodeBase64url, ProblemError } from '@letterlock/protocol';
import { buildMilliseconds, EtcdServer } from './etcd/testing/etcd-server.ts';
import { etcdSettings, type EtcdSettings } from './testing/etcd-settings.ts';
import {
  acknowledgeShares,
  apply,
  createAdmin,
  createIdentity,
  giveShare,
  nowSeconds,
  startTestServer,
  wrapFor,
  type TestIdentity,
  type TestServer,
} from './testing/test-server.ts';

jest.setTimeout(60_000);

/** A change holds everywhere about a second later; the rest is for a busy machine. */
const mostMilliseconds = 2500;
const admins = ['alice', 'bob'].map((name) => createAdmin(name));
const [writer, reader, other] = [createIdentity(), createIdentity(), createIdentity()];
let etcd: EtcdServer;
let settings: EtcdSettings;
let replicas: readonly [TestServer, TestServer];
/** Whether the second one can ask what others have changed; all else it can. */
let isCutOff = false;

beforeAll(async () => {
  etcd = await EtcdServer.start({ isDurable: false });
  settings = etcdSettings([etcd]);
  const first = await start();
  const client = await first.connect();
  const jws = signOperation(admins[0]!.sig, {
    args: {
      admins: admins.map(({ pem }) => encodeBase64url(readCertificate(pem).der)),
      boot: first.bootFingerprint,
      k: 1,
    },
    exp: nowSeconds() + 600,
    nonce: randomIdentifier(),
    op: 'init',
  });
  const { status, body } = await client.send({ method: 'POST', path: '/v1/sys/init', body: { jws } });
  if (status !== 200) throw new Error(`Cannot initialise: ${body}`);
  client.close();
  await acknowledgeShares(first, admins);
  const second = await start(withoutNews);
  await giveShare(second, admins[0]!);
  replicas = [first, second];
}, buildMilliseconds);
afterAll(async () => {
  for (const replica of replicas) await replica.close();
  settings[Symbol.dispose]();
  await etcd.close();
});

/** What has changed is the only thing that is listed here. */
function withoutNews(store: Store): Store {
  return {
    range: (request, options) =>
      isCutOff && 'prefix' in request
        ? Promise.reject(new ProblemError('unavailable', { reason: 'cut_off' }))
        : store.range(request, options),
    transact: (transaction, options) => store.transact(transaction, options),
  };
}

function start(decorateStore: (store: Store) => Store = (store) => store): Promise<TestServer> {
  const flags = {
    ...settings.flags,
    'init-certificates': admins.map(({ pem }) => pem),
    identities: [writer, reader, other].map(({ keyset }) => keyset),
    grants: JSON.stringify([
      { who: writer.id, verbs: ['wrap'], path: 'team-a' },
      { who: other.id, verbs: ['wrap'], path: 'team-a' },
    ]),
  };
  return startTestServer(flags, { decorateStore });
}

async function wrapAt(server: TestServer, from: TestIdentity = writer): Promise<string> {
  const client = await server.connect();
  const { envelope } = await wrapFor(from, reader);
  const { status, body } = await client.prove(from.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  client.close();
  return status < 300 ? String(status) : (JSON.parse(body) as { readonly code: string }).code;
}

async function operate(server: TestServer, body: Parameters<typeof apply>[2]): Promise<void> {
  const client = await server.connect();
  const answer = await apply(server, client, body, admins[0]);
  client.close();
  expect(answer).toMatchObject({ status: 200 });
}

/** Asks again and again. @returns milliseconds until the answer was the wanted one */
async function becomes(wanted: string, ask: () => Promise<string>): Promise<number> {
  const since = performance.now();
  while ((await ask()) !== wanted) {
    if (performance.now() - since > 10_000) throw new Error(`The answer did not become ${wanted}`);
    await pause(20);
  }
  return performance.now() - since;
}

describe('two replicas on one etcd', () => {
  test('a grant deleted at one stops working at the other, and no other grant does', async () => {
    const [first, second] = replicas;
    expect(await wrapAt(second)).toBe('201');
    await operate(first, { op: 'grant.delete', args: { who: writer.id, path: 'team-a' } });
    expect(await becomes('denied', () => wrapAt(second))).toBeLessThan(mostMilliseconds);
    expect(await wrapAt(second, other)).toBe('201');
    await operate(second, { op: 'grant.put', args: { who: writer.id, path: 'team-a', verbs: ['wrap'] } });
    expect(await becomes('201', () => wrapAt(first))).toBeLessThan(mostMilliseconds);
  });

  test('one that cannot ask what has changed remembers nothing', async () => {
    const [first, second] = replicas;
    expect(await becomes('201', () => wrapAt(second))).toBeLessThan(mostMilliseconds);
    isCutOff = true;
    await operate(first, { op: 'grant.delete', args: { who: writer.id, path: 'team-a' } });
    expect(await becomes('denied', () => wrapAt(second))).toBeLessThan(mostMilliseconds);
    isCutOff = false;
    await operate(first, { op: 'grant.put', args: { who: writer.id, path: 'team-a', verbs: ['wrap'] } });
    expect(await becomes('201', () => wrapAt(second))).toBeLessThan(mostMilliseconds);
  });

  test('an identity revoked at one is refused at the other', async () => {
    const [first, second] = replicas;
    expect(await wrapAt(second)).toBe('201');
    await operate(first, { op: 'identity.revoke', args: { id: writer.id } });
    expect(await becomes('bad_proof', () => wrapAt(second))).toBeLessThan(mostMilliseconds);
  });

  test('the first one noticed the second', () => {
    expect(replicas[0].logged.join('\n')).toContain('Another replica was unsealed');
  });
});
