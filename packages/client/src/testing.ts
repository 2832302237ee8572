/**
 * The real service in this process, for tests of applications: transient, on a loopback port, with admins made on the spot.
 * It must never be used for real secrets: all its keys end with the process.
 * @module
 */
import { certificatePem, createSelfSignedCertificate } from '@letterlock/crypto';
import { encodeBase64url, type Grant } from '@letterlock/protocol';
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
  /** False: it waits for `initialise` by an admin. Default true. */
  readonly isInitialised?: boolean;
}

/** What an identity of the test may do: `who` is added. */
export type TestGrant = Omit<Grant, 'who'>;

/** A service that runs in this process. */
export interface TestServer extends AsyncDisposable {
  /** `https://127.0.0.1:<port>` */
  readonly address: string;
  /** What clients pin. @throws TypeError before the service is initialised */
  readonly fingerprint: string;
  /** Names this start; `giveShare` asks for it. */
  readonly bootFingerprint: string;
  /** PEM for `curl --cacert`. */
  readonly certificate: string;
  /** The first admin. */
  readonly admin: Identity;
  readonly admins: readonly Identity[];
  /** Their init certificates, DER as base64url. */
  readonly adminCertificates: readonly string[];
  /** Makes an identity, registers it and gives it its grants. */
  createIdentity(name: string, grants?: readonly TestGrant[]): Promise<Identity>;
  /** A client that pins this service, or trusts nobody before there is something to pin; it ends with the service. */
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
  const certificates = admins.map((admin) => initCertificate(admin));
  const running = await startServer(
    loadConfig({
      flags: {
        'trust-domain': 'test.example',
        store: 'memory',
        'listen-direct': '127.0.0.1:0',
        'listen-health': 'none',
        'log-level': 'silent',
        'init-certificates': certificates.map((der) => certificatePem(der)),
        ...(admins.length === 1 ? { 'init-accept-single-holder': true } : {}),
        ...(options.identities === undefined ? {} : { identities: options.identities.map(({ keyset }) => keyset!) }),
        ...(options.grants === undefined ? {} : { grants: JSON.stringify(options.grants) }),
        ...options.flags,
      },
    }),
    { waitsForInitialisation: options.isInitialised === false },
  );
  const address = running.origin.replace('//localhost', '//127.0.0.1');
  const clients: LetterlockClient[] = [];
  const client = (identity?: Identity, more: Partial<ClientOptions> = {}): LetterlockClient => {
    const { fingerprint } = running;
    const trust = fingerprint === undefined ? { onFirstContact: () => false } : { pinned: fingerprint };
    const made = new LetterlockClient({ address, trust, identity, ...more });
    clients.push(made);
    return made;
  };
  let administration: LetterlockClient | undefined;
  const close = async (): Promise<void> => {
    for (const each of clients) each.close();
    await running.close();
  };
  return {
    address,
    get fingerprint() {
      if (running.fingerprint === undefined) throw new TypeError('Cannot pin the service: it is not initialised');
      return running.fingerprint;
    },
    bootFingerprint: running.bootFingerprint,
    certificate: running.certificate,
    admin: admins[0]!,
    admins,
    adminCertificates: certificates.map((der) => encodeBase64url(der)),
    client,
    createIdentity: async (name, grants = []) => {
      const identity = createIdentity({ name });
      administration ??= client(admins[0]);
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
function initCertificate(admin: Identity): Uint8Array {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return createSelfSignedCertificate({
    key: admin.signingKey,
    commonName: 'Test admin',
    notBeforeSeconds: nowSeconds - certificateSeconds,
    notAfterSeconds: nowSeconds + certificateSeconds,
  });
}
