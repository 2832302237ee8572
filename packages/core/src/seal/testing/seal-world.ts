/**
 * An installation with admins for tests: the admin's side of every ceremony, as a CLI would play it.
 * It must never skip a check: permissions and operations come from the production pipeline.
 * @module
 */
import {
  createSelfSignedCertificate,
  deriveKey,
  generateSigningKey,
  importSealingKey,
  openingKeyOf,
  openShare,
  randomIdentifier,
  sealUnsealShare,
  shareAcknowledgement,
  shareCommitment,
  signJws,
  signOperation,
  type OpeningKey,
  type SecretBytes,
  type SigningKey,
  type SigningKeyKind,
} from '@letterlock/crypto';
import {
  encodeBase64url,
  labels,
  typ,
  type JwsTyp,
  type Operation,
  type ProgressResponse,
  type TranscriptResponse,
  type UnsealClaims,
  type UnsealStatusResponse,
} from '@letterlock/protocol';
import type { AuditRecord } from '../../audit/record.ts';
import { permit } from '../../policy/decide.ts';
import type { Permitted } from '../../policy/permitted.ts';
import { NonceAuthority, verifyOperations, type Received } from '../../proof/index.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import type { Store } from '../../store/store.ts';
import { FixedClock } from '../../store/testing/fixed-clock.ts';
import { readAdminCertificate, type AdminCertificate } from '../admin-certificate.ts';
import type { AppliedOperation } from '../applied-operation.ts';
import { createBootKeys, replicaName, type BootKeys } from '../boot-keys.ts';
import { Installation, type InstallationOptions } from '../installation.ts';

/** An admin with its private key, as only its own computer has it. */
export interface TestAdmin {
  readonly certificate: AdminCertificate;
  readonly der: Uint8Array;
  readonly signing: SigningKey;
  readonly opening: OpeningKey;
}

export function makeTestAdmin(commonName: string, kind: Exclude<SigningKeyKind, 'Ed25519'> = 'P-256'): TestAdmin {
  const signing = generateSigningKey(kind);
  const der = createSelfSignedCertificate({
    key: signing,
    commonName,
    notBeforeSeconds: 1_700_000_000,
    notAfterSeconds: 1_900_000_000,
  });
  return { certificate: readAdminCertificate(der), der, signing, opening: openingKeyOf(signing.keyObject) };
}

export const receivedDirect: Received = {
  requestId: 'request-1',
  method: 'POST',
  path: '/v1/sys/unseal',
  bodyHash: 'A'.repeat(43),
  proof: undefined,
  channel: { listener: 'direct', exporter: undefined, clientKey: undefined, remoteAddress: '192.0.2.1' },
};

/** What a test changes in an otherwise right share. */
export interface ShareChanges {
  readonly claims?: Partial<UnsealClaims>;
  /** Who signs. */
  readonly signing?: SigningKey;
  /** The text that is signed as `typ`. */
  readonly typ?: JwsTyp;
  /** Whose share it says it is, in the JWE's header. */
  readonly sealedBy?: string;
  /** Members of the JWE's header. */
  readonly context?: { boot?: string; inst?: string; gen?: number; purpose?: string };
  readonly share?: SecretBytes;
}

/** One process on a store, and its admins. */
export class SealWorld {
  readonly clock: FixedClock;
  readonly store: Store;
  readonly admins: readonly TestAdmin[];
  readonly boot: BootKeys = createBootKeys();
  readonly nonces: NonceAuthority;
  readonly installation: Installation;

  constructor(
    o: Partial<Omit<InstallationOptions, 'admins'>> & {
      readonly admins?: readonly TestAdmin[];
      readonly testClock?: FixedClock;
    } = {},
  ) {
    const { admins, testClock, ...options } = o;
    this.clock = testClock ?? new FixedClock();
    this.store = o.store ?? new MemoryStore();
    this.admins = admins ?? [makeTestAdmin('alice'), makeTestAdmin('bob'), makeTestAdmin('carol')];
    this.nonces = new NonceAuthority({ replicaId: this.boot.replicaId, clock: this.clock });
    this.installation = new Installation({
      clock: this.clock,
      trustDomain: 'test.example',
      boot: this.boot,
      threshold: 1,
      acceptSingleHolder: false,
      isTransient: true,
      peerUnseal: 'attested',
      ...options,
      store: this.store,
      admins: this.admins.map(({ certificate }) => certificate),
    });
  }

  /** Initialised and unsealed, as a transient server is after its start. */
  static async unsealed(o: ConstructorParameters<typeof SealWorld>[0] = {}): Promise<SealWorld> {
    const world = new SealWorld(o);
    await world.installation.load();
    await world.installation.initialise();
    return world;
  }

  /** Another process on the same store with the same admins, loaded. */
  async restarted(o: ConstructorParameters<typeof SealWorld>[0] = {}): Promise<SealWorld> {
    const world = new SealWorld({ store: this.store, admins: this.admins, testClock: this.clock, ...o });
    await world.installation.load();
    return world;
  }

  admin(index = 0): TestAdmin {
    return this.admins[index]!;
  }

  /** Decrypts an admin's share, as its CLI does. */
  async shareOf(admin: TestAdmin): Promise<SecretBytes> {
    const status = this.installation.unsealStatus(admin.certificate.id);
    return (await openShare(status.share, admin.opening, status)).share;
  }

  async kekOf(admin: TestAdmin = this.admin()): Promise<SecretBytes> {
    using share = await this.shareOf(admin);
    return deriveKey(share, new Uint8Array(0), labels.kek);
  }

  /** A `letterlock-unseal+jws` for this process. */
  async unsealJws(admin: TestAdmin = this.admin(), change: ShareChanges = {}): Promise<string> {
    const status: UnsealStatusResponse = this.installation.unsealStatus(admin.certificate.id);
    const own = change.share ?? (await openShare(status.share, admin.opening, status)).share;
    const { boot, gen, inst } = status;
    const s = await sealUnsealShare({
      to: importSealingKey(status.benc),
      adminId: change.sealedBy ?? admin.certificate.id,
      boot,
      inst,
      gen,
      purpose: 'unseal',
      ...change.context,
      share: own,
    });
    const claims: UnsealClaims = {
      boot,
      c: shareCommitment(inst, gen, own),
      gen,
      iat: this.clock.nowSeconds(),
      inst,
      nonce: this.nonces.issue(),
      purpose: 'unseal',
      s,
      ...change.claims,
    };
    return signJws({ typ: change.typ ?? typ.unseal, key: change.signing ?? admin.signing, claims: { ...claims } });
  }

  async unseal(admin: TestAdmin = this.admin()): Promise<string> {
    const answer = await this.giveShare(await this.unsealJws(admin));
    if ('have' in answer) throw new TypeError(`only ${answer.have} of ${answer.k} shares`);
    return answer.transcript;
  }

  giveShare(jws: string): Promise<TranscriptResponse | ProgressResponse> {
    return this.installation.giveShare(jws, this.nonces, receivedDirect);
  }

  /** Gives the shares of these admins one after the other. @returns the answers */
  async giveShares(...indices: readonly number[]): Promise<readonly (TranscriptResponse | ProgressResponse)[]> {
    const answers: (TranscriptResponse | ProgressResponse)[] = [];
    for (const index of indices) answers.push(await this.giveShare(await this.unsealJws(this.admin(index))));
    return answers;
  }

  /** The signed operation of an admin, permitted as the server's handler does it. */
  async permitted<N extends 'seal' | 'share.ack' | 'peer_unseal.set' | 'images.set'>(
    op: N,
    args: Record<string, string | readonly string[]>,
    admin: TestAdmin = this.admin(),
  ): Promise<{ permitted: Permitted<N>; operation: AppliedOperation }> {
    const claims = {
      args,
      exp: this.clock.nowSeconds() + 60,
      inst: this.installation.configuration!.inst,
      nonce: randomIdentifier(),
      op,
    } as unknown as Operation;
    const verified = await verifyOperations([signOperation(admin.signing, claims)], {
      admins: new Map([...this.installation.admins()].map(([id, { verifyingKey }]) => [id, verifyingKey])),
      inst: this.installation.configuration!.inst,
      clock: this.clock,
      received: receivedDirect,
      k: () => 1,
    });
    if (!verified.isComplete) throw new TypeError('one signature is enough');
    const world = { grants: [], nowSeconds: this.clock.nowSeconds() };
    return { permitted: permit<N>({ act: op } as never, verified.proven, world), operation: verified };
  }

  async seal(admin: TestAdmin = this.admin()): Promise<{ readonly epoch: number }> {
    const { permitted, operation } = await this.permitted('seal', {}, admin);
    return this.installation.seal(permitted, operation);
  }

  async acknowledge(
    admin: TestAdmin = this.admin(),
    ack?: string,
  ): Promise<{ readonly have: number; readonly n: number }> {
    const value = ack ?? shareAcknowledgement(await this.shareOf(admin), this.installation.configuration!.inst);
    const { permitted, operation } = await this.permitted('share.ack', { ack: value }, admin);
    return this.installation.acknowledgeShare(permitted, value, operation);
  }

  /** An `init` operation by an admin. */
  initJws(admin: TestAdmin = this.admin(), change: { args?: Record<string, unknown>; exp?: number } = {}): string {
    const claims = {
      args: {
        admins: this.admins.map(({ der }) => encodeBase64url(der)),
        boot: this.boot.boot,
        k: 1,
        ...change.args,
      },
      exp: change.exp ?? this.clock.nowSeconds() + 600,
      nonce: randomIdentifier(),
      op: 'init',
    } as unknown as Operation;
    return signOperation(admin.signing, claims);
  }

  /** The audit records of this process that are stored, in order. */
  async auditRecords(): Promise<readonly AuditRecord[]> {
    const { barrier, audit } = this.installation.unsealed!;
    const records: AuditRecord[] = [];
    for (let seq = 1; seq <= audit.lastSeq; seq += 1) {
      const path = `au/${replicaName(this.boot)}/${seq}`;
      const [entry] = (await this.store.range({ key: barrier.keyOf(path) })).entries;
      if (entry === undefined) continue;
      records.push(JSON.parse(new TextDecoder().decode(barrier.open(path, entry.value))) as AuditRecord);
    }
    return records;
  }
}
