/**
 * A small world for tests of wraps: a store, a barrier, a clock, an instance key and three parties with real keys.
 * It must never be shared between tests that change it.
 * @module
 */
import {
  createKeyset,
  generateOpeningKey,
  generateSigningKey,
  hash43,
  randomIdentifier,
  readEnvelope,
  SecretBytes,
  sealEnvelope,
  verifyKeyset,
  type EnvelopeToSeal,
  type Keyset,
  type OpeningKey,
  type ReadEnvelope,
  type SealingKey,
  type SigningKey,
} from '@letterlock/crypto';
import {
  canonicalBytes,
  deliveryResponse,
  encodeBase64url,
  readClaims,
  type AcknowledgeRequest,
  type Envelope,
  type OpenRequest,
} from '@letterlock/protocol';
import { AuditTrail } from '../../audit/audit-trail.ts';
import type { ActionName, ActionOf, Permitted } from '../../policy/permitted.ts';
import { permit } from '../../policy/index.ts';
import { prove, type Caller } from '../../proof/proven.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import type { Store } from '../../store/store.ts';
import { FakeBarrier } from '../../store/testing/fake-barrier.ts';
import { FaultyStore } from '../../store/testing/faulty-store.ts';
import { FixedClock } from '../../store/testing/fixed-clock.ts';
import { Wraps } from '../wraps.ts';

/** Somebody with a keyset. */
export interface Party {
  readonly id: string;
  readonly sig: SigningKey;
  readonly enc: OpeningKey;
  readonly keyset: Keyset;
}

const startSeconds = 1_790_000_000;

export function makeParty(
  o: { readonly sig?: SigningKey; readonly enc?: OpeningKey; readonly exp?: number } = {},
): Party {
  const sig = o.sig ?? generateSigningKey();
  const enc = o.enc ?? generateOpeningKey();
  // Only the public half of `enc` is in a keyset, so anybody can put another's there.
  const jws = createKeyset({
    sig,
    enc: enc as unknown as SealingKey,
    seq: 1,
    iat: startSeconds,
    ...(o.exp === undefined ? {} : { exp: o.exp }),
  });
  return { id: sig.thumbprint, sig, enc, keyset: verifyKeyset(jws) };
}

/** Keys are expensive, and nothing changes them: made once for all tests. */
export const writer = makeParty();
export const reader = makeParty();
export const stranger = makeParty();
export const instanceKey = generateSigningKey();

export interface MadeWrap {
  readonly id: string;
  readonly envelope: Envelope;
  readonly read: ReadEnvelope;
}

export type CallerChange = Partial<Caller>;

let requests = 0;

/** A proven caller with a nonce and a request of its own each time. */
export function callerFor(party: Party, change: CallerChange = {}): Caller {
  requests += 1;
  return {
    id: party.id,
    isAdmin: false,
    keyset: party.keyset,
    factor: 'proof',
    binding: 'exporter',
    listener: 'direct',
    proof: `signed.request.${requests}`,
    nonce: encodeBase64url(SecretBytes.random(40).expose()),
    bodyHash: hash43(`body ${requests}`),
    requestId: `request-${requests}`,
    ...change,
  };
}

/** What mutual TLS changes of a caller. */
export const byMtls = { factor: 'mtls', binding: 'key', proof: undefined, nonce: undefined } as const;

export class WrapWorld {
  readonly memory = new MemoryStore();
  readonly store: FaultyStore;
  readonly barrier = new FakeBarrier();
  readonly clock = new FixedClock(startSeconds);
  readonly audit: AuditTrail;
  readonly keysets = new Map([writer, reader, stranger].map(({ id, keyset }) => [id, keyset]));
  readonly wraps: Wraps;

  constructor(
    o: {
      readonly liveWrapsPerIdentity?: number;
      readonly store?: (memory: Store) => Store;
      readonly replica?: string;
      readonly tombstoneSeconds?: number;
    } = {},
  ) {
    this.store = new FaultyStore(o.store?.(this.memory) ?? this.memory);
    this.audit = new AuditTrail({ replica: o.replica ?? 'AAAAAAAAAAA', barrier: this.barrier, clock: this.clock });
    this.wraps = this.#makeWraps(this.store, this.audit, o);
  }

  /** Another replica over the same store. */
  replica(
    name: string,
    store: Store = this.memory,
    audit = new AuditTrail({ replica: name, barrier: this.barrier, clock: this.clock }),
  ): Wraps {
    return this.#makeWraps(store, audit, {});
  }

  #makeWraps(
    store: Store,
    audit: AuditTrail,
    o: { readonly liveWrapsPerIdentity?: number; readonly tombstoneSeconds?: number },
  ): Wraps {
    return new Wraps({
      store,
      barrier: this.barrier,
      audit,
      clock: this.clock,
      instanceKey,
      directory: { currentKeyset: async (id) => this.keysets.get(id) },
      quota: { liveWrapsPerIdentity: o.liveWrapsPerIdentity ?? 1000 },
      tombstoneSeconds: o.tombstoneSeconds ?? 3600,
    });
  }

  async makeWrap(
    change: Partial<EnvelopeToSeal> = {},
    o: { readonly by?: Party; readonly slotFor?: SealingKey; readonly content?: string } = {},
  ): Promise<MadeWrap> {
    const now = this.clock.nowSeconds();
    const { envelope, header } = await sealEnvelope({
      header: {
        kind: 'once',
        mode: 'e2e',
        path: 'team-a/db/password',
        ver: 1,
        iat: now,
        exp: now + 86_400,
        win: 60,
        rcp: [`k:${reader.id}`],
        ...change,
      },
      content: new TextEncoder().encode(o.content ?? 'hunter2'),
      recipients: [o.slotFor ?? reader.keyset.enc],
      writer: (o.by ?? writer).sig,
    });
    return { id: header.id, envelope, read: readEnvelope(envelope) };
  }

  /** Through the real policy: the writer may wrap and, unless `grants` says otherwise, that is all. */
  permit<N extends ActionName>(
    action: ActionOf<N>,
    caller: Caller,
    verbs: readonly ('wrap' | 'destroy')[] = ['wrap'],
  ): Permitted<N> {
    const grants = [{ who: caller.id, verbs, path: 'team-a' }];
    return permit<N>(action, prove(caller, {}), { grants, nowSeconds: this.clock.nowSeconds() });
  }

  storeAs(party: Party, wrap: MadeWrap, change: CallerChange = {}, wraps = this.wraps) {
    const { id, path, wrt } = wrap.read.header;
    const action = { act: 'wrap.store', id, path, writer: wrt } as const;
    const permitted = this.permit<'wrap.store'>(action, callerFor(party, change));
    return wraps.store(permitted, canonicalBytes(wrap.envelope), wrap.read);
  }

  async openAs(party: Party, id: string, request: OpenRequest, change: CallerChange = {}, wraps = this.wraps) {
    const permitted = this.permit<'wrap.open'>({ act: 'wrap.open', id }, callerFor(party, change));
    return readClaims(deliveryResponse, await wraps.open(permitted, request));
  }

  acknowledgeAs(party: Party, id: string, request: AcknowledgeRequest, change: CallerChange = {}, wraps = this.wraps) {
    const permitted = this.permit<'wrap.acknowledge'>({ act: 'wrap.acknowledge', id }, callerFor(party, change));
    return wraps.acknowledge(permitted, request);
  }

  revokeAs(party: Party, id: string, o: { readonly mayDestroy?: boolean } & CallerChange = {}, wraps = this.wraps) {
    const { mayDestroy, ...change } = o;
    return wraps.revoke(
      this.permit<'wrap.revoke'>(
        { act: 'wrap.revoke', id },
        callerFor(party, change),
        mayDestroy === true ? ['destroy'] : ['wrap'],
      ),
    );
  }

  statusAs(party: Party, id: string, change: CallerChange = {}, wraps = this.wraps) {
    return wraps.status(this.permit<'wrap.status'>({ act: 'wrap.status', id }, callerFor(party, change)));
  }
}

/** A claim id and a fresh delivery key, as a client makes them before it sends anything. */
export function makeClaim(): { readonly request: OpenRequest; readonly deliveryKey: OpeningKey; readonly cid: string } {
  const deliveryKey = generateOpeningKey();
  const cid = randomIdentifier();
  return { request: { cid, rpk: { ...deliveryKey.jwk } }, deliveryKey, cid };
}
