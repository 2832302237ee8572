/** Unsealing a service that attests itself by a static identity, as processes on a real etcd: an impostor gets no share. @module */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { generateSigningKey } from '@letterlock/crypto';
import { buildMilliseconds, EtcdServer } from '@letterlock/server/testing';
import { KnownServersFile } from './state/known-servers.ts';
import { freePort, Relay } from './testing/relay.ts';
import { makeHome, runCli, startCli, words, type Home, type Ran } from './testing/run-cli.ts';
import { runAtTerminal } from './testing/terminal.ts';

jest.setTimeout(90_000);

const [replica, impostor] = [generateSigningKey(), generateSigningKey()];
let etcd: EtcdServer;
let relay: Relay;
let [home, other]: Home[] = [];
let fingerprint = '';
let running: { readonly child: ChildProcess; readonly boot: string } | undefined;

const origin = (): string => `https://localhost:${relay.port}`;
const environment = (): Record<string, string> => ({ LETTERLOCK_ADDRESS: origin() });
const run = (command: string, at = home!): Promise<Ran> =>
  runCli(words(command), { home: at, environment: environment() });

/** Starts a server where clients look for one. @param attest - its static identity; undefined: it has none */
async function start(attest: typeof replica | undefined, prefix = 'letterlock/'): Promise<string> {
  await stop();
  const file = (name: string, text: string): string => {
    writeFileSync(home!.path(name), text, { mode: 0o600 });
    return home!.path(name);
  };
  const { ca, certificate, key } = etcd.credentials!;
  relay.targetPort = await freePort();
  const flags = {
    store: 'etcd',
    'etcd-endpoints': etcd.endpoint,
    'etcd-ca-file': file('ca.crt', ca),
    'etcd-cert-file': file('client.crt', certificate),
    'etcd-key-file': file('client.key', key),
    'etcd-prefix': prefix,
    'trust-domain': 'test.example',
    'init-certificates': 'anna.crt,ben.crt',
    'listen-direct': `127.0.0.1:${relay.targetPort}`,
    'listen-health': 'none',
    'public-origins': origin(),
    ...(attest === undefined
      ? {}
      : {
          'attest-static-key-file': file('replica.key', attest.keyObject.export({ format: 'pem', type: 'pkcs8' })),
          'attest-static-fingerprints': attest.thumbprint,
        }),
  };
  const child = startCli(['server', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)], {
    home: home!,
    timeLimitMilliseconds: 600_000,
  });
  child.stdout?.resume();
  const boot = await new Promise<string>((resolve, reject) => {
    let told = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      const found = /^boot +(\S+)$/m.exec(told)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`The server did not start: ${told}`)));
  });
  running = { child, boot };
  return boot;
}

async function stop(): Promise<void> {
  relay.cut();
  if (running === undefined) return;
  const ended = once(running.child, 'close');
  running.child.kill('SIGKILL');
  await ended;
  running = undefined;
}

/** One share would unseal: a sealed service has got none. */
const isSealed = async (): Promise<boolean> => (await run('status')).status === 6;
const pins = (at: Home): readonly string[] | undefined =>
  new KnownServersFile(at.config).find(origin())?.bootIdentities;

beforeAll(async () => {
  etcd = await EtcdServer.start({ isDurable: false });
  relay = await Relay.listen();
  [home, other] = [makeHome(), makeHome()];
  for (const name of ['anna', 'ben']) await run(`init admin --name ${name}`);
}, buildMilliseconds);
afterAll(async () => {
  await stop();
  relay.close();
  await etcd.close();
  for (const each of [home, other]) each?.[Symbol.dispose]();
});
afterEach(() => relay.cut());

/** Each test goes on where the one before ended. */
describe('a service with a static identity', () => {
  const init = 'init --certificates anna.crt ben.crt --key anna.key -o json';

  test('is not pinned by who initialises and expects another one', async () => {
    const boot = await start(replica, 'another/');
    const shown = await run(`${init} --boot ${boot} --trust-boot ${impostor.thumbprint}`);
    expect(shown).toMatchObject({ status: 8, stderr: expect.stringContaining('ANOTHER') });
    expect(new KnownServersFile(home!.config).all()).toEqual({});
  });

  test('is initialised where it is dialled, though its name leads elsewhere', async () => {
    const boot = await start(undefined, 'dialled/');
    const port = relay.targetPort;
    relay.targetPort = await freePort();
    using fresh = makeHome();
    const file = (name: string): string => home!.path(name);
    const who = `--certificates ${file('anna.crt')} ${file('ben.crt')} --key ${file('anna.key')}`;
    const shown = await run(`init ${who} -o json --boot ${boot} --dial 127.0.0.1:${port}`, fresh);
    relay.targetPort = port;
    expect(shown).toMatchObject({ status: 0 });
    expect(JSON.parse(shown.stdout)).toMatchObject({ address: origin(), bootIdentities: [] });
  });

  test('is pinned by who initialises', async () => {
    const boot = await start(replica);
    const shown = await run(`${init} --boot ${boot}`);
    expect(shown).toMatchObject({ status: 0 });
    expect(JSON.parse(shown.stdout)).toMatchObject({ bootIdentities: [replica.thumbprint] });
    ({ fingerprint } = JSON.parse(shown.stdout) as { fingerprint: string });
    expect(pins(home!)).toEqual([replica.thumbprint]);
    expect((await run('trust show')).stdout).toContain(replica.thumbprint);
  });

  test('is pinned by "share check" too, as the pinned instance key vouches for it', async () => {
    expect(await run(`trust add --trust ${fingerprint}`, other)).toMatchObject({ status: 0 });
    expect(pins(other!)).toBeUndefined();
    for (const name of ['anna', 'ben']) {
      const checked = await run(`share check --key ${home!.path(`${name}.key`)}`, name === 'ben' ? other : home);
      expect(checked).toMatchObject({ status: 0, stdout: expect.stringContaining(replica.thumbprint) });
    }
    expect(pins(other!)).toEqual([replica.thumbprint]);
  });

  test('is given a share after a restart without a question', async () => {
    await start(replica);
    expect(await isSealed()).toBe(true);
    expect(await run('unseal --key anna.key')).toMatchObject({ status: 0 });
  });

  test.each([
    { name: 'with another static identity', identity: impostor, says: 'ANOTHER' },
    { name: 'without one', identity: undefined, says: 'nothing attests it' },
  ])('an impostor with the stolen store $name gets no share', async ({ identity, says }) => {
    const boot = await start(identity);
    for (const flags of ['', ` --boot ${boot}`, ` --trust-boot ${impostor.thumbprint}`]) {
      const { status, stderr } = await run(`unseal --key anna.key${flags}`);
      expect({ status, stderr }).toEqual({ status: 8, stderr: expect.stringContaining(says) });
    }
    expect(await isSealed()).toBe(true);
    expect(pins(home!)).toEqual([replica.thumbprint]);
  });

  test('a replica that was added is given one once its identity is pinned, without asking the service', async () => {
    await start(impostor);
    const added = await run(`trust add --boot-identity ${impostor.thumbprint}`);
    expect(added).toMatchObject({ status: 0, stdout: expect.stringContaining(impostor.thumbprint) });
    expect(await run('unseal --key anna.key')).toMatchObject({ status: 0 });
  });

  test('"share check" refuses an identity that is not pinned, although the instance key signs', async () => {
    const checked = await run(`share check --key ${home!.path('ben.key')}`, other);
    expect(checked).toMatchObject({ status: 8, stderr: expect.stringContaining('ANOTHER') });
  });

  test('is shown and asked for at the first contact', async () => {
    await start(replica);
    using fresh = makeHome();
    const file = new KnownServersFile(fresh.config);
    file.put(origin(), { ...new KnownServersFile(home!.config).find(origin())!, bootIdentities: [], shares: {} });
    const command = `unseal --accept-unpinned-share --key ${home!.path('anna.key')}`;

    expect(await run(command, fresh)).toMatchObject({ status: 2, stderr: expect.stringContaining('--trust-boot') });
    const wrong = await run(`${command} --trust-boot ${impostor.thumbprint}`, fresh);
    expect(wrong).toMatchObject({ status: 8 });
    const no = await runAtTerminal(words(command), [['new here', 'no\r']], { home: fresh, environment: environment() });
    expect([no.status, await isSealed(), pins(fresh)]).toEqual([8, true, []]);
    const yes = await runAtTerminal(words(command), [['new here', 'yes\r']], {
      home: fresh,
      environment: environment(),
    });
    expect(yes.output).toContain(replica.thumbprint);
    expect([yes.status, pins(fresh)]).toEqual([0, [replica.thumbprint]]);
  });
});
