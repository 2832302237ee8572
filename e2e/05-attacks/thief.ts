/**
 * Somebody who has got hold of a token or a key, and stands in the network of a pod: enrols, writes and reads with the product's
 * own code. It must never use more than it was given.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSecret, RpcClient, TrustFolder, writeSecret, type Trust } from '@letterlock/agent/testing';
import { createIdentity, LetterlockClient, type Identity } from '@letterlock/client';
import { certificatePem, createSelfSignedCertificate, SecretBytes } from '@letterlock/crypto';
import { decodeBase64url, isProblemError, trustConfigMap } from '@letterlock/protocol';
import type { World } from '../run/world.ts';
import { serviceNamespace, shop } from './names.ts';
import { openTunnel, type Place, type Tunnel } from './tunnel.ts';

export const trustDomain = 'cluster.local';
export const audiences = {
  enrol: `letterlock-enrol:${trustDomain}`,
  write: `letterlock-write:${trustDomain}`,
} as const;

/** A key, and the certificate for it. */
export interface Member {
  readonly identity: Identity;
  /** PEM, leaf first. */
  readonly certificates: readonly string[];
}

/** What a call came to: the code of the refusal, or undefined where it was let in. */
export type Refused = string | undefined;

/** Each connection starts kubectl and nc, on a machine that may be busy. */
const callMilliseconds = 60_000;
const attemptMilliseconds = 25_000;
const attempts = 3;
/** What everybody is after. */
const target = { namespace: shop, binding: 'orders-db', secret: 'db' } as const;
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** A token of a pod as its kubelet mints it: the test may be a kubelet, as whoever has broken into a node may. */
export function mintToken(
  world: World,
  { namespace, pod }: Pick<Place, 'namespace' | 'pod'>,
  audience: string,
): string {
  const { metadata, spec } = world.read(`-n ${namespace} pod ${pod}`) as {
    readonly metadata: { readonly uid: string };
    readonly spec: { readonly nodeName: string; readonly serviceAccountName: string };
  };
  const bound = ['--bound-object-kind=Pod', `--bound-object-name=${pod}`, `--bound-object-uid=${metadata.uid}`];
  const kubelet = [`--as=system:node:${spec.nodeName}`, '--as-group=system:nodes'];
  const words = ['-n', namespace, 'create', 'token', spec.serviceAccountName, `--audience=${audience}`];
  return world.kubectl([...words, ...bound, ...kubelet]).trim();
}

/** A key and a certificate of one's own making, in the name of somebody else's. */
export function madeUpMember(): Member {
  const identity = createIdentity({ name: 'thief' });
  const der = createSelfSignedCertificate({
    key: identity.signingKey,
    commonName: 'thief',
    notBeforeSeconds: nowSeconds() - 60,
    notAfterSeconds: nowSeconds() + 3600,
  });
  return { identity, certificates: [certificatePem(der)] };
}

/** The code of a refusal by the service. A connection that failed is no refusal: then it is tried again. @throws when it fails again and again */
export async function refusalOf(attack: () => Promise<unknown>): Promise<Refused> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await attack();
      return undefined;
    } catch (error) {
      if (isProblemError(error) && error.reason?.startsWith('grpc_') !== true) return error.code;
      if (attempt >= attempts) throw error;
    }
  }
}

class PatientClient extends RpcClient {
  override call(...[method, body, o]: Parameters<RpcClient['call']>): ReturnType<RpcClient['call']> {
    return super.call(method, body, { ...o, timeoutMilliseconds: attemptMilliseconds });
  }
}

/** Sends the certificate alone, whatever second factor it is given. */
class OneFactorClient extends PatientClient {
  override call(...[method, body, { signal }]: Parameters<RpcClient['call']>): ReturnType<RpcClient['call']> {
    return super.call(method, body, { signal });
  }
}

/** Stands in a pod, until it is disposed of. */
export class Thief implements Disposable {
  readonly #trust: Trust;
  readonly #direct: Tunnel;
  readonly #agents: Tunnel;

  private constructor(trust: Trust, direct: Tunnel, agents: Tunnel) {
    this.#trust = trust;
    this.#direct = direct;
    this.#agents = agents;
  }

  static async in(world: World, place: Place): Promise<Thief> {
    return new Thief(readTrust(world), await openTunnel(world, place, 8443), await openTunnel(world, place, 9443));
  }

  /** Asks to be the agent of the pod that the token is of. */
  async enrol(token: string, identity: Identity = createIdentity({ name: 'thief' })): Promise<Member> {
    using client = this.#client(identity);
    const { chain } = await client.enrol(token, { timeoutMilliseconds: callMilliseconds });
    return { identity, certificates: chain.map((der) => certificatePem(decodeBase64url(der))) };
  }

  /** Writes the password of the orders' database. Shape of token: undefined leaves that factor out. @returns the version */
  async write(member: Member, token: string | undefined, password: string): Promise<number> {
    const { identity } = member;
    using client = this.#client(identity);
    const rpc = this.#connect(member, token === undefined ? OneFactorClient : PatientClient);
    try {
      const { version } = await writeSecret(
        {
          ...target,
          values: new Map(Object.entries({ username: 'orders', password }).map(([key, text]) => [key, bytesOf(text)])),
          writerToken: token ?? '',
          latest: 0,
        },
        {
          link: { rpc, trust: this.#trust },
          identity,
          keys: { bindingKey: (_trust, name) => client.bindingKey(name, { timeoutMilliseconds: callMilliseconds }) },
          nowSeconds,
          signal: AbortSignal.timeout(callMilliseconds),
        },
      );
      return version;
    } finally {
      rpc.close();
    }
  }

  /** Reads that password, as a pod of this ServiceAccount. */
  async read(member: Member, serviceAccount: string): Promise<void> {
    const rpc = this.#connect(member, PatientClient);
    try {
      const { namespace, binding, secret } = target;
      const selector = `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
      const signal = AbortSignal.timeout(callMilliseconds);
      const options = { rpc, trust: this.#trust, identity: member.identity, selector, namespace, signal };
      await readSecret({ binding, secret, version: 1 }, options);
    } finally {
      rpc.close();
    }
  }

  [Symbol.dispose](): void {
    this.#direct[Symbol.dispose]();
    this.#agents[Symbol.dispose]();
  }

  #client(identity: Identity): LetterlockClient {
    return new LetterlockClient({
      address: {
        origin: `https://letterlock.${serviceNamespace}.svc:8443`,
        addresses: [`localhost:${this.#direct.port}`],
      },
      trust: { pinned: this.#trust.instanceKey.thumbprint },
      identity,
      attempts,
      attemptTimeoutMilliseconds: attemptMilliseconds,
    });
  }

  #connect({ identity, certificates }: Member, Client: typeof RpcClient): RpcClient {
    return new Client({
      // A name of the server's certificate.
      target: `localhost:${this.#agents.port}`,
      trustDomain,
      key: identity.signingKey,
      certificates,
      authorities: this.#trust.authorities,
      nowSeconds,
    });
  }
}

/** What every namespace with an agent is given. */
function readTrust(world: World): Trust {
  const { data } = world.read(`-n ${shop} configmap ${trustConfigMap.name}`) as {
    readonly data: Readonly<Record<string, string>>;
  };
  const folder = join(world.folder, 'trust');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), text);
  return new TrustFolder({ folder, pinned: undefined, nowSeconds }).read();
}

function bytesOf(text: string): SecretBytes {
  return SecretBytes.take(new TextEncoder().encode(text));
}
