/**
 * The real service in this process, for tests of applications: transient, on a loopback port, with admins made on the spot.
 * It must never be used for real secrets: all its keys end with the process.
 * @module
 */
import { certificatePem, createSelfSignedCertificate } from '@letterlock/crypto';
import type { Grant } from '@letterlock/protocol';
import { loadConfig, type LoadConfigOptions } from '@letterlock/server/config';
import { startServer } from '@letterlock/server/main';
import { LetterlockClient, type ClientOptions } from './client.ts';
import { createIdentity, type Identity } from './identity.ts';

export interface TestServerOptions {
  /** How many init certificates; each can unseal alone. Default 2. */
  readonly admins?: number;
  /** Identities to register at the start. */
  readonly identities?: readonly Identity[];
  /** Grants to give at the start. */
  readonly grants?: readonly Grant[];
  /** Further settings of the server, by flag name. */
  readonly flags?: LoadConfigOptions['flags'];
}

/** What an identity of the test may do: `who` is added. */
export type TestGrant = Omit<Grant, 'who'>;

/** A service that runs in this process. */
export interface TestServer extends AsyncDisposable {
  /** `https://127.0.0.1:<port>` */
  readonly address: string;
  /** What clients pin. */
  readonly fingerprint: string;
  /** Names this start; `giveShare` asks for it. */
  readonly bootFingerprint: string;
  /** PEM for `curl --cacert`. */
  readonly certificate: string;
  /** The first admin. */
  readonly admin: Identity;
  readonly admins: readonly Identity[];
  /** Makes an identity, registers it and gives it its grants. */
  createIdentity(name: string, grants?: readonly TestGrant[]): Promise<Identity>;
  /** A client that pins this service; it ends with the service. */
  client(identity?: Identity, options?: Partial<ClientOptions>): LetterlockClient;
  /** What the store holds: records under the barrier, raw. */
  dump(): Iterable<{ readonly key: string; readonly value: Uint8Array }>;
  close(): Promise<void>;
}

const certificateSeconds = 86_400;

/** Starts a service, unsealed and empty but for what is asked for. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const admins = Array.from({ length: options.admins ?? 2 }, (_, index) =>
    createIdentity({ name: `admin ${index + 1}`, isSingleKey: true }),
  );
  const running = await startServer(
    loadConfig({
      flags: {
        'trust-domain': 'test.example',
        store: 'memory',
        'listen-direct': '127.0.0.1:0',
        'listen-health': 'none',
        'log-level': 'silent',
        'init-certificates': admins.map(initCertificate),
        ...(admins.length === 1 ? { 'init-accept-single-holder': true } : {}),
        ...(options.identities === undefined ? {} : { identities: options.identities.map(({ keyset }) => keyset!) }),
        ...(options.grants === undefined ? {} : { grants: JSON.stringify(options.grants) }),
        ...options.flags,
      },
    }),
  );
  const address = running.origin.replace('//localhost', '//127.0.0.1');
  const fingerprint = running.fingerprint!;
  const clients: LetterlockClient[] = [];
  const client = (identity?: Identity, more: Partial<ClientOptions> = {}): LetterlockClient => {
    const made = new LetterlockClient({ address, trust: { pinned: fingerprint }, identity, ...more });
    clients.push(made);
    return made;
  };
  const administration = client(admins[0]);
  const close = async (): Promise<void> => {
    for (const each of clients) each.close();
    await running.close();
  };
  return {
    address,
    fingerprint,
    bootFingerprint: running.bootFingerprint,
    certificate: running.certificate,
    admin: admins[0]!,
    admins,
    client,
    createIdentity: async (name, grants = []) => {
      const identity = createIdentity({ name });
      const evidence = {
        t: 'op',
        jws: await administration.signOperation('identity.put', { id: identity.id }),
      } as const;
      using registering = client(identity);
      await registering.register({ evidence });
      for (const grant of grants) await administration.operate('grant.put', { ...grant, who: identity.id });
      return identity;
    },
    dump: () => running.store.dump(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A certificate around an admin's key, as `letterlock init` takes it. */
function initCertificate(admin: Identity): string {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return certificatePem(
    createSelfSignedCertificate({
      key: admin.signingKey,
      commonName: 'Test admin',
      notBeforeSeconds: nowSeconds - certificateSeconds,
      notAfterSeconds: nowSeconds + certificateSeconds,
    }),
  );
}
