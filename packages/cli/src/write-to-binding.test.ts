import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import {
  FakeBindings,
  FakeWitness,
  injectionSettings,
  liveBinding,
  podOf,
  reviewedPod,
} from '@letterlock/core/testing';
import { createIdentity, type Identity } from '@letterlock/client';
import { certificatePem, createSelfSignedCertificate, generateSigningKey } from '@letterlock/crypto';
import { loadConfig, startServer, type RunningServer } from '@letterlock/server';
import { writeKeyFile } from './files/key-file.ts';
import { makeHome, runCli, words, type Home, type Ran } from './testing/run-cli.ts';

jest.setTimeout(60_000);

type KubernetesServices = Parameters<
  NonNullable<NonNullable<NonNullable<Parameters<typeof startServer>[1]>['workloadPorts']>['unsealed']>
>[0];

type IdentityWriter = ReturnType<typeof liveBinding>['writers']['identities'][number];

const { trustDomain } = injectionSettings;
const bindings = new FakeBindings();
const witness = new FakeWitness();
const writerToken = 'the token of the application';
let server: RunningServer;
let services: KubernetesServices;
let home: Home;
let writer: Identity;

beforeAll(async () => {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const certificate = createSelfSignedCertificate({
    key: generateSigningKey('P-256'),
    commonName: 'admin',
    notBeforeSeconds: nowSeconds - 60,
    notAfterSeconds: nowSeconds + 3600,
  });
  witness.tokens.set(writerToken, { facts: reviewedPod, audience: `letterlock-write:${trustDomain}` });
  witness.pods.set(`${reviewedPod.namespace}/${reviewedPod.podName}`, podOf());
  const config = loadConfig({
    flags: {
      'trust-domain': trustDomain,
      store: 'memory',
      'listen-direct': '127.0.0.1:0',
      'listen-health': 'none',
      'init-certificates': [certificatePem(certificate)],
      'init-accept-single-holder': true,
      'log-level': 'silent',
    },
  });
  const isThere = Promise.withResolvers<void>();
  server = await startServer(config, {
    workloadPorts: {
      witness,
      bindings,
      forms: () => ({ settings: [injectionSettings], imageDigests: [] }),
      checkSourceAddress: false,
      serviceHosts: ['localhost'],
      unsealed: (now) => {
        services = now;
        if (now !== undefined) isThere.resolve();
      },
    },
  });
  await isThere.promise;
  await services!.bindingKeys.ensure('shop', 'orders-db');
});
afterAll(() => server.close());
beforeEach(() => {
  home = makeHome();
  writer = createIdentity();
  writeKeyFile(home.path('writer.key'), writer, false);
});
afterEach(() => home[Symbol.dispose]());

function list(change: Partial<IdentityWriter> = {}, factor: 'Sidecar' | 'Token' = 'Sidecar'): void {
  const { namespace, serviceAccount: name } = reviewedPod;
  bindings.put(
    liveBinding({
      namespace: 'shop',
      name: 'orders-db',
      writers: {
        serviceAccounts: [{ namespace, name, secrets: ['db'], factor }],
        identities: [{ thumbprint: writer.id, secrets: ['db'], ...change }],
      },
    }),
  );
}

const run = (line: string, input = ''): Promise<Ran> => {
  const origin = server.origin.replace('127.0.0.1', 'localhost');
  const environment = { LETTERLOCK_ADDRESS: origin, LETTERLOCK_TRUST: server.fingerprint! };
  return runCli(words(`secret write ${line}`), { home, input, environment });
};

describe('letterlock secret write --binding', () => {
  const place = 'db --binding shop/orders-db';

  test('registers the key by the binding, and writes version after version', async () => {
    list();
    const first = await run(`${place} --generate password:32 --key writer.key -o json`);
    expect(first.stderr).toBe('');
    const { path, ver, keys, recipients } = JSON.parse(first.stdout) as Record<string, unknown>;
    expect({ path, keys, recipients }).toEqual({
      path: 'k8s/shop/orders-db/db',
      keys: ['password'],
      recipients: [`spiffe://${trustDomain}/ns/shop/sa/${reviewedPod.serviceAccount}`],
    });
    writeFileSync(home.path('db.env'), '# as kubectl reads it\n\nusername=orders\r\nurl=a=b "c"\n');
    const second = await run(`${place} --from-env-file db.env --from-file password=- --key writer.key -o json`, 'pw');
    expect(JSON.parse(second.stdout)).toMatchObject({ ver: Number(ver) + 1, keys: ['password', 'username', 'url'] });
  });

  test('never prints what it made', async () => {
    list();
    const { stdout, stderr } = await run(`${place} --generate password:200 --key writer.key`);
    expect(`${stdout}${stderr}`).toContain('keys     password');
    expect(`${stdout}${stderr}`).not.toMatch(/[A-Za-z0-9]{100}/);
  });

  test('tells a key that is not listed what the binding must say', async () => {
    list({ thumbprint: createIdentity().id });
    const { status, stderr } = await run(`${place} --generate password:32 --key writer.key`);
    expect(stderr).toContain(`thumbprint: ${writer.id}, secrets: [db]`);
    expect(status).toBe(4);
  });

  test('writes by a pod’s token where the binding lists it with factor Token, and only there', async () => {
    writeFileSync(home.path('token'), `${writerToken}\n`);
    const line = `${place} --generate password:32 --writer-token token`;
    list({}, 'Sidecar');
    const refused = await run(line);
    expect(refused.stderr).toContain('factor: Token');
    expect(refused.status).toBe(4);
    list({}, 'Token');
    const { status, stdout } = await run(`${line} -o json`);
    expect({ status, keys: (JSON.parse(stdout) as { readonly keys: unknown }).keys }).toEqual({
      status: 0,
      keys: ['password'],
    });
  });

  test('says that there is no such binding', async () => {
    list();
    const { status, stderr } = await run('db --binding shop/other --generate password:32 --key writer.key');
    expect(stderr).toContain('Cannot write: shop/other does not list this writer for db');
    expect(status).toBe(4);
  });

  test.each([
    { line: 'db --binding orders-db --generate a:32', message: 'need NAMESPACE/NAME' },
    { line: 'team/db --binding shop/orders-db --generate a:32', message: 'need the name of a secret' },
    { line: place, message: 'no value is given' },
    { line: `${place} --generate password:8`, message: 'need KEY:LENGTH of 16 to 4096' },
    { line: `${place} --generate password`, message: 'need KEY:LENGTH' },
    { line: `${place} --generate a:32 a:32`, message: 'a is given twice' },
    { line: `${place} --generate a/b:32`, message: 'a key has letters' },
    { line: `${place} --from-file password`, message: 'need KEY=FILE' },
    { line: `${place} --from-env-file -`, message: 'line 2 is not KEY=VALUE', input: 'a=b\nnothing\n' },
    { line: `${place} --generate a:32 --to bob`, message: '--to does not go with --binding' },
    { line: 'team/db --generate a:32', message: '--generate does not go with a path' },
  ])('refuses $line', async ({ line, message, input = '' }) => {
    const { status, stderr } = await run(`${line} --key writer.key`, input);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
