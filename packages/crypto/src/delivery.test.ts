/** Envelope and delivery, sealed and opened again. @module */
import { describe, expect, test } from '@jest/globals';
import { typ } from '@letterlock/protocol';
import { hash43, randomIdentifier } from './bytes.ts';
import { openDelivery, sealDeliverySlot, signDelivery } from './delivery.ts';
import { readEnvelope, sealEnvelope, verifyEnvelope } from './envelope.ts';
import {
  generateOpeningKey,
  generateSigningKey,
  publicOf,
  publicOfOpening,
  type OpeningKeyKind,
  type SigningKeyKind,
} from './keys.ts';
import { openJwe } from './slot.ts';

const iat = 1_790_000_000;

describe('openDelivery()', () => {
  test.each<{ name: string; signing: SigningKeyKind; opening: OpeningKeyKind; mode: 'e2e' | 'svc' }>([
    { name: 'P-256 e2e', signing: 'P-256', opening: 'P-256', mode: 'e2e' },
    { name: 'P-384 e2e', signing: 'P-384', opening: 'P-384', mode: 'e2e' },
    { name: 'curve25519 e2e', signing: 'Ed25519', opening: 'X25519', mode: 'e2e' },
    { name: 'RSA e2e', signing: 'RSA', opening: 'RSA', mode: 'e2e' },
    { name: 'P-256 svc', signing: 'P-256', opening: 'P-256', mode: 'svc' },
  ])('gives back what was sealed: $name', async ({ signing, opening, mode }) => {
    const writer = generateSigningKey(signing);
    const reader = generateSigningKey();
    const encryption = generateOpeningKey(opening);
    const instance = generateSigningKey();
    const rpk = generateOpeningKey();
    const selector = 'spiffe://prod.example/ns/a/sa/b';
    const sealed = await sealEnvelope({
      header: {
        kind: 'once',
        mode,
        path: 'team-a/db',
        ver: 1,
        iat,
        exp: iat + 60,
        win: 60,
        rcp: [mode === 'e2e' ? `k:${reader.thumbprint}` : selector],
        ...(mode === 'svc' ? { bnd: 'a/b' } : {}),
      },
      content: Buffer.from('hunter2'),
      recipients: [publicOfOpening(encryption)],
      writer,
    });
    const read = readEnvelope(sealed.envelope);
    verifyEnvelope(read, publicOf(writer));
    expect(read.slotKids).toEqual([encryption.thumbprint]);
    const [slot = ''] = sealed.envelope.slots;
    const plaintext =
      mode === 'e2e' ? slot : (await openJwe(slot, { typ: typ.slot, key: encryption })).plaintext.expose();
    const dslot = await sealDeliverySlot({
      to: publicOfOpening(rpk),
      eh: sealed.eh,
      content: mode === 'e2e' ? 'slot' : 'fk',
      plaintext,
    });
    const cid = randomIdentifier();
    const bh = hash43('body');
    const dlv = signDelivery(instance, {
      at: iat,
      bhs: [bh],
      cid,
      ds: hash43(dslot),
      eh: sealed.eh,
      id: sealed.header.id,
      kid: reader.thumbprint,
      n: 1,
      ph: read.ph,
      st: 'CLAIMED',
      until: iat + 60,
    });
    const { hdr, payload, sig } = sealed.envelope;
    const opened = await openDelivery({
      answer: { v: 1, hdr, payload, sig, dslot, dlv, wkey: { ...publicOf(writer).jwk } },
      expected: { id: sealed.header.id, cid, readerId: reader.thumbprint, sentBodyHashes: [bh], selector },
      instanceKey: publicOf(instance),
      deliveryKey: rpk,
      encryptionKeys: [encryption],
    });
    expect(Buffer.from(opened.content.expose()).toString()).toBe('hunter2');
  });
});
