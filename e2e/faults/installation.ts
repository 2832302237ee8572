/**
 * The installation under test: etcd, three replicas, three admins of whom two unseal, and people, made by the SDK alone.
 * It must never weaken a check to get on: shares are pinned, boots are compared.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  createIdentity,
  LetterlockClient,
  type ClientOptions,
  type Identity,
  type OpeningKey,
  type SharePin,
} from '@letterlock/client';
import { certificatePem, createSelfSignedCertificate, readCertificate } from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import { EtcdCluster } from './etcd-cluster.ts';
import { Replica } from './replica.ts';

const threshold = 2;
const certificateSeconds = 86_400;
const unsealMilliseconds = 60_000;
/** Folder of everything that people store. */
export const root = 'faults';

export interface People {
  /** Both may wrap and write. */
  readonly writers: readonly [Identity, Identity];
  /** Wraps are for the first, secrets for both. */
  readonly readers: readonly [Identity, Identity];
}

export interface Installation extends AsyncDisposable {
  readonly etcd: EtcdCluster;
  readonly replicas: readonly Replica[];
  readonly people: People;
  readonly admins: readonly Identity[];
  readonly folder: string;
  /** Opening keys of the admins, by id. */
  readonly adminKeys: ReadonlyMap<string, OpeningKey>;
  /** A client of some replicas, through their proxies; closed with the installation. */
  client(replicas: readonly Replica[], identity: Identity, options?: Partial<ClientOptions>): LetterlockClient;
  /** A client of one replica beside its proxy. */
  adminClient(replica: Replica, admin: Identity): LetterlockClient;
  /** Gives shares until the replica is unsealed. */
  unseal(replica: Replica): Promise<void>;
}

/** Starts, initialises and unseals everything. @param onMisreported - for each transaction that a replica was told wrongly about */
export async function startInstallation(onMisreported: () => void): Promise<Installation> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-faults-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const etcd = await EtcdCluster.start();
  const replicas: Replica[] = [];
  // Also when the harness itself fails: the signals leave before it does.
  const killAll = (): void => {
    for (const each of [...replicas, ...etcd.members]) void each.kill();
  };
  process.once('exit', killAll);
  stack.defer(() => void process.off('exit', killAll));
  stack.defer(() => etcd.close());
  const admins = ['anna', 'ben', 'cleo'].map((name) => createIdentity({ name, isSingleKey: true }));
  const person = (name: string): Identity => createIdentity({ name });
  const people: People = { writers: [person('walter'), person('wanda')], readers: [person('rita'), person('ralf')] };
  const everybody = [...people.writers, ...people.readers];
  const certificates = admins.map((admin) => certificateOf(admin));
  const flags = {
    'trust-domain': 'faults.example',
    ...etcdFlags(etcd, folder),
    'init-certificates': certificates,
    'init-threshold': `${threshold}`,
    identities: everybody.map(({ keyset }) => keyset!),
    grants: JSON.stringify([
      ...people.writers.map(({ id }) => ({ who: id, verbs: ['wrap', 'write', 'read'], path: root })),
      ...people.readers.map(({ id }) => ({ who: id, verbs: ['read'], path: root })),
    ]),
  };
  const start = async (name: string): Promise<Replica> => {
    const replica = await Replica.start({ name, folder, flags, onMisreported });
    replicas.push(replica);
    stack.defer(() => replica.close());
    return replica;
  };
  const first = await start('A');
  const clients: LetterlockClient[] = [];
  stack.defer(() => {
    for (const each of clients) each.close();
  });
  const fingerprint = await initialise(first, admins[0]!, certificates);
  const client = (
    address: ClientOptions['address'],
    identity: Identity,
    options: Partial<ClientOptions> = {},
  ): LetterlockClient => {
    const made = new LetterlockClient({ address, trust: { pinned: fingerprint }, identity, ...options });
    clients.push(made);
    return made;
  };
  const pins = new Map<string, SharePin>();
  for (const admin of admins) pins.set(admin.id, await client(first.address, admin).checkShare());
  const unseal = (replica: Replica): Promise<void> =>
    unsealWith(
      replica,
      admins.slice(0, threshold).map((admin) => ({ admin, pin: pins.get(admin.id)! })),
      (admin) => client(replica.address, admin),
    );
  for (const name of ['B', 'C']) await unseal(await start(name));
  const resources = stack.move();
  return {
    etcd,
    replicas,
    people,
    admins,
    folder,
    adminKeys: new Map(admins.map(({ id, openingKeys }) => [id, openingKeys[0]])),
    client: (some, identity, options) =>
      client(
        some.map(({ publicAddress }) => publicAddress),
        identity,
        options,
      ),
    adminClient: (replica, admin) => client(replica.address, admin),
    unseal,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** @returns the fingerprint to pin */
async function initialise(replica: Replica, admin: Identity, certificates: readonly string[]): Promise<string> {
  let seen = '';
  using client = new LetterlockClient({
    address: replica.address,
    identity: admin,
    trust: {
      onFirstContact: ({ fingerprint }) => {
        seen = fingerprint;
        return true;
      },
    },
  });
  const ders = certificates.map((pem) => encodeBase64url(readCertificate(pem).der));
  await client.initialise({ boot: replica.boot, admins: ders, k: threshold });
  await client.state();
  return seen;
}

async function unsealWith(
  replica: Replica,
  givers: readonly { readonly admin: Identity; readonly pin: SharePin }[],
  clientOf: (admin: Identity) => LetterlockClient,
): Promise<void> {
  const until = performance.now() + unsealMilliseconds;
  for (;;) {
    try {
      for (const { admin, pin } of givers) {
        using client = clientOf(admin);
        if ((await client.state()).state === 'unsealed') return;
        const { given } = await client.unsealStatus();
        if (!given.includes(admin.id)) await client.giveShare({ pin, boot: replica.boot });
      }
    } catch (error) {
      // While etcd elects a leader nothing can be unsealed.
      if (performance.now() > until) throw error;
      await pause(200);
    }
  }
}

function etcdFlags(etcd: EtcdCluster, folder: string): Readonly<Record<string, string>> {
  const { ca, certificate, key } = etcd.credentials;
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  return {
    store: 'etcd',
    'etcd-endpoints': etcd.endpoints.join(','),
    'etcd-ca-file': file('ca.crt', ca),
    'etcd-cert-file': file('client.crt', certificate),
    'etcd-key-file': file('client.key', key),
  };
}

function certificateOf({ signingKey }: Identity): string {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const certificate = createSelfSignedCertificate({
    key: signingKey,
    commonName: 'Admin of the harness',
    notBeforeSeconds: nowSeconds - certificateSeconds,
    notAfterSeconds: nowSeconds + certificateSeconds,
  });
  return certificatePem(certificate);
}
