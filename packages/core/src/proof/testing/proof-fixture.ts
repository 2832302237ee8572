/**
 * A registered reader, a listener's facts and proofs that differ from a good one in what a test says.
 * It must never be used outside tests.
 * @module
 */
import {
  createKeyset,
  createProof,
  generateOpeningKey,
  generateSigningKey,
  hash43,
  publicOf,
  publicOfOpening,
  randomIdentifier,
  verifyKeyset,
  type Keyset,
  type SigningKey,
  type SigningKeyKind,
} from '@letterlock/crypto';
import { FixedClock } from '../../store/testing/fixed-clock.ts';
import type { Directory, KnownKey } from '../directory.ts';
import { NonceAuthority } from '../nonce-authority.ts';
import { prove, type Caller, type Channel, type Proven, type Received } from '../proven.ts';

export const origin = 'https://letterlock.example.com';
export const exporter = hash43('exporter of this connection');
export const body = '{"cid":"AAAAAAAAAAAAAAAAAAAAAA"}';

/** A person with a keyset. */
export interface Person {
  readonly key: SigningKey;
  readonly keyset: Keyset;
  readonly known: KnownKey;
}

export function makePerson(kind: SigningKeyKind = 'P-256'): Person {
  const key = generateSigningKey(kind);
  const enc = publicOfOpening(generateOpeningKey());
  const keyset = verifyKeyset(createKeyset({ sig: key, enc, seq: 1, iat: 1_790_000_000 }));
  return { key, keyset, known: { id: keyset.id, verifyingKey: keyset.sig, keyset, isAdmin: false } };
}

/** An admin with a single key. */
export function makeAdmin(): { readonly key: SigningKey; readonly known: KnownKey } {
  const key = generateSigningKey();
  return { key, known: { id: key.thumbprint, verifyingKey: publicOf(key), keyset: undefined, isAdmin: true } };
}

export class FakeDirectory implements Directory {
  readonly keys: Map<string, KnownKey>;
  readonly revoked: Set<string> = new Set();
  /** Ids that were asked for. */
  readonly asked: string[] = [];

  constructor(...known: readonly KnownKey[]) {
    this.keys = new Map(known.map((key) => [key.id, key]));
  }

  find(id: string): KnownKey | undefined {
    this.asked.push(id);
    return this.revoked.has(id) ? undefined : this.keys.get(id);
  }

  wasRevoked(id: string): boolean {
    return this.revoked.has(id);
  }
}

/** One listener and one registered person; every request to it is good unless a test changes it. */
export class ProofFixture {
  readonly person: Person;
  readonly clock: FixedClock = new FixedClock();
  readonly nonces: NonceAuthority = new NonceAuthority({ replicaId: new Uint8Array(8), clock: this.clock });
  readonly directory: FakeDirectory;

  constructor(kind?: SigningKeyKind) {
    this.person = makePerson(kind);
    this.directory = new FakeDirectory(this.person.known);
  }

  get context(): {
    readonly authentication: 'proof';
    readonly nonces: NonceAuthority;
    readonly publicOrigins: readonly string[];
    readonly directory: Directory;
    readonly clock: FixedClock;
  } {
    const { nonces, directory, clock } = this;
    return {
      authentication: 'proof',
      nonces,
      publicOrigins: ['https://other.example.com:8443', origin],
      directory,
      clock,
    };
  }

  /** A proof of the request that `receive` makes. */
  proof(change: Partial<Parameters<typeof createProof>[0]> = {}): string {
    return createProof({
      key: this.person.key,
      method: 'POST',
      target: `${origin}/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open`,
      bodyHash: hash43(body),
      nonce: this.nonces.issue(),
      iat: this.clock.nowSeconds(),
      channelBinding: exporter,
      ...change,
    });
  }

  receive(
    proof: string | undefined,
    change: Partial<Omit<Received, 'channel'>> & { readonly channel?: Partial<Channel> } = {},
  ): Received {
    return {
      requestId: 'request-1',
      method: 'POST',
      path: '/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open',
      bodyHash: hash43(body),
      proof,
      ...change,
      channel: {
        listener: 'direct',
        exporter,
        clientKey: undefined,
        remoteAddress: '192.0.2.1',
        ...change.channel,
      },
    };
  }
}

/** A caller that was proven before the test begins. */
export function provenCaller<T>(change: Partial<Caller>, request: T): Proven<T> {
  return prove(
    {
      id: hash43(randomIdentifier()),
      isAdmin: false,
      keyset: undefined,
      factor: 'proof',
      binding: 'exporter',
      listener: 'direct',
      proof: undefined,
      nonce: undefined,
      bodyHash: hash43(body),
      requestId: 'request-1',
      ...change,
    },
    request,
  );
}
