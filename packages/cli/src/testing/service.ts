/**
 * A real transient service in a process of its own, behind a TCP relay that a test can stop at the right moment.
 * It must never see into the connections: the relay moves encrypted bytes.
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createIdentity, type Identity } from '@letterlock/client';
import { certificatePem, createSelfSignedCertificate } from '@letterlock/crypto';
import { writeKeyFile } from '../files/key-file.ts';
import { KnownIdentitiesFile } from '../state/known-identities.ts';
import { KnownServersFile } from '../state/known-servers.ts';
import { freePort, Relay } from './relay.ts';
import { makeHome, startCli, type Home } from './run-cli.ts';

export interface TestService extends AsyncDisposable {
  /** Origin of the relay: the only address that clients use. */
  readonly origin: string;
  readonly fingerprint: string;
  readonly bootFingerprint: string;
  readonly relay: Relay;
  readonly people: Readonly<Record<PersonName, Identity>>;
  /** A home that knows the service, its people, and has their key files as NAME.key. */
  makeHome(): Home;
}

const personNames = ['writer', 'reader', 'admin', 'second'] as const;
export type PersonName = (typeof personNames)[number];

/** Starts it: `admin` and `second` hold init certificates, `writer` may wrap below `team-a`. @param threshold - shares that unseal */
export async function startService(threshold = 1): Promise<TestService> {
  const relay = await Relay.listen();
  relay.targetPort = await freePort();
  const origin = `https://localhost:${relay.port}`;
  const people = Object.fromEntries(
    personNames.map((name) => [name, createIdentity({ name, isSingleKey: name === 'admin' || name === 'second' })]),
  ) as Record<PersonName, Identity>;
  const serverHome = makeHome();
  for (const name of ['admin', 'second'] as const) {
    const now = Math.floor(Date.now() / 1000);
    const certificate = createSelfSignedCertificate({
      key: people[name].signingKey,
      commonName: name,
      notBeforeSeconds: now - 300,
      notAfterSeconds: now + 86_400,
    });
    writeFileSync(serverHome.path(`${name}.crt`), certificatePem(certificate));
  }
  const grants = [{ who: people.writer.id, verbs: ['wrap'], path: 'team-a' }];
  const settings = {
    'trust-domain': 'test.example',
    store: 'memory',
    'init-certificates': 'admin.crt,second.crt',
    'init-threshold': String(threshold),
    'listen-direct': `127.0.0.1:${relay.targetPort}`,
    'listen-health': 'none',
    'public-origins': origin,
    identities: `${people.writer.keyset!},${people.reader.keyset!}`,
    grants: JSON.stringify(grants),
  };
  const child = startCli(['server', ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)], {
    home: serverHome,
    timeLimitMilliseconds: 600_000,
  });
  const started = await readStart(child);
  return {
    origin,
    fingerprint: started.fingerprint,
    bootFingerprint: started.boot,
    relay,
    people,
    makeHome: () => makePersonHome({ origin, fingerprint: started.fingerprint, people }),
    [Symbol.asyncDispose]: async () => {
      relay.close();
      await stop(child);
      serverHome[Symbol.dispose]();
    },
  };
}

function makePersonHome(o: {
  readonly origin: string;
  readonly fingerprint: string;
  readonly people: Readonly<Record<PersonName, Identity>>;
}): Home {
  const home = makeHome();
  const names = new KnownIdentitiesFile(home.config);
  for (const name of personNames) {
    writeKeyFile(home.path(`${name}.key`), o.people[name], false);
    names.pin(name, o.people[name].id, false);
  }
  new KnownServersFile(home.config).put(o.origin, {
    fingerprint: o.fingerprint,
    instance: 'AAAAAAAAAAAAAAAAAAAAAA',
    trustDomain: 'test.example',
    pinnedAt: 1_790_000_000,
  });
  return home;
}

interface Started {
  readonly fingerprint: string;
  readonly boot: string;
}

/** What the program tells the person who started it. */
async function readStart(child: ChildProcess): Promise<Started> {
  let told = '';
  // Its log would fill the pipe.
  child.stdout?.resume();
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      const fingerprint = /^fingerprint +(\S+)$/m.exec(told)?.[1];
      const boot = /^boot +(\S+)$/m.exec(told)?.[1];
      if (boot !== undefined && fingerprint !== undefined) resolve({ boot, fingerprint });
    });
    child.once('exit', () => reject(new Error(`The server did not start: ${told}`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
}
