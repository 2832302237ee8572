/** The alert rules of deploy/alerts.yaml: read by Prometheus, held to what is exported, and seen to fire. @module */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomIdentifier } from '@letterlock/crypto';
import { connectMember } from './etcd/etcd-member.ts';
import { buildMilliseconds, createCertificate, EtcdServer } from './etcd/testing/etcd-server.ts';
import { systemClock } from './system-clock.ts';
import { etcdSettings } from './testing/etcd-settings.ts';
import { alertsBuildMilliseconds, buildAlerts, Scrapes } from './testing/alert-rules.ts';
import { fakeWorkloads } from './testing/fake-workloads.ts';
import {
  apply,
  createIdentity,
  giveShare,
  startTestServer,
  wrapFor,
  type TestIdentity,
  type TestServer,
} from './testing/test-server.ts';
import { TroubledStore } from './testing/troubled-store.ts';

jest.setTimeout(120_000);

/** Alerts that no scenario here brings about: too slow or too large for a test. Their names and labels are checked all the same. */
const notSeen = ['LetterlockAuditBlocked', 'LetterlockAuditSinkSlow', 'LetterlockMemory', 'EtcdSlowDisk'];
const quotaBackendBytes = 33_554_432;

let program: string;
let folder: string;
let etcd: readonly EtcdServer[];
const seen = new Set<string>();
const running: TestServer[] = [];
const [writer, reader] = [createIdentity(), createIdentity()];
const settings = {
  identities: `${writer.keyset},${reader.keyset}`,
  grants: JSON.stringify([{ who: writer.id, verbs: ['wrap'], path: 'team-a' }]),
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-alerts-'));
  program = buildAlerts();
  etcd = await EtcdServer.startCluster(3, { isSecure: false, isDurable: false, quotaBackendBytes });
}, alertsBuildMilliseconds + buildMilliseconds);
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  for (const member of etcd) await member.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(...options: Parameters<typeof startTestServer>): Promise<TestServer> {
  const server = await startTestServer(...options);
  running.push(server);
  return server;
}

/** The servers run in the test's own process, whose memory says nothing of a server's. */
const ofTheProcess = 'LetterlockMemory';

function holding(scrapes: Scrapes): readonly string[] {
  const names = scrapes.judge().holding.filter((name) => name !== ofTheProcess);
  for (const name of names) seen.add(name);
  return names;
}

/** One wrap, stored. @returns the status of the answer */
async function storeOne(server: TestServer): Promise<number> {
  const client = await server.connect();
  const { envelope } = await wrapFor(writer, reader);
  const { status } = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  client.close();
  return status;
}

/** One wrap, opened and not acknowledged. */
async function deliver(server: TestServer): Promise<void> {
  const client = await server.connect();
  const { id, envelope } = await wrapFor(writer, reader);
  await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  const open = { method: 'POST', path: `/v1/wraps/${id}/open`, body: { cid: randomIdentifier() } };
  expect(await client.prove(reader.sig, open)).toMatchObject({ status: 200 });
  client.close();
}

describe('a quiet service', () => {
  test('exports everything that the rules ask for, and fires nothing', async () => {
    const file = join(folder, 'quiet.jsonl');
    const server = await start({ ...settings, 'audit-sinks': [`file:${file}`] }, { checkpointMilliseconds: 50 });
    const targets = { letterlock: server.healthOrigin, etcd: etcd[0]!.endpoint };
    const scrapes = new Scrapes(program);
    await scrapes.take(targets);
    await deliver(server);
    await scrapes.takeWhen({ letterlock: server.healthOrigin }, /letterlock_audit_uncovered 0\n/);
    await scrapes.take(targets);
    const { alerts, unknown } = scrapes.judge();
    expect(unknown).toEqual([]);
    expect(holding(scrapes)).toEqual([]);
    const page = readFileSync(new URL('../../../docs/guide/monitoring.md', import.meta.url), 'utf8');
    expect(alerts.filter((alert) => !page.includes(`| \`${alert}\``))).toEqual([]);
  });

  test('would be noticed if it were not there at all', async () => {
    const scrapes = new Scrapes(program);
    await scrapes.take({ etcd: etcd[0]!.endpoint });
    expect(holding(scrapes)).toEqual(['LetterlockAbsent']);
    expect(scrapes.judge().unknown).toContain('LetterlockSealed: letterlock_seal_state{state="sealed"}');
  });
});

/** Each brings one trouble about; `alerts` are those that must hold then, among others that may follow. */
const scenarios: readonly {
  readonly name: string;
  readonly flags?: Readonly<Record<string, string | readonly string[]>>;
  readonly trouble: (server: TestServer, store: TroubledStore) => Promise<void> | void;
  readonly until: RegExp;
  /** What follows then: a series that has just appeared has no rate yet. */
  readonly again?: (server: TestServer) => Promise<void>;
  readonly alerts: readonly string[];
}[] = [
  {
    name: 'a sealed process, which refuses requests',
    trouble: async (server) => {
      const client = await server.connect();
      await apply(server, client, { op: 'seal', args: {} });
      client.close();
      expect(await storeOne(server)).toBe(503);
    },
    until: /letterlock_unready\{reason="sealed"\} 1\n/,
    again: async (server) => {
      expect(await storeOne(server)).toBe(503);
    },
    alerts: ['LetterlockSealed', 'LetterlockErrors'],
  },
  {
    name: 'a keyring that was changed in the store',
    trouble: async (server, store) => {
      const client = await server.connect();
      await apply(server, client, { op: 'seal', args: {} });
      client.close();
      store.damages = (key) => key === 'sys/keyring';
      expect(await giveShare(server, server.admins[0]!)).toMatchObject({ status: 500 });
    },
    until: /letterlock_unready\{reason="installation"\} 1\n/,
    alerts: ['LetterlockInstallation', 'LetterlockAdminRefused'],
  },
  {
    name: 'a store that does not answer reads',
    trouble: (_server, store) => {
      store.readsFail = 'store_unreachable';
    },
    until: /letterlock_sweep_failures_total [4-9]\n/,
    alerts: ['LetterlockStoreUnavailable', 'LetterlockSweeperFailing'],
  },
  {
    name: 'a store that is full',
    trouble: async (server, store) => {
      store.transactionsFail = 'store_full';
      expect(await storeOne(server)).toBe(503);
    },
    until: /letterlock_store_failures_total\{reason="store_full"\} [1-9]/,
    alerts: ['LetterlockStoreFull'],
  },
  {
    name: 'a store that refuses the certificate',
    trouble: (_server, store) => {
      store.readsFail = 'store_denied';
    },
    until: /letterlock_store_failures_total\{reason="store_denied"\} [1-9]/,
    alerts: ['LetterlockStoreDenied'],
  },
  {
    name: 'a store that is slow',
    trouble: async (server, store) => {
      // An open is one call of the store, where this process stored the wrap.
      store.delayMilliseconds = 1100;
      await deliver(server);
    },
    until: /letterlock_http_requests_total\{route="open",status="200"\} 1\n/,
    again: deliver,
    alerts: ['LetterlockStoreSlow', 'LetterlockSlow'],
  },
  {
    name: 'a collector that is not there',
    flags: { 'audit-sinks': ['http://127.0.0.1:1/'] },
    trouble: () => {},
    until: /letterlock_audit_sink_failing\{sink="http"\} 1\n/,
    alerts: ['LetterlockAuditSinkFailing'],
  },
  {
    name: 'records that no checkpoint covers',
    trouble: deliver,
    until: /letterlock_audit_uncovered [1-9]/,
    alerts: ['LetterlockAuditUncovered'],
  },
  {
    name: 'records that were changed',
    trouble: async (server, store) => {
      const before = new Set([...server.store.dump()].map(({ key }) => key));
      await deliver(server);
      const added = new Set([...server.store.dump()].map(({ key }) => key).filter((key) => !before.has(key)));
      store.damages = (key, request) => request !== undefined && 'prefix' in request && added.has(key);
    },
    until: /letterlock_damaged_records_total\{met_by="sweeper"\} [1-9]/,
    alerts: ['LetterlockDamagedRecords'],
  },
  {
    name: 'callers that cannot prove who they are',
    trouble: async (server) => {
      const client = await server.connect();
      const stranger = createIdentity();
      const request = { method: 'GET', path: `/v1/identities/${reader.id}` };
      for (let count = 0; count < 20; count += 1) await client.prove(stranger.sig, request);
      client.close();
    },
    until: /letterlock_failed_proofs_total 20\n/,
    alerts: ['LetterlockProofsRefused'],
  },
];

describe('the alerts hold for', () => {
  test.each(scenarios)('$name', async ({ flags = {}, trouble, until, again, alerts }) => {
    const store = new TroubledStore();
    const server = await start({ ...settings, ...flags }, { decorateStore: store.around });
    const targets = { letterlock: server.healthOrigin };
    const scrapes = new Scrapes(program);
    await scrapes.take(targets);
    expect(holding(scrapes).filter((name) => alerts.includes(name) && name !== 'LetterlockAuditUncovered')).toEqual([]);
    await trouble(server, store);
    await scrapes.takeWhen(targets, until);
    await again?.(server);
    await scrapes.take(targets);
    expect(holding(scrapes)).toEqual(expect.arrayContaining([...alerts]));
    // The end of the server writes a last checkpoint.
    Object.assign(store, { readsFail: undefined, transactionsFail: undefined, delayMilliseconds: 0 });
  });

  test('a chain of checkpoints that went backwards', async () => {
    const store = new TroubledStore();
    const server = await start(settings, { decorateStore: store.around, checkpointMilliseconds: 50 });
    const targets = { letterlock: server.healthOrigin };
    const scrapes = new Scrapes(program);
    await scrapes.takeWhen(targets, /letterlock_audit_checkpoint [1-9]/);
    expect(holding(scrapes)).not.toContain('LetterlockAuditChain');
    const put = { do: 'put', key: 'sys/ckpt/head', value: Buffer.from('an older one') } as const;
    await store.inner!.transact({ compare: [], then: [put] });
    await deliver(server);
    await scrapes.takeWhen(targets, /letterlock_unready\{reason="audit_chain"\} 1\n/);
    expect(holding(scrapes)).toContain('LetterlockAuditChain');
  });

  test('a wrap that was delivered and not acknowledged', async () => {
    let later = 0;
    const clock = {
      nowSeconds: () => systemClock.nowSeconds() + later,
      monotonicSeconds: () => systemClock.monotonicSeconds() + later,
    };
    const server = await start(settings, { clock });
    const targets = { letterlock: server.healthOrigin };
    const scrapes = new Scrapes(program);
    await deliver(server);
    await scrapes.take(targets);
    expect(holding(scrapes)).not.toContain('LetterlockWrapsBurned');
    later = 100;
    await scrapes.takeWhen(targets, /letterlock_wrap_transitions_total\{transition="burned"\} 1\n/);
    expect(holding(scrapes)).toContain('LetterlockWrapsBurned');
  });

  test('a second key for one start of an agent', async () => {
    let later = 0;
    const clock = {
      nowSeconds: () => systemClock.nowSeconds() + later,
      monotonicSeconds: () => systemClock.monotonicSeconds() + later,
    };
    const { flags, token, ports } = fakeWorkloads();
    const server = await start(flags, { clock, workloadPorts: ports });
    const targets = { letterlock: server.healthOrigin };
    const scrapes = new Scrapes(program);
    const client = await server.connect();
    const enrol = ({ sig, keyset }: TestIdentity) =>
      client.prove(sig, { method: 'POST', path: '/v1/workload/enrol', body: { keyset, token } });
    expect(await enrol(createIdentity())).toMatchObject({ status: 200 });
    const thief = createIdentity();
    expect(await enrol(thief)).toMatchObject({ status: 503 });
    await scrapes.take(targets);
    expect(holding(scrapes)).not.toContain('LetterlockEnrolmentAlarm');
    later = 11;
    await enrol(thief);
    client.close();
    await scrapes.takeWhen(targets, /letterlock_enrolment_alarms_total 1\n/);
    expect(holding(scrapes)).toContain('LetterlockEnrolmentAlarm');
  });

  test('an empty store', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const member = await EtcdServer.start({ isDurable: false });
    cleanUp.defer(() => member.close());
    const files = cleanUp.adopt(etcdSettings([member]), (each) => each[Symbol.dispose]());
    const server = await start(files.flags);
    cleanUp.defer(() => server.close());
    const scrapes = new Scrapes(program);
    await scrapes.take({ letterlock: server.healthOrigin });
    expect(holding(scrapes)).toContain('LetterlockUninitialised');
  });

  test('a certificate that ends tomorrow, and one that cannot be used', async () => {
    const { certificate, key } = createCertificate(['127.0.0.1']);
    const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    writeFileSync(certFile, certificate);
    writeFileSync(keyFile, key, { mode: 0o600 });
    const flags = { ...settings, 'tls-cert-file': certFile, 'tls-key-file': keyFile };
    const server = await start(flags, { certificateCheckMilliseconds: 20 });
    const targets = { letterlock: server.healthOrigin };
    const scrapes = new Scrapes(program);
    await scrapes.take(targets);
    const before = holding(scrapes);
    expect(before).toContain('LetterlockCertificateExpires');
    expect(before).not.toContain('LetterlockCertificateReload');
    writeFileSync(certFile, 'not a certificate');
    await scrapes.takeWhen(targets, /letterlock_certificate_reloads_total\{outcome="failed"\} 1\n/);
    expect(holding(scrapes)).toContain('LetterlockCertificateReload');
  });
});

describe('the alerts of etcd hold for', () => {
  test('a database that is nearly full', async () => {
    const { endpoint } = etcd[0]!;
    const member = connectMember({ endpoint, credentials: undefined, timeoutMilliseconds: 10_000 });
    const value = Buffer.alloc(1_000_000, 1);
    const scrapes = new Scrapes(program);
    await scrapes.take({ etcd: endpoint });
    expect(holding(scrapes)).not.toContain('EtcdSpace');
    // How fast the file grows is etcd's affair: writing ends at the latest when it takes no more.
    for (let index = 0, takesMore = true; takesMore && index < 28; index += 1) {
      const key = Buffer.from(`filler/${index}`);
      const put = member.transact({ success: [{ request_put: { key, value } }] });
      takesMore = await put.then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ message: expect.stringContaining('database space exceeded') });
          return false;
        },
      );
    }
    await scrapes.takeWhen({ etcd: endpoint }, /etcd_mvcc_db_total_size_in_bytes (?:2\.[7-9]|3\.)\d*e\+07\n/);
    member.close();
    expect(holding(scrapes)).toContain('EtcdSpace');
  });

  test('a majority that is lost', async () => {
    const [left, ...others] = etcd;
    const scrapes = new Scrapes(program);
    for (const member of others) await member.kill();
    await scrapes.takeWhen({ etcd: left!.endpoint }, /etcd_server_has_leader 0\n/);
    expect(holding(scrapes)).toContain('EtcdNoLeader');
  });

  test('together with those above: all but the named ones were seen', () => {
    const scrapes = new Scrapes(program);
    const missing = scrapes.judge().alerts.filter((alert) => !seen.has(alert));
    expect(missing).toEqual(expect.arrayContaining(notSeen));
    expect(missing).toHaveLength(notSeen.length);
  });
});
