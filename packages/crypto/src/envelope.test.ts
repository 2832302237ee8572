/** Envelopes: form, hashes and the writer's signature, without any secret. @module */
import { describe, expect, test } from '@jest/globals';
import {
  canonicalize,
  decodeBase64url,
  encodeBase64url,
  encodeUtf8,
  typ,
  type Envelope,
  type EnvelopeHeader,
  type JcsObject,
} from '@letterlock/protocol';
import { hash43, randomIdentifier } from './bytes.ts';
import {
  expectedSlots,
  readEnvelope,
  sealEnvelope,
  slotIndexOf,
  verifyEnvelope,
  type EnvelopeToSeal,
} from './envelope.ts';
import { signJws } from './jws.ts';
import { generateOpeningKey, generateSigningKey, publicOf, publicOfOpening } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';
import { openJwe, sealJweNow } from './slot.ts';
import {
  headerOf as joseHeader,
  withFlippedBit,
  withHeader,
  withPart,
  withRawHeader,
  withStrayBits,
} from './testing/compact.ts';
import { headerOf, selector } from './testing/delivered.ts';
import { refusalOf } from './testing/problems.ts';

const writer = generateSigningKey();
const thief = generateSigningKey();
const reader = generateSigningKey();
const encryption = generateOpeningKey();
const seal = (header: EnvelopeToSeal, recipients = [publicOfOpening(encryption)], by = writer) =>
  sealEnvelope({ header, content: Buffer.from('hunter2'), recipients, writer: by });
const once = headerOf('once', 'e2e', reader.thumbprint);
const { envelope, header, eh } = await seal(once);
const check = (changed: Envelope, by = writer) => {
  verifyEnvelope(readEnvelope(changed), publicOf(by));
};

/** The envelope with another header document; the writer signs again, as only he could. */
function withHdr(changes: Record<string, unknown>, sign = writer): Envelope {
  const members = Object.entries({ ...header, ...changes }).filter(([, value]) => value !== undefined);
  const document = canonicalize(Object.fromEntries(members));
  const hdr = encodeBase64url(encodeUtf8(document));
  return signed({ ...envelope, hdr }, hash43(document), sign);
}
function signed(changed: Envelope, ofHeader: string, sign = writer): Envelope {
  const claims = { eh: ofHeader, ph: hash43(changed.payload), sh: changed.slots.map((slot) => hash43(slot)) };
  return { ...changed, sig: signJws({ typ: typ.envelope, key: sign, claims }) };
}
const statement = (claims: JcsObject): Envelope => ({
  ...envelope,
  sig: signJws({ typ: typ.envelope, key: writer, claims }),
});
const ph = hash43(envelope.payload);
const sh = envelope.slots.map((slot) => hash43(slot));

describe('sealEnvelope()', () => {
  test('writes what readEnvelope() reads and verifyEnvelope() accepts', () => {
    const read = readEnvelope(envelope);
    expect(read).toMatchObject({ header, eh, ph, sh, slotKids: [encryption.thumbprint] });
    expect(header).toMatchObject({ ...once, enc: 'inline', v: 1, wrt: writer.thumbprint });
    verifyEnvelope(read, publicOf(writer));
  });

  test('keeps the id that it is given and makes a new one otherwise', async () => {
    const id = randomIdentifier();
    expect((await seal({ ...once, id })).header.id).toBe(id);
    expect((await seal(once)).header.id).not.toBe((await seal(once)).header.id);
  });

  test('uses a fresh file key for every envelope', async () => {
    const first = await seal({ ...once, id: header.id });
    const second = await seal({ ...once, id: header.id });
    expect(first.header.kc).not.toBe(second.header.kc);
  });

  test('takes SecretBytes and leaves them to the caller', async () => {
    const content = SecretBytes.copy(Buffer.from('hunter2'));
    await sealEnvelope({ header: once, content, recipients: [publicOfOpening(encryption)], writer });
    expect(Buffer.from(content.expose()).toString()).toBe('hunter2');
  });

  test('is as large as the specification says: about 1.7 KB for one P-256 reader, 3.3 KB for three', async () => {
    const others = [1, 2].map(() => ({
      id: generateSigningKey().thumbprint,
      key: publicOfOpening(generateOpeningKey()),
    }));
    const three = await seal(
      { ...headerOf('kv', 'e2e', reader.thumbprint), rcp: [...once.rcp, ...others.map(({ id }) => `k:${id}`)] },
      [publicOfOpening(encryption), ...others.map(({ key }) => key)],
    );
    expect(canonicalize(three.envelope as unknown as JcsObject).length).toBeLessThan(3500);
    expect(envelope.slots[0]!.length).toBe(545);
  });

  test.each([
    { name: 'more content than 512 KiB', change: {}, content: Buffer.alloc(524_289), code: 'too_large' },
    { name: 'a wrap without expiry', change: { exp: undefined }, code: 'bad_envelope' },
    { name: 'a wrap for two readers', change: { rcp: [...once.rcp, `k:${thief.thumbprint}`] }, code: 'bad_envelope' },
    { name: 'a path that is none', change: { path: '../x' }, code: 'bad_encoding' },
    { name: 'a window beyond its limit', change: { win: 901 }, code: 'bad_encoding' },
    { name: 'a binding in mode e2e', change: { bnd: 'a/b' }, code: 'bad_envelope' },
  ])('refuses $name', async ({ change, content = Buffer.from('x'), code }) => {
    const changed = { ...once, ...change } as EnvelopeToSeal;
    const call = () => sealEnvelope({ header: changed, content, recipients: [publicOfOpening(encryption)], writer });
    await expect(refusalOf(call)).resolves.toMatchObject({ code });
  });

  test('throws a caller its bug: recipient keys that do not fit the recipients', async () => {
    await expect(seal(once, [])).rejects.toThrow('Cannot seal: got 0 recipient keys, need 1');
    await expect(seal(headerOf('kv', 'svc', ''), [])).rejects.toThrow('need 1');
  });
});

describe('slots', () => {
  const k = (letter: string): string => `k:${letter.repeat(42)}A`;
  test.each<{ mode: EnvelopeHeader['mode']; rcp: readonly string[]; slots: number; index: number }>([
    { mode: 'e2e', rcp: [k('a')], slots: 1, index: 0 },
    { mode: 'e2e', rcp: [k('b'), k('a')], slots: 2, index: 1 },
    { mode: 'e2e', rcp: [k('b')], slots: 1, index: -1 },
    { mode: 'svc', rcp: [selector], slots: 1, index: -1 },
    { mode: 'svc', rcp: [selector, `${selector}-2`], slots: 1, index: -1 },
    { mode: 'svc', rcp: [selector, `${selector}-2`, k('b'), k('a')], slots: 3, index: 2 },
  ])('$mode for $rcp: $slots slots, the reader in slot $index', ({ mode, rcp, slots, index }) => {
    expect(expectedSlots({ mode, rcp })).toBe(slots);
    expect(slotIndexOf({ mode, rcp }, `${'a'.repeat(42)}A`)).toBe(index);
  });
});

describe('readEnvelope()', () => {
  const slot = envelope.slots[0]!;
  const withSlot = (changed: string): Envelope => ({ ...envelope, slots: [changed] });
  const withPayload = (payload: string): Envelope => ({ ...envelope, payload });
  const epk = joseHeader(slot)['epk'] as Record<string, string>;
  const p384 = joseHeader(
    sealJweNow({
      typ: typ.slot,
      to: publicOfOpening(generateOpeningKey('P-384')),
      header: { eh },
      plaintext: new Uint8Array(32),
    }),
  )['epk'] as Record<string, string>;
  const longer = (value: string): string =>
    encodeBase64url(Buffer.concat([Buffer.alloc(1), Buffer.from(value, 'base64url')]));
  const x25519 = { kty: 'OKP', crv: 'X25519' };

  test.each<{ name: string; changed: Envelope; reason: string; code?: string }>([
    { name: 'no slot', changed: { ...envelope, slots: [] }, reason: 'envelope_recipient' },
    { name: 'a slot too many', changed: { ...envelope, slots: [slot, slot] }, reason: 'envelope_recipient' },
    {
      name: 'T-11 RSA1_5',
      changed: withSlot(withHeader(slot, { alg: 'RSA1_5', epk: undefined })),
      reason: 'envelope_alg',
    },
    {
      name: 'T-11 RSA-OAEP',
      changed: withSlot(withHeader(slot, { alg: 'RSA-OAEP', epk: undefined })),
      reason: 'envelope_alg',
    },
    {
      name: 'dir in a slot',
      changed: withSlot(withHeader(slot, { alg: 'dir', epk: undefined })),
      reason: 'envelope_alg',
    },
    {
      name: 'T-03 PBES2',
      changed: withSlot(withHeader(slot, { alg: 'PBES2-HS256+A128KW', p2c: 1e9, epk: undefined })),
      reason: 'envelope_malformed',
    },
    { name: 'another enc in a slot', changed: withSlot(withHeader(slot, { enc: 'A128GCM' })), reason: 'envelope_alg' },
    { name: 'T-04 zip in a slot', changed: withSlot(withHeader(slot, { zip: 'DEF' })), reason: 'envelope_zip' },
    { name: 'T-05 crit in a slot', changed: withSlot(withHeader(slot, { crit: ['x'] })), reason: 'envelope_malformed' },
    {
      name: 'T-06 a member twice',
      changed: withSlot(withRawHeader(slot, `{"eh":"a",${JSON.stringify(joseHeader(slot)).slice(1)}`)),
      reason: 'envelope_malformed',
    },
    {
      name: 'T-07 stray bits in a tag',
      changed: withSlot(withPart(slot, 4, withStrayBits(slot.split('.')[4]!)!)),
      reason: 'envelope_malformed',
    },
    {
      name: 'T-27 a short tag in a slot',
      changed: withSlot(withPart(slot, 4, 'AAAAAA')),
      reason: 'envelope_malformed',
    },
    { name: 'a long IV in a slot', changed: withSlot(withPart(slot, 2, 'A'.repeat(24))), reason: 'envelope_malformed' },
    {
      name: 'an ephemeral key off the curve',
      changed: withSlot(withHeader(slot, { epk: { ...epk, y: epk['x'] } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key of another curve under this name',
      changed: withSlot(withHeader(slot, { epk: { ...p384, crv: 'P-256' } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key at infinity',
      changed: withSlot(withHeader(slot, { epk: { ...epk, x: 'A'.repeat(43), y: 'A'.repeat(43) } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key with padding',
      changed: withSlot(withHeader(slot, { epk: { ...epk, x: `${epk['x']!}=` } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key with a padded y',
      changed: withSlot(withHeader(slot, { epk: { ...epk, y: `${epk['y']!}=` } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key with a longer x',
      changed: withSlot(withHeader(slot, { epk: { ...epk, x: longer(epk['x']!) } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key with a longer y',
      changed: withSlot(withHeader(slot, { epk: { ...epk, y: longer(epk['y']!) } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key with x only',
      changed: withSlot(withHeader(slot, { epk: { kty: 'EC', crv: 'P-256', x: epk['x'] } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key with more members',
      changed: withSlot(withHeader(slot, { epk: { ...epk, d: 'AAAA' } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral X25519 key of small order',
      changed: withSlot(withHeader(slot, { epk: { ...x25519, x: 'A'.repeat(43) } })),
      reason: 'envelope_key',
    },
    {
      name: 'an ephemeral key that signs',
      changed: withSlot(withHeader(slot, { epk: { kty: 'OKP', crv: 'Ed25519', x: epk['x'] } })),
      reason: 'envelope_key',
    },
    { name: 'no ephemeral key', changed: withSlot(withHeader(slot, { epk: undefined })), reason: 'envelope_malformed' },
    {
      name: 'the slot of another envelope',
      changed: withSlot(withHeader(slot, { eh: hash43('other') })),
      reason: 'envelope_hash',
    },
    { name: 'a payload in place of a slot', changed: withSlot(envelope.payload), reason: 'envelope_malformed' },
    { name: 'a slot in place of the payload', changed: withPayload(slot), reason: 'envelope_malformed' },
    {
      name: 'a payload alg other than dir',
      changed: withPayload(withHeader(envelope.payload, { alg: 'A256KW' })),
      reason: 'envelope_alg',
    },
    {
      name: 'a payload enc other than A256GCM',
      changed: withPayload(withHeader(envelope.payload, { enc: 'A256CBC-HS512' })),
      reason: 'envelope_alg',
    },
    {
      name: 'T-04 zip in the payload',
      changed: withPayload(withHeader(envelope.payload, { zip: 'DEF' })),
      reason: 'envelope_zip',
    },
    {
      name: 'an encrypted key in the payload',
      changed: withPayload(withPart(envelope.payload, 1, 'AAAA')),
      reason: 'envelope_malformed',
    },
    {
      name: 'the payload of another envelope',
      changed: withPayload(withHeader(envelope.payload, { eh: hash43('x') })),
      reason: 'envelope_hash',
    },
    {
      name: 'a payload beyond the body limit',
      changed: withPayload(withPart(envelope.payload, 3, 'A'.repeat(1_048_576))),
      reason: 'envelope_malformed',
    },
    {
      name: 'a keyset in place of the signature',
      changed: { ...envelope, sig: withHeader(envelope.sig, { typ: typ.keyset }) },
      reason: 'envelope_malformed',
    },
    {
      name: 'a header that is not canonical',
      changed: { ...envelope, hdr: encodeBase64url(encodeUtf8(`${canonicalize(header)}\n`)) },
      reason: 'json_not_canonical',
      code: 'bad_encoding',
    },
    {
      name: 'a header beyond 8 KiB',
      changed: { ...envelope, hdr: encodeBase64url(new Uint8Array(8193)) },
      reason: 'envelope_header_too_long',
    },
    { name: 'a stream, which is reserved', changed: withHdr({ enc: 'stream' }), reason: 'envelope_stream' },
  ])('refuses $name', async ({ changed, reason, code = 'bad_envelope' }) => {
    await expect(refusalOf(() => readEnvelope(changed))).resolves.toMatchObject({ code, reason });
  });

  test.each(['P-384', 'X25519', 'RSA'] as const)('accepts a slot for a %s key', async (kind) => {
    const other = generateOpeningKey(kind);
    const { envelope: sealed } = await seal(once, [publicOfOpening(other)]);
    expect(readEnvelope(sealed).slotKids).toEqual([other.thumbprint]);
  });
});

describe('verifyEnvelope()', () => {
  test.each<{ name: string; changed: Envelope; by?: typeof writer; reason: string }>([
    {
      name: 'another payload',
      changed: { ...envelope, payload: withFlippedBit(envelope.payload, 3, 1) },
      reason: 'envelope_hash',
    },
    {
      name: 'another slot',
      changed: { ...envelope, slots: [withFlippedBit(envelope.slots[0]!, 3, 1)] },
      reason: 'envelope_hash',
    },
    {
      name: 'a changed signature',
      changed: { ...envelope, sig: withFlippedBit(envelope.sig, 2, 1) },
      reason: 'signature_invalid',
    },
    { name: 'another writer asked for', changed: envelope, by: thief, reason: 'envelope_writer' },
    {
      name: 'a thief who strips the signature and signs as his own',
      changed: signed(envelope, eh, thief),
      by: thief,
      reason: 'envelope_writer',
    },
    {
      name: 'a thief who signs in the name of the writer',
      changed: signed(envelope, eh, thief),
      reason: 'signature_invalid',
    },
    {
      name: 'a statement over another header',
      changed: statement({ eh: hash43('x'), ph, sh }),
      reason: 'envelope_hash',
    },
    {
      name: 'a statement over another payload',
      changed: statement({ eh, ph: hash43('x'), sh }),
      reason: 'envelope_hash',
    },
    {
      name: 'a statement over another slot',
      changed: statement({ eh, ph, sh: [hash43('x')] }),
      reason: 'envelope_hash',
    },
    {
      name: 'a statement over one more slot',
      changed: statement({ eh, ph, sh: [...sh, hash43('x')] }),
      reason: 'envelope_recipient',
    },
    {
      name: 'a statement with more members',
      changed: statement({ eh, ph, sh, more: 1 }),
      reason: 'envelope_malformed',
    },
  ])('refuses $name', async ({ changed, by, reason }) => {
    await expect(
      refusalOf(() => {
        check(changed, by);
      }),
    ).resolves.toMatchObject({ code: 'bad_envelope', reason });
  });

  test.each(['path', 'ver', 'exp', 'iat', 'win', 'id', 'kc', 'rcp', 'wrt'])(
    'a changed %s in the header breaks slot, payload and signature at once',
    async (name) => {
      const changes: Record<string, unknown> = {
        path: 'team-b/x',
        ver: 1,
        exp: header.exp! - 1,
        iat: header.iat + 1,
        win: 61,
        id: randomIdentifier(),
        kc: hash43('x'),
        rcp: [`k:${thief.thumbprint}`],
        wrt: thief.thumbprint,
      };
      const kv = name === 'ver';
      const changed = withHdr(kv ? { kind: 'kv', win: undefined, ver: 2 } : { [name]: changes[name] });
      await expect(
        refusalOf(() => {
          check(changed);
        }),
      ).resolves.toMatchObject({ code: 'bad_envelope' });
    },
  );
});

describe('T-14 a transplanted slot', () => {
  test('of mode svc does not fit an envelope of the thief, although his signature verifies', async () => {
    const bindingKey = generateOpeningKey();
    const victim = await seal(headerOf('kv', 'svc', ''), [publicOfOpening(bindingKey)]);
    const own = await seal(
      { ...headerOf('kv', 'svc', ''), rcp: ['spiffe://prod.example/ns/thief/sa/x'], bnd: 'thief/x' },
      [publicOfOpening(bindingKey)],
      thief,
    );
    const transplanted = signed(
      { ...own.envelope, slots: victim.envelope.slots, payload: victim.envelope.payload },
      own.eh,
      thief,
    );
    await expect(
      refusalOf(() => {
        check(transplanted, thief);
      }),
    ).resolves.toMatchObject({ code: 'bad_envelope', reason: 'envelope_hash' });
    // Naming the thief's header in the slot breaks the slot itself: the header is its associated data.
    const renamed = withHeader(victim.envelope.slots[0]!, { eh: own.eh });
    await expect(refusalOf(() => openJwe(renamed, { typ: typ.slot, key: bindingKey }))).resolves.toMatchObject({
      reason: 'slot_open',
    });
    expect((await openJwe(victim.envelope.slots[0]!, { typ: typ.slot, key: bindingKey })).header.eh).toBe(victim.eh);
  });
});

test('the header bytes are those that were hashed', () => {
  expect(hash43(decodeBase64url(envelope.hdr))).toBe(eh);
});
