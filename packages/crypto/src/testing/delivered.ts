/**
 * A whole delivery for tests: writer, reader, instance, envelope and answer, each part replaceable.
 * It must never be imported outside tests.
 * @module
 */
import { typ, type DeliveryClaims, type DeliveryResponse, type Envelope, type PublicJwk } from '@letterlock/protocol';
import { hash43, randomIdentifier } from '../bytes.ts';
import { sealDeliverySlot, signDelivery, type DeliveryToOpen } from '../delivery.ts';
import { readEnvelope, sealEnvelope, type EnvelopeToSeal } from '../envelope.ts';
import {
  generateOpeningKey,
  generateSigningKey,
  publicOf,
  publicOfOpening,
  type OpeningKeyKind,
  type SigningKeyKind,
} from '../keys.ts';
import { openJwe } from '../slot.ts';

export const issuedAt = 1_790_000_000;
export const selector = 'spiffe://prod.example/ns/team-a/sa/app';
export const binding = 'team-a/app';

export interface DeliveredOptions {
  readonly kind?: 'once' | 'kv';
  readonly mode?: 'e2e' | 'svc';
  readonly content?: Uint8Array;
  readonly signing?: SigningKeyKind;
  readonly opening?: OpeningKeyKind;
  readonly nonce?: string;
}

/** Everything that is needed to open, and everything that made it. */
export async function deliver(o: DeliveredOptions = {}) {
  const { kind = 'once', mode = 'e2e', content = Buffer.from('hunter2') } = o;
  const writer = generateSigningKey(o.signing);
  const instance = generateSigningKey();
  const reader = generateSigningKey();
  const encryption = generateOpeningKey(o.opening);
  const deliveryKey = generateOpeningKey();
  const sealed = await sealEnvelope({
    header: headerOf(kind, mode, reader.thumbprint),
    content,
    recipients: [publicOfOpening(encryption)],
    writer,
  });
  const read = readEnvelope(sealed.envelope);
  const slot = sealed.envelope.slots[0]!;
  const dslot = await sealDeliverySlot({
    to: publicOfOpening(deliveryKey),
    eh: sealed.eh,
    ...(mode === 'e2e'
      ? { content: 'slot', plaintext: slot }
      : { content: 'fk', plaintext: (await openJwe(slot, { typ: typ.slot, key: encryption })).plaintext.expose() }),
  });
  const bodyHash = hash43('the body that the reader sent');
  const cid = randomIdentifier();
  const claims: DeliveryClaims = {
    at: issuedAt + 1,
    ...(kind === 'kv' ? {} : { bhs: [bodyHash], cid, n: 1, until: issuedAt + 61 }),
    ds: hash43(dslot),
    eh: sealed.eh,
    id: sealed.header.id,
    kid: reader.thumbprint,
    ...(o.nonce === undefined ? {} : { nonce: o.nonce }),
    ph: read.ph,
    st: kind === 'kv' ? 'READ' : 'CLAIMED',
  };
  const toOpen: DeliveryToOpen = {
    answer: answerOf(sealed.envelope, { dslot, dlv: signDelivery(instance, claims), wkey: publicOf(writer).jwk }),
    expected: {
      ...(kind === 'kv' ? { path: sealed.header.path } : { id: sealed.header.id, cid }),
      ...(o.nonce === undefined ? {} : { nonce: o.nonce }),
      ...(mode === 'svc' ? { selector } : {}),
      readerId: reader.thumbprint,
      sentBodyHashes: [bodyHash],
    },
    instanceKey: publicOf(instance),
    deliveryKey,
    encryptionKeys: [encryption],
  };
  return { toOpen, writer, instance, reader, encryption, deliveryKey, sealed, claims, content };
}
export type Delivered = Awaited<ReturnType<typeof deliver>>;

/** The answer that carries an envelope without its slots. */
export function answerOf(
  envelope: Envelope,
  rest: Pick<DeliveryResponse, 'dslot' | 'dlv'> & { readonly wkey: PublicJwk },
): DeliveryResponse {
  const { hdr, payload, sig } = envelope;
  return { v: 1, hdr, payload, sig, ...rest, wkey: { ...rest.wkey } };
}

/** A header for one reader. */
export function headerOf(kind: 'once' | 'kv', mode: 'e2e' | 'svc', readerId: string): EnvelopeToSeal {
  return {
    kind,
    mode,
    path: 'team-a/db/password',
    iat: issuedAt,
    rcp: [mode === 'e2e' ? `k:${readerId}` : selector],
    ...(mode === 'svc' ? { bnd: binding } : {}),
    ...(kind === 'once' ? { ver: 1, exp: issuedAt + 86_400, win: 60 } : { ver: 7 }),
  };
}
