/** A replica whose last minute another one covers, on a real etcd, with both files for the verifier. @module */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Store } from '@letterlock/core';
import { AuditVerifier, randomIdentifier, readCertificate, signOperation, type AuditReport } from '@letterlock/crypto';
import { encodeBase64url, ProblemError } from '@letterlock/protocol';
import { buildMilliseconds, EtcdServer } from './etcd/testing/etcd-server.ts';
import type { StartOptions } from './main.ts';
import { systemClock } from './system-clock.ts';
import { etcdSettings, type EtcdSettings } from './testing/etcd-settings.ts';
import { acknowledgeShares, createAdmin, giveShare, nowSeconds, startTestServer } from './testing/test-server.ts';

jest.setTimeout(60_000);

const admins = ['alice', 'bob'].map((name) => createAdmin(name));
/** Two and a half minutes pass in three seconds. */
const hurried: Clock = {
  nowSeconds: systemClock.nowSeconds,
  monotonicSeconds: () => Math.floor((performance.now() / 1000) * 50),
};
let etcd: EtcdServer;
let settings: EtcdSettings;
let folder: string;

beforeAll(async () => {
  etcd = await EtcdServer.start({ isDurable: false });
  settings = etcdSettings([etcd]);
  folder = mkdtempSync(join(tmpdir(), 'letterlock-left-'));
}, buildMilliseconds);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  settings[Symbol.dispose]();
  await etcd.close();
});

function start(name: string, options: StartOptions) {
  const flags = {
    ...settings.flags,
    'init-certificates': admins.map(({ pem }) => pem),
    'init-threshold': '1',
    'audit-sinks': [`file:${join(folder, name)}`],
  };
  return startTestServer(flags, options);
}
function linesOf(name: string): readonly string[] {
  return readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);
}
function verify(fingerprint: string, files: readonly (readonly string[])[]): AuditReport {
  const verifier = new AuditVerifier(fingerprint);
  for (const [file, lines] of files.entries()) {
    for (const [index, line] of lines.entries()) verifier.add(line, { file: `${file}`, line: index + 1 });
  }
  return verifier.report();
}

test('what a replica left when it lost everything is covered by the next one, and the trail is whole', async () => {
  let isCut = false;
  const cutting = (store: Store): Store => ({
    range: (...call) => (isCut ? Promise.reject(new ProblemError('unavailable')) : store.range(...call)),
    transact: (...call) => (isCut ? Promise.reject(new ProblemError('unavailable')) : store.transact(...call)),
  });
  await using cleanUp = new AsyncDisposableStack();
  const first = await start('first.jsonl', { decorateStore: cutting });
  cleanUp.defer(() => first.close());
  const client = await first.connect();
  const args = {
    admins: admins.map(({ pem }) => encodeBase64url(readCertificate(pem).der)),
    boot: first.bootFingerprint,
    k: 1,
  };
  const operation = { args, exp: nowSeconds() + 600, nonce: randomIdentifier(), op: 'init' } as const;
  const jws = signOperation(admins[0]!.sig, operation);
  expect((await client.send({ method: 'POST', path: '/v1/sys/init', body: { jws } })).status).toBe(200);
  client.close();
  await acknowledgeShares(first, admins);
  const fingerprint = first.fingerprint!;
  // As after `kill -9`: no checkpoint, no last line.
  isCut = true;

  const second = await start('second.jsonl', { clock: hurried, checkpointMilliseconds: 50 });
  cleanUp.defer(() => second.close());
  expect((await giveShare(second, admins[0]!)).status).toBe(200);
  const isCovered = () =>
    second.logged.some((line) => line.includes('Covered the last records of replicas that ended'));
  const end = performance.now() + 30_000;
  while (!isCovered() && performance.now() < end) await pause(20);
  expect(isCovered()).toBe(true);
  await second.close();

  const files = [linesOf('first.jsonl'), linesOf('second.jsonl')];
  const whole = verify(fingerprint, files);
  expect(whole).toMatchObject({ findings: [], uncovered: 0, replicas: 2, checkpoints: 2 });
  // The file of the second one alone is the whole trail, too.
  expect(verify(fingerprint, files.slice(1))).toMatchObject({ findings: [], uncovered: 0, records: whole.records });
  const missing = files[1]!.filter((line) => !line.includes('"act":"share.ack"'));
  expect(verify(fingerprint, [missing]).findings.map(({ kind }) => kind)).toContain('gap');
});
