/**
 * An installation with one admin and empty registries over the memory store, and people who may register.
 * It must never be used outside tests.
 * @module
 */
import { randomIdentifier, signOperation, type Keyset, type SigningKey } from '@letterlock/crypto';
import {
  canonicalize,
  parseCanonical,
  type Evidence,
  type Operation,
  type RegisterRequest,
} from '@letterlock/protocol';
import { hash43 } from '@letterlock/crypto';
import { AuditTrail, auditPath, type AuditRecord } from '../../audit/index.ts';
import { permit, type ActionName, type ActionOf, type Permitted } from '../../policy/index.ts';
import { FakeBindings } from '../../policy/testing/fake-bindings.ts';
import type { Proven } from '../../proof/index.ts';
import { makeAdmin, provenCaller } from '../../proof/testing/proof-fixture.ts';
import { MemoryStore, type Store } from '../../store/index.ts';
import { FakeBarrier } from '../../store/testing/fake-barrier.ts';
import { FaultyStore } from '../../store/testing/faulty-store.ts';
import { FixedClock } from '../../store/testing/fixed-clock.ts';
import type { CertificateAuthorities } from '../evidence.ts';
import { GrantRegistry } from '../grant-registry.ts';
import { IdentityRegistry } from '../identity-registry.ts';
import { OperationLedger, type OperationOnce } from '../operation-ledger.ts';

const replica = 'AAAAAAAAAAA';

export class RegistryFixture {
  readonly inst: string = randomIdentifier();
  readonly admin: ReturnType<typeof makeAdmin> = makeAdmin();
  readonly clock: FixedClock = new FixedClock();
  readonly barrier: FakeBarrier = new FakeBarrier();
  readonly memory: MemoryStore = new MemoryStore();
  /** What the registries use: fails when told to. */
  readonly store: FaultyStore = new FaultyStore(this.memory);
  readonly audit: AuditTrail = new AuditTrail({ replica, barrier: this.barrier, clock: this.clock });
  readonly identities: IdentityRegistry;
  readonly grants: GrantRegistry;
  readonly ledger: OperationLedger = new OperationLedger(this);

  readonly bindings: FakeBindings = new FakeBindings();

  constructor(authorities: CertificateAuthorities = []) {
    this.identities = this.otherIdentities(authorities);
    this.grants = new GrantRegistry(this);
  }

  /** A registry of another replica over the same store. */
  otherIdentities(authorities: CertificateAuthorities = [], store: Store = this.store): IdentityRegistry {
    const { barrier, audit, clock, inst, admin } = this;
    const admins = new Map([[admin.known.id, admin.known]]);
    const { bindings } = this;
    return new IdentityRegistry({ store, barrier, audit, clock, inst, admins, authorities, bindings });
  }

  /** An operation signed by the admin, and how it is remembered. */
  sign<N extends Operation['op']>(
    op: N,
    args: Extract<Operation, { op: N }>['args'],
    change: { readonly key?: SigningKey; readonly inst?: string; readonly exp?: number } = {},
  ): { readonly jws: string; readonly once: OperationOnce } {
    const { key = this.admin.key, inst = this.inst, exp = this.clock.nowSeconds() + 600 } = change;
    const operation = { op, args, exp, inst, nonce: randomIdentifier() } as unknown as Operation;
    const oh = hash43(canonicalize(operation));
    return { jws: signOperation(key, operation), once: { oh, exp, signers: [key.thumbprint] } };
  }

  /** A permission of the admin for an operation. */
  asAdmin<N extends ActionName>(action: ActionOf<N>, factor: 'admin' | 'proof' = 'admin'): Permitted<N> {
    const proven = provenCaller({ id: this.admin.known.id, isAdmin: true, factor, binding: 'none' }, undefined);
    return permit<N>(action, proven, { grants: [], nowSeconds: this.clock.nowSeconds() });
  }

  /** Registers a keyset as its owner. */
  register(
    keyset: Keyset,
    evidence?: Evidence,
    identities: IdentityRegistry = this.identities,
  ): ReturnType<IdentityRegistry['register']> {
    const request = { keyset: keyset.jws, ...(evidence === undefined ? {} : { evidence }) };
    const proven: Proven<RegisterRequest> = provenCaller({ id: keyset.id, keyset }, request);
    const world = { grants: [], nowSeconds: this.clock.nowSeconds() };
    return identities.register(permit({ act: 'identity.register', id: keyset.id }, proven, world), proven, keyset);
  }

  /** Registers a keyset with an admin's operation as evidence. */
  registerByOperation(keyset: Keyset): ReturnType<IdentityRegistry['register']> {
    return this.register(keyset, { t: 'op', jws: this.sign('identity.put', { id: keyset.id }).jws });
  }

  async revoke(id: string): Promise<void> {
    const { once } = this.sign('identity.revoke', { id });
    await this.identities.revoke(this.asAdmin({ act: 'identity.revoke', id }), once);
  }

  async allow(id: string): Promise<void> {
    const { once } = this.sign('identity.put', { id });
    await this.identities.allow(this.asAdmin({ act: 'identity.put', id }), once);
  }

  /** Audit records in order: act, factor, object and outcome. */
  async audited(): Promise<readonly string[]> {
    const lines: string[] = [];
    for (let seq = 1; seq <= this.audit.lastSeq; seq += 1) {
      const path = auditPath(replica, seq);
      const { entries } = await this.memory.range({ key: this.barrier.keyOf(path) });
      if (entries[0] === undefined) continue;
      const record = parseCanonical(this.barrier.open(path, entries[0].value)) as unknown as AuditRecord;
      lines.push(`${record.act} ${record.factor} ${record.obj} ${record.outcome}`);
    }
    return lines;
  }
}
