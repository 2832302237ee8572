/**
 * A small world for tests of secrets: a store, a barrier, a clock, an instance key and parties with real keys.
 * It must never be shared between tests that change it.
 * @module
 */
import {
  generateOpeningKey,
  openDelivery,
  publicOf,
  readEnvelope,
  sealEnvelope,
  verifyReceipt,
  type EnvelopeToSeal,
  type OpeningKey,
  type ReadEnvelope,
  type SealingKey,
} from '@letterlock/crypto';
import {
  canonicalBytes,
  deliveryResponse,
  parseCanonical,
  readClaims,
  type DeliveryResponse,
  type Envelope,
  type Grant,
  type ReadSecretRequest,
  type ReceiptClaims,
} from '@letterlock/protocol';
import { AuditTrail, auditPath } from '../../audit/audit-trail.ts';
import type { AuditRecord } from '../../audit/record.ts';
import { permit } from '../../policy/index.ts';
import type { ActionName, ActionOf, Permitted } from '../../policy/permitted.ts';
import { prove } from '../../proof/proven.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import type { Store } from '../../store/store.ts';
import { FakeBarrier } from '../../store/testing/fake-barrier.ts';
import { FaultyStore } from '../../store/testing/faulty-store.ts';
import { FixedClock } from '../../store/testing/fixed-clock.ts';
import {
  callerFor,
  instanceKey,
  reader,
  stranger,
  writer,
  type CallerChange,
  type Party,
} from '../../wraps/testing/wrap-world.ts';
import { Secrets } from '../secrets.ts';

export { reader, stranger, writer };

export const path = 'team-a/db/password';
export const replica = 'AAAAAAAAAAA';

export interface MadeVersion {
  readonly envelope: Envelope;
  readonly read: ReadEnvelope;
}

export interface VersionChange extends Partial<EnvelopeToSeal> {
  readonly to?: readonly Party[];
  readonly by?: Party;
  readonly content?: string;
  readonly slotsFor?: readonly SealingKey[];
}

/** What a party may do unless a test says otherwise: everything. */
const everything: readonly Omit<Grant, 'who'>[] = [{ verbs: ['write', 'read', 'list', 'destroy'], path: 'team-a' }];

export class SecretsWorld {
  readonly memory = new MemoryStore();
  readonly store: FaultyStore;
  readonly barrier = new FakeBarrier();
  readonly clock = new FixedClock(1_790_000_000);
  readonly audit: AuditTrail;
  readonly keysets = new Map([writer, reader, stranger].map(({ id, keyset }) => [id, keyset]));
  readonly secrets: Secrets;

  readonly #quota: { readonly liveSecretVersionsPerIdentity: number };

  constructor(
    o: { readonly store?: (memory: Store) => Store; readonly replica?: string; readonly liveVersions?: number } = {},
  ) {
    const name = o.replica ?? replica;
    this.#quota = { liveSecretVersionsPerIdentity: o.liveVersions ?? 1000 };
    this.store = new FaultyStore(o.store?.(this.memory) ?? this.memory);
    this.audit = new AuditTrail({ replica: name, barrier: this.barrier, clock: this.clock });
    this.secrets = this.replica(name, this.store, this.audit);
  }

  /** Secrets of another process over a store. */
  replica(name: string, store: Store, audit?: AuditTrail): Secrets {
    return new Secrets({
      store,
      barrier: this.barrier,
      audit: audit ?? new AuditTrail({ replica: name, barrier: this.barrier, clock: this.clock }),
      clock: this.clock,
      instanceKey,
      directory: { currentKeyset: async (id) => this.keysets.get(id) },
      quota: this.#quota,
    });
  }

  async make(ver: number, change: VersionChange = {}): Promise<MadeVersion> {
    const { to = [reader], by = writer, content = `content ${ver}`, slotsFor, ...header } = change;
    const { envelope } = await sealEnvelope({
      header: {
        kind: 'kv',
        mode: 'e2e',
        path,
        ver,
        iat: this.clock.nowSeconds(),
        rcp: to.map(({ id }) => `k:${id}`),
        ...header,
      },
      content: new TextEncoder().encode(content),
      recipients: slotsFor ?? to.map(({ keyset }) => keyset.enc),
      writer: by.sig,
    });
    return { envelope, read: readEnvelope(envelope) };
  }

  /** Through the real policy. */
  permit<N extends ActionName>(
    action: ActionOf<N>,
    party: Party,
    o: { readonly grants?: readonly Omit<Grant, 'who'>[]; readonly caller?: CallerChange } = {},
  ): Permitted<N> {
    const grants = (o.grants ?? everything).map((grant) => ({ ...grant, who: party.id }));
    const caller = callerFor(party, o.caller);
    return permit<N>(action, prove(caller, {}), { grants, nowSeconds: this.clock.nowSeconds() });
  }

  async write(made: MadeVersion, by: Party = writer, secrets = this.secrets) {
    const { id, path: at, wrt } = made.read.header;
    const permitted = this.permit<'secret.write'>({ act: 'secret.write', id, path: at, writer: wrt }, by, {
      grants: [...everything, { verbs: ['write'], path: 'top' }],
    });
    const { created, rcpt } = await secrets.write(permitted, canonicalBytes(made.envelope), made.read);
    return { created, receipt: receiptOf(rcpt) };
  }

  /** Writes versions one after the other. */
  async writeAll(versions: readonly number[], change: VersionChange = {}): Promise<void> {
    for (const ver of versions) await this.write(await this.make(ver, change));
  }

  async read(
    request: Omit<ReadSecretRequest, 'path' | 'rpk'> & { readonly path?: string } = {},
    party: Party = reader,
    caller: CallerChange = {},
    secrets = this.secrets,
  ): Promise<{ readonly answer: DeliveryResponse; readonly deliveryKey: OpeningKey; readonly nonce: string }> {
    const deliveryKey = generateOpeningKey();
    const full = { path, ...request, rpk: { ...deliveryKey.jwk } };
    const permitted = this.permit<'secret.read'>({ act: 'secret.read', path: full.path }, party, { caller });
    const answer = readClaims(deliveryResponse, await secrets.read(permitted, full));
    return { answer, deliveryKey, nonce: permitted.caller.nonce! };
  }

  /** Reads as a reader does, with its whole check. */
  async contentOf(request: { readonly ver?: number; readonly path?: string } = {}, party = reader): Promise<string> {
    const { answer, deliveryKey, nonce } = await this.read(request, party);
    const { content } = await openDelivery({
      answer,
      expected: { path: request.path ?? path, nonce, readerId: party.id, sentBodyHashes: [] },
      instanceKey: publicOf(instanceKey),
      deliveryKey,
      encryptionKeys: [party.enc],
    });
    return Buffer.from(content.expose()).toString();
  }

  async destroy(ver: number, party: Party = writer, secrets = this.secrets): Promise<ReceiptClaims> {
    const permitted = this.permit<'secret.destroy'>({ act: 'secret.destroy', path }, party);
    return receiptOf((await secrets.destroy(permitted, { path, ver })).rcpt);
  }

  list(
    o: { readonly path?: string; readonly after?: string; readonly limit?: number } = {},
    grants: readonly Omit<Grant, 'who'>[] = everything,
  ) {
    return this.secrets.list(this.permit<'secret.list'>({ act: 'secret.list', path: o.path }, reader, { grants }), o);
  }

  versions(o: { readonly after?: number; readonly limit?: number } = {}) {
    const permitted = this.permit<'secret.versions'>({ act: 'secret.versions', path }, reader);
    return this.secrets.versions(permitted, { path, ...o });
  }

  /** Audit records of one process, in their order; undefined for a number without one. */
  async recordsOf(name: string = replica, last = this.audit.lastSeq): Promise<(AuditRecord | undefined)[]> {
    const records: (AuditRecord | undefined)[] = [];
    for (let seq = 1; seq <= last; seq += 1) {
      const at = auditPath(name, seq);
      const [entry] = (await this.memory.range({ key: this.barrier.keyOf(at) })).entries;
      records.push(
        entry === undefined
          ? undefined
          : (parseCanonical(this.barrier.open(at, entry.value)) as unknown as AuditRecord),
      );
    }
    return records;
  }
}

export function receiptOf(rcpt: string): ReceiptClaims {
  return verifyReceipt(rcpt, publicOf(instanceKey));
}
