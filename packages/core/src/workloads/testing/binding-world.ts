/**
 * A small world for tests of what is written for a binding: its keys, a live binding, a pod that reads and one that writes.
 * It must never be shared between tests that change it.
 * @module
 */
import {
  generateOpeningKey,
  importSealingKey,
  openDelivery,
  publicOf,
  readEnvelope,
  sealEnvelope,
  type EnvelopeToSeal,
  type OpeningKey,
  type SealingKey,
} from '@letterlock/crypto';
import {
  canonicalBytes,
  deliveryResponse,
  encodeUtf8,
  readClaims,
  workloadSelectorOf,
  type DeliveryResponse,
  type Envelope,
} from '@letterlock/protocol';
import { AuditTrail } from '../../audit/audit-trail.ts';
import type { BindingSlotKeys } from '../../envelopes/binding-slot.ts';
import { permit } from '../../policy/index.ts';
import type { ActionName, ActionOf, Permitted } from '../../policy/permitted.ts';
import { FakeBindings, liveBinding } from '../../policy/testing/fake-bindings.ts';
import { prove, type Caller, type CallerWorkload } from '../../proof/proven.ts';
import { Secrets } from '../../secrets/secrets.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { FakeBarrier } from '../../store/testing/fake-barrier.ts';
import { FixedClock } from '../../store/testing/fixed-clock.ts';
import { callerFor, instanceKey, makeParty, type Party } from '../../wraps/testing/wrap-world.ts';
import { Wraps } from '../../wraps/wraps.ts';
import { BindingKeys } from '../binding-keys.ts';

export { instanceKey };
export const trustDomain = 'prod.example';
export const secretPath = 'k8s/shop/orders-db/db';
export const bnd = 'shop/orders-db';

export interface Pod extends Party {
  readonly workload: CallerWorkload;
  readonly selector: string;
}

let pods = 0;
export function makePodParty(change: Partial<CallerWorkload> = {}): Pod {
  pods += 1;
  const uid = `0f4a1c7e-2b39-4c52-9c0e-${String(pods).padStart(12, '0')}`;
  const workload = { td: trustDomain, ns: 'shop', sa: 'orders', pod: uid, by: 'svid', ...change } as const;
  return { ...makeParty(), workload, selector: workloadSelectorOf(workload) };
}

/** Two pods of the binding's ServiceAccount, one of another tenant, and the writer. */
export const readerPod = makePodParty();
export const otherPod = makePodParty();
export const foreignPod = makePodParty({ ns: 'bank', sa: 'ledger' });
export const writerPod = makePodParty({ ns: 'ci', sa: 'deployer' });

export interface MadeEnvelope {
  readonly envelope: Envelope;
  readonly id: string;
}
export interface EnvelopeChange extends Partial<EnvelopeToSeal> {
  readonly to?: readonly SealingKey[];
  readonly by?: Party;
  readonly content?: string;
}

export class BindingWorld {
  readonly store = new MemoryStore();
  readonly barrier = new FakeBarrier();
  readonly clock = new FixedClock();
  readonly audit = new AuditTrail({ replica: 'AAAAAAAAAAA', barrier: this.barrier, clock: this.clock });
  readonly bindings = new FakeBindings(liveBinding());
  readonly keys: BindingKeys;
  /** How often a private key was asked for. */
  asked = 0;
  readonly secrets: Secrets;
  readonly wraps: Wraps;

  constructor() {
    const { store, barrier, clock, audit } = this;
    const common = { store, barrier, clock, audit, instanceKey };
    this.keys = new BindingKeys(common);
    const counted: BindingSlotKeys = {
      currentOf: (namespace, name) => this.keys.currentOf(namespace, name),
      openingKeyOf: (binding, kid) => {
        this.asked += 1;
        return this.keys.openingKeyOf(binding, kid);
      },
    };
    const keysets = new Map([readerPod, otherPod].map(({ id, keyset }) => [id, keyset]));
    const directory = { currentKeyset: (id: string) => Promise.resolve(keysets.get(id)) };
    const support = { trustDomain, keys: counted };
    this.secrets = new Secrets({
      ...common,
      directory,
      quota: { liveSecretVersionsPerIdentity: 100 },
      bindings: support,
    });
    this.wraps = new Wraps({
      ...common,
      directory,
      quota: { liveWrapsPerIdentity: 100 },
      tombstoneSeconds: 3600,
      bindings: support,
    });
  }

  async bindingKey(name = 'orders-db'): Promise<SealingKey> {
    return importSealingKey((await this.keys.ensure('shop', name)).jwk);
  }

  async make(change: EnvelopeChange = {}): Promise<MadeEnvelope> {
    const { to, by = writerPod, content = 'content', ...header } = change;
    const { envelope, header: made } = await sealEnvelope({
      header: {
        kind: 'kv',
        mode: 'svc',
        path: secretPath,
        ver: 1,
        iat: this.clock.nowSeconds(),
        rcp: [readerPod.selector],
        bnd,
        ...header,
      },
      content: encodeUtf8(content),
      recipients: to ?? [await this.bindingKey()],
      writer: by.sig,
    });
    return { envelope, id: made.id };
  }

  /** As a once-only item. */
  makeOnce(change: EnvelopeChange = {}): Promise<MadeEnvelope> {
    const exp = this.clock.nowSeconds() + 3600;
    return this.make({ kind: 'once', exp, win: 60, ...change });
  }

  permit<N extends ActionName>(action: ActionOf<N>, pod: Pod, change: Partial<Caller> = {}): Permitted<N> {
    const caller = callerFor(pod, { factor: 'svid', workload: pod.workload, listener: 'agent', ...change });
    const world = { grants: [], nowSeconds: this.clock.nowSeconds(), bindings: this.bindings };
    return permit<N>(action, prove(caller, {}), world);
  }

  async write({ envelope }: MadeEnvelope, by: Pod = writerPod) {
    const read = readEnvelope(envelope);
    const { id, path, wrt: writer } = read.header;
    const action = { act: 'secret.write', id, path, writer } as const;
    const permitted = this.permit<'secret.write'>(action, by, { factor: 'svid-token' });
    return this.secrets.write(permitted, canonicalBytes(envelope), read);
  }

  async storeOnce({ envelope }: MadeEnvelope, by: Pod = writerPod) {
    const read = readEnvelope(envelope);
    const { id, path, wrt: writer } = read.header;
    const action = { act: 'wrap.store', id, path, writer } as const;
    const permitted = this.permit<'wrap.store'>(action, by, { factor: 'svid-token' });
    return this.wraps.store(permitted, canonicalBytes(envelope), read);
  }

  /** Reads and opens as an agent does. */
  async contentFor(pod: Pod, ver?: number): Promise<string> {
    const rpk = generateOpeningKey();
    const permitted = this.permit<'secret.read'>({ act: 'secret.read', path: secretPath }, pod);
    const request = { path: secretPath, rpk: { ...rpk.jwk }, ...(ver === undefined ? {} : { ver }) };
    const answer = readClaims(deliveryResponse, await this.secrets.read(permitted, request));
    return this.#open(answer, pod, rpk, { path: secretPath, nonce: permitted.caller.nonce! });
  }

  /** Claims and opens as an agent does. */
  async openOnce(pod: Pod, id: string, cid: string): Promise<string> {
    const rpk = generateOpeningKey();
    const permitted = this.permit<'wrap.open'>({ act: 'wrap.open', id }, pod);
    const answer = readClaims(deliveryResponse, await this.wraps.open(permitted, { cid, rpk: { ...rpk.jwk } }));
    const { nonce, bodyHash } = permitted.caller;
    return this.#open(answer, pod, rpk, { id, cid, nonce: nonce!, sentBodyHashes: [bodyHash] });
  }

  async #open(answer: DeliveryResponse, pod: Pod, deliveryKey: OpeningKey, expected: object): Promise<string> {
    const { content } = await openDelivery({
      answer,
      expected: { sentBodyHashes: [], ...expected, readerId: pod.id, selector: pod.selector },
      instanceKey: publicOf(instanceKey),
      deliveryKey,
      encryptionKeys: [pod.enc],
    });
    return Buffer.from(content.expose()).toString();
  }
}
