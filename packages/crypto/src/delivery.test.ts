/** Deliveries: what a reader accepts, and each single thing that it must refuse. @module */
import { describe, expect, test } from '@jest/globals';
import { canonicalize, typ, type DeliveryClaims, type DeliveryResponse } from '@letterlock/protocol';
import { hash43, randomIdentifier } from './bytes.ts';
import { openDelivery, sealDeliverySlot, signDelivery, type ExpectedDelivery } from './delivery.ts';
import { sealEnvelope } from './envelope.ts';
import { signJws } from './jws.ts';
import {
  generateOpeningKey,
  generateSigningKey,
  publicOf,
  publicOfOpening,
  type OpeningKey,
  type OpeningKeyKind,
  type SigningKeyKind,
} from './keys.ts';
import { createKeyset, verifyKeyset } from './keyset.ts';
import { fileKeyCommitment, sealPayload } from './payload.ts';
import { SecretBytes } from './secret-bytes.ts';
import { openJwe, sealJweNow } from './slot.ts';
import { withFlippedBit, withHeader } from './testing/compact.ts';
import { answerOf, deliver, headerOf, issuedAt, selector, type Delivered } from './testing/delivered.ts';
import { refusalOf } from './testing/problems.ts';

const nonce = 'L5TJa_giNdzmaouKIbXGSkac7MBRhLW-YZPXwy3uHi_rAdDBoJ-KSg';
const once = await deliver({ nonce });
const svc = await deliver({ mode: 'svc', nonce });
const kv = await deliver({ kind: 'kv', nonce });
const stranger = generateSigningKey();
const other = await deliver({ nonce });
const fileKey = SecretBytes.random(32).expose();
const ownSlot = once.sealed.envelope.slots[0]!;

interface Change {
  readonly answer?: Partial<DeliveryResponse>;
  readonly claims?: Partial<Record<keyof DeliveryClaims, unknown>>;
  readonly expected?: Partial<Record<keyof ExpectedDelivery, unknown>>;
  readonly deliveryKey?: OpeningKey;
  readonly encryptionKeys?: readonly OpeningKey[];
}

/** Opens with one part of the answer, the expectation or the keys changed. */
function openWith(base: Delivered, change: Change) {
  const claims = withoutAbsent({ ...base.claims, ...change.claims }) as unknown as DeliveryClaims;
  const { answer, expected, ...keys } = base.toOpen;
  return openDelivery({
    ...keys,
    answer: { ...answer, dlv: signDelivery(base.instance, claims), ...change.answer },
    expected: withoutAbsent({ ...expected, ...change.expected }) as unknown as ExpectedDelivery,
    ...(change.deliveryKey === undefined ? {} : { deliveryKey: change.deliveryKey }),
    ...(change.encryptionKeys === undefined ? {} : { encryptionKeys: change.encryptionKeys }),
  });
}
const withoutAbsent = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));

/** A delivery slot of another content, with the delivery signed over it. */
async function otherSlot(base: Delivered, content: 'slot' | 'fk', plaintext: Uint8Array | string, eh = base.sealed.eh) {
  const dslot = await sealDeliverySlot({ to: publicOfOpening(base.deliveryKey), eh, content, plaintext });
  return { answer: { dslot }, claims: { ds: hash43(dslot) } };
}

describe('openDelivery()', () => {
  test.each<{
    name: string;
    signing: SigningKeyKind;
    opening: OpeningKeyKind;
    mode: 'e2e' | 'svc';
    kind: 'once' | 'kv';
  }>([
    { name: 'P-256', signing: 'P-256', opening: 'P-256', mode: 'e2e', kind: 'once' },
    { name: 'P-384', signing: 'P-384', opening: 'P-384', mode: 'e2e', kind: 'once' },
    { name: 'curve25519', signing: 'Ed25519', opening: 'X25519', mode: 'e2e', kind: 'once' },
    { name: 'RSA', signing: 'RSA', opening: 'RSA', mode: 'e2e', kind: 'once' },
    { name: 'a binding', signing: 'P-256', opening: 'P-256', mode: 'svc', kind: 'once' },
    { name: 'a secret', signing: 'P-256', opening: 'P-256', mode: 'e2e', kind: 'kv' },
    { name: 'a secret of a binding', signing: 'P-256', opening: 'P-256', mode: 'svc', kind: 'kv' },
  ])('gives back what was sealed: $name', async ({ signing, opening, mode, kind }) => {
    const delivered = await deliver({ signing, opening, mode, kind });
    const opened = await openDelivery(delivered.toOpen);
    expect(Buffer.from(opened.content.expose()).toString()).toBe('hunter2');
    expect(opened.header).toEqual(delivered.sealed.header);
    expect(opened.delivery).toEqual(delivered.claims);
    expect(opened.writer.thumbprint).toBe(delivered.writer.thumbprint);
  });

  test('opens to the registered encryption key where the request named no rpk', async () => {
    const dslot = await sealDeliverySlot({
      to: publicOfOpening(once.encryption),
      eh: once.sealed.eh,
      content: 'slot',
      plaintext: once.sealed.envelope.slots[0]!,
    });
    const opened = await openWith(once, {
      answer: { dslot },
      claims: { ds: hash43(dslot) },
      deliveryKey: once.encryption,
    });
    expect(opened.content.lengthBytes).toBe(7);
  });

  test('opens with an older encryption key', async () => {
    const opened = await openWith(once, { encryptionKeys: [generateOpeningKey(), once.encryption] });
    expect(opened.content.lengthBytes).toBe(7);
  });

  test('accepts every delivery of the claim when all were the reader’s own requests', async () => {
    const hashes = ['1', '2', '3'].map((body) => hash43(body));
    const opened = await openWith(once, { claims: { bhs: hashes, n: 3 }, expected: { sentBodyHashes: hashes } });
    expect(opened.delivery.n).toBe(3);
  });

  test('throws a caller its bug: neither or both of id and path', async () => {
    await expect(openWith(once, { expected: { id: undefined } })).rejects.toThrow('need either the id or the path');
    await expect(openWith(once, { expected: { path: 'a' } })).rejects.toThrow('need either the id or the path');
  });

  test.each<{
    name: string;
    base?: Delivered;
    change: Change | (() => Promise<Change>);
    reason: string;
    code?: string;
  }>([
    // The envelope and its writer
    { name: 'another header', change: { answer: { hdr: other.toOpen.answer.hdr } }, reason: 'envelope_hash' },
    { name: 'another payload', change: { answer: { payload: other.toOpen.answer.payload } }, reason: 'envelope_hash' },
    {
      name: 'a changed payload',
      change: { answer: { payload: withFlippedBit(once.toOpen.answer.payload, 3, 1) } },
      reason: 'envelope_hash',
    },
    { name: 'another signature', change: { answer: { sig: other.toOpen.answer.sig } }, reason: 'signature_invalid' },
    {
      name: 'a changed signature',
      change: { answer: { sig: withFlippedBit(once.toOpen.answer.sig, 2, 1) } },
      reason: 'signature_invalid',
    },
    {
      name: 'the key of another writer',
      change: { answer: { wkey: other.toOpen.answer.wkey } },
      reason: 'envelope_writer',
    },
    {
      name: 'a writer’s key that is not canonical',
      change: { answer: { wkey: { ...once.toOpen.answer.wkey, use: 'sig' } } },
      reason: 'key_members',
      code: 'bad_key',
    },
    {
      name: 'a writer who is not allowed',
      change: { expected: { isWriterAllowed: () => false } },
      reason: 'writer_not_allowed',
    },
    // What was asked for
    {
      name: 'another id than asked for',
      change: { expected: { id: randomIdentifier() } },
      reason: 'delivery_other_item',
    },
    {
      name: 'a wrap where a secret was asked for',
      change: { expected: { id: undefined, path: once.sealed.header.path } },
      reason: 'delivery_other_item',
    },
    {
      name: 'a secret where a wrap was asked for',
      base: kv,
      change: { expected: { id: kv.sealed.header.id, path: undefined } },
      reason: 'delivery_other_item',
    },
    {
      name: 'another path than asked for',
      base: kv,
      change: { expected: { path: 'team-a/db/other' } },
      reason: 'delivery_other_item',
    },
    { name: 'a delivery at the expiry', change: { claims: { at: issuedAt + 86_400 } }, reason: 'envelope_expired' },
    {
      name: 'another reader’s item',
      change: { expected: { readerId: stranger.thumbprint } },
      reason: 'envelope_recipient',
    },
    {
      name: 'a workload that is not named',
      base: svc,
      change: { expected: { selector: `${selector}-2` } },
      reason: 'envelope_recipient',
    },
    {
      name: 'no workload name',
      base: svc,
      change: { expected: { selector: undefined } },
      reason: 'envelope_recipient',
    },
    // The signed delivery
    {
      name: 'a delivery by another instance',
      change: { answer: { dlv: signDelivery(stranger, once.claims) } },
      reason: 'delivery_signature',
    },
    {
      name: 'a delivery with a changed signature',
      change: { answer: { dlv: withFlippedBit(once.toOpen.answer.dlv, 2, 1) } },
      reason: 'delivery_signature',
    },
    {
      name: 'a receipt in place of the delivery',
      change: { answer: { dlv: signJws({ typ: typ.receipt, key: once.instance, claims: canonicalize(once.claims) }) } },
      reason: 'wrong_typ',
      code: 'bad_encoding',
    },
    {
      name: 'a delivery to another reader',
      change: { claims: { kid: stranger.thumbprint } },
      reason: 'delivery_other_reader',
    },
    {
      name: 'a delivery to another request',
      change: { claims: { nonce: nonce.replace('L', 'M') } },
      reason: 'delivery_nonce',
    },
    { name: 'a delivery without the nonce', change: { claims: { nonce: undefined } }, reason: 'delivery_nonce' },
    { name: 'a nonce where none was sent', change: { expected: { nonce: undefined } }, reason: 'delivery_nonce' },
    { name: 'a delivery of another claim', change: { claims: { cid: randomIdentifier() } }, reason: 'delivery_claim' },
    { name: 'a delivery of another id', change: { claims: { id: randomIdentifier() } }, reason: 'delivery_other_item' },
    { name: 'a delivery of another header', change: { claims: { eh: hash43('x') } }, reason: 'delivery_other_item' },
    { name: 'a delivery of another payload', change: { claims: { ph: hash43('x') } }, reason: 'delivery_other_item' },
    { name: 'a delivery of another slot', change: { claims: { ds: hash43('x') } }, reason: 'delivery_slot_hash' },
    {
      name: 'another slot than signed',
      change: { answer: { dslot: other.toOpen.answer.dslot } },
      reason: 'delivery_slot_hash',
    },
    { name: 'a wrap that says READ', change: { claims: { st: 'READ' } }, reason: 'delivery_form' },
    { name: 'a wrap without until', change: { claims: { until: undefined } }, reason: 'delivery_form' },
    { name: 'a wrap without body hashes', change: { claims: { bhs: undefined } }, reason: 'delivery_form' },
    {
      name: 'a wrap without claim id',
      change: { claims: { cid: undefined }, expected: { cid: undefined } },
      reason: 'delivery_form',
    },
    { name: 'fewer body hashes than deliveries', change: { claims: { n: 2 } }, reason: 'delivery_form' },
    {
      name: 'a request that the reader did not send',
      change: { claims: { bhs: [once.toOpen.expected.sentBodyHashes[0], hash43('foreign')], n: 2 } },
      reason: 'delivery_shared',
    },
    { name: 'a secret that says CLAIMED', base: kv, change: { claims: { st: 'CLAIMED' } }, reason: 'delivery_form' },
    { name: 'a secret with until', base: kv, change: { claims: { until: issuedAt + 9 } }, reason: 'delivery_form' },
    {
      name: 'a secret with body hashes',
      base: kv,
      change: { claims: { bhs: [hash43('x')] } },
      reason: 'delivery_form',
    },
    { name: 'a secret with a count', base: kv, change: { claims: { n: 1 } }, reason: 'delivery_form' },
    {
      name: 'a secret with a claim id',
      base: kv,
      change: { claims: { cid: nonce.slice(0, 21).concat('A') }, expected: { cid: nonce.slice(0, 21).concat('A') } },
      reason: 'delivery_form',
    },
    // The slots and what they open: T-16, one refusal
    {
      name: 'T-16 a slot for another key',
      change: { deliveryKey: generateOpeningKey() },
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 a slot under another header',
      change: () => otherSlot(once, 'slot', ownSlot, hash43('x')),
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 a file key where the slot was due',
      change: () => otherSlot(once, 'fk', fileKey),
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 a slot where the file key was due',
      base: svc,
      change: () => otherSlot(svc, 'slot', svc.sealed.envelope.slots[0]!),
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 another file key',
      base: svc,
      change: () => otherSlot(svc, 'fk', fileKey),
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 a shorter file key',
      base: svc,
      change: () => otherSlot(svc, 'fk', fileKey.subarray(1)),
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 an inner slot that the writer did not sign',
      change: () => otherSlot(once, 'slot', withFlippedBit(ownSlot, 3, 1)),
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 an inner slot of another envelope',
      change: () => otherSlot(once, 'slot', other.sealed.envelope.slots[0]!),
      reason: 'envelope_integrity',
    },
    {
      name: 'T-16 an inner slot for a key that is not the reader’s',
      change: { encryptionKeys: [generateOpeningKey()] },
      reason: 'envelope_integrity',
    },
    { name: 'T-16 no encryption key', change: { encryptionKeys: [] }, reason: 'envelope_integrity' },
  ])('refuses $name', async ({ base = once, change, reason, code = 'bad_envelope' }) => {
    const changed = typeof change === 'function' ? await change() : change;
    const refusal = await refusalOf(() => openWith(base, changed));
    expect(refusal).toMatchObject({ code, reason });
    // One text for every failure of the envelope.
    const words = code === 'bad_envelope' ? 'The envelope is not acceptable' : refusal.message;
    expect(refusal).toMatchObject({ message: words, members: {} });
  });

  test('the unchanged case opens, so that each row above fails for its own reason', async () => {
    for (const base of [once, svc, kv]) expect((await openWith(base, {})).content.lengthBytes).toBe(7);
  });

  test('asks about the writer after the signature holds, and about nobody else', async () => {
    const asked: string[] = [];
    const isWriterAllowed = (wrt: string): boolean => asked.push(wrt) > 0;
    await openWith(once, { expected: { isWriterAllowed } });
    await refusalOf(() =>
      openWith(once, { expected: { isWriterAllowed }, answer: { sig: withFlippedBit(once.toOpen.answer.sig, 2, 1) } }),
    );
    expect(asked).toEqual([once.writer.thumbprint]);
  });

  test('uses no private key before the delivery is verified', async () => {
    let touches = 0;
    const deliveryKey = new Proxy(once.deliveryKey, {
      get(target, name) {
        if (name === 'keyObject') touches += 1;
        return Reflect.get(target, name) as unknown;
      },
    });
    await refusalOf(() => openWith(once, { claims: { bhs: [hash43('foreign')] }, deliveryKey }));
    expect(touches).toBe(0);
    await openWith(once, { deliveryKey });
    expect(touches).toBe(1);
  });
});

describe('T-15 two file keys, one payload', () => {
  test('a writer cannot make one envelope open to two contents', async () => {
    // The payload opens under a second key as well (it is made for it), but the header commits to the first.
    const { toOpen, sealed, writer, instance, deliveryKey, encryption, claims, reader } = await deliver();
    const second = SecretBytes.random(32);
    const payload = sealPayload({ content: Buffer.from('other'), fileKey: second, eh: sealed.eh });
    const slot = sealJweNow({
      typ: typ.slot,
      to: publicOfOpening(encryption),
      header: { eh: sealed.eh },
      plaintext: second.expose(),
    });
    const sig = signJws({
      typ: typ.envelope,
      key: writer,
      claims: { eh: sealed.eh, ph: hash43(payload), sh: [hash43(slot)] },
    });
    const dslot = await sealDeliverySlot({
      to: publicOfOpening(deliveryKey),
      eh: sealed.eh,
      content: 'slot',
      plaintext: slot,
    });
    const dlv = signDelivery(instance, { ...claims, ds: hash43(dslot), ph: hash43(payload) });
    const answer = { ...toOpen.answer, payload, sig, dslot, dlv };
    const refusal = await refusalOf(() => openDelivery({ ...toOpen, answer }));
    expect(refusal).toMatchObject({ code: 'bad_envelope', reason: 'envelope_integrity' });
    expect(fileKeyCommitment(second, sealed.header.id)).not.toBe(sealed.header.kc);
    expect(reader.thumbprint).toBe(claims.kid);
  });
});

describe('the inner slot', () => {
  /** The writer signs an envelope whose slot was made with another header or for another content. */
  async function withOwnSlot(header: { readonly eh: string }, plaintext: (fileKey: Uint8Array) => Uint8Array) {
    const { toOpen, sealed, writer, instance, deliveryKey, encryption, claims } = await deliver();
    const original = await openJwe(sealed.envelope.slots[0]!, { typ: typ.slot, key: encryption });
    const slot = sealJweNow({
      typ: typ.slot,
      to: publicOfOpening(encryption),
      header: { eh: header.eh === 'own' ? sealed.eh : header.eh },
      plaintext: plaintext(original.plaintext.expose()),
    });
    const statement = { eh: sealed.eh, ph: claims.ph, sh: [hash43(slot)] };
    const sig = signJws({ typ: typ.envelope, key: writer, claims: statement });
    const to = publicOfOpening(deliveryKey);
    const dslot = await sealDeliverySlot({ to, eh: sealed.eh, content: 'slot', plaintext: slot });
    const dlv = signDelivery(instance, { ...claims, ds: hash43(dslot) });
    return { ...toOpen, answer: { ...toOpen.answer, sig, dslot, dlv } };
  }

  test('may be made again by its writer', async () => {
    const toOpen = await withOwnSlot({ eh: 'own' }, (key) => key);
    expect((await openDelivery(toOpen)).content.lengthBytes).toBe(7);
  });

  test.each([
    { name: 'carries another header’s hash', eh: hash43('x'), plaintext: (key: Uint8Array) => key },
    { name: 'holds a longer key', eh: 'own', plaintext: (key: Uint8Array) => Buffer.concat([key, Buffer.alloc(1)]) },
    { name: 'holds another key', eh: 'own', plaintext: () => fileKey },
  ])('is refused where it $name', async ({ eh, plaintext }) => {
    const toOpen = await withOwnSlot({ eh }, plaintext);
    await expect(refusalOf(() => openDelivery(toOpen))).resolves.toMatchObject({ reason: 'envelope_integrity' });
  });
});

describe('T-32 a squatter on an encryption key', () => {
  test('is no recipient, although its keyset carries the victim’s key', async () => {
    const { toOpen, instance, claims, encryption } = once;
    const squatter = generateSigningKey();
    const keyset = verifyKeyset(
      createKeyset({ sig: squatter, enc: publicOfOpening(encryption), seq: 1, iat: issuedAt }),
    );
    expect(keyset.enc.thumbprint).toBe(encryption.thumbprint);
    expect(keyset.id).toBe(squatter.thumbprint);
    expect(once.sealed.header.rcp).toEqual([`k:${claims.kid}`]);
    const dlv = signDelivery(instance, { ...claims, kid: keyset.id });
    const call = () =>
      openDelivery({
        ...toOpen,
        answer: { ...toOpen.answer, dlv },
        expected: { ...toOpen.expected, readerId: keyset.id },
      });
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_envelope', reason: 'envelope_recipient' });
  });
});

describe('a break-glass reader beside the workloads', () => {
  test('opens its own slot behind that of the binding', async () => {
    const [writer, reader, instance] = [generateSigningKey(), generateSigningKey(), generateSigningKey()];
    const [bindingKey, encryption, deliveryKey] = [generateOpeningKey(), generateOpeningKey(), generateOpeningKey()];
    const sealed = await sealEnvelope({
      header: { ...headerOf('kv', 'svc', ''), rcp: [selector, `k:${reader.thumbprint}`] },
      content: Buffer.from('hunter2'),
      recipients: [publicOfOpening(bindingKey), publicOfOpening(encryption)],
      writer,
    });
    const open = async (slot: string) => {
      const dslot = await sealDeliverySlot({
        to: publicOfOpening(deliveryKey),
        eh: sealed.eh,
        content: 'slot',
        plaintext: slot,
      });
      const claims: DeliveryClaims = {
        at: issuedAt,
        ds: hash43(dslot),
        eh: sealed.eh,
        id: sealed.header.id,
        kid: reader.thumbprint,
        ph: hash43(sealed.envelope.payload),
        st: 'READ',
      };
      return openDelivery({
        answer: answerOf(sealed.envelope, { dslot, dlv: signDelivery(instance, claims), wkey: publicOf(writer).jwk }),
        expected: { path: sealed.header.path, readerId: reader.thumbprint, sentBodyHashes: [] },
        instanceKey: publicOf(instance),
        deliveryKey,
        encryptionKeys: [encryption, bindingKey],
      });
    };
    expect((await open(sealed.envelope.slots[1]!)).content.lengthBytes).toBe(7);
    await expect(refusalOf(() => open(sealed.envelope.slots[0]!))).resolves.toMatchObject({
      reason: 'envelope_integrity',
    });
  });
});

test('a delivery slot names its content in its authenticated header', async () => {
  const dslot = await sealDeliverySlot({
    to: publicOfOpening(once.deliveryKey),
    eh: once.sealed.eh,
    content: 'fk',
    plaintext: new Uint8Array(32),
  });
  const renamed = withHeader(dslot, { ct: 'slot' });
  const call = () => openWith(once, { answer: { dslot: renamed }, claims: { ds: hash43(renamed) } });
  await expect(refusalOf(call)).resolves.toMatchObject({ reason: 'envelope_integrity' });
});
