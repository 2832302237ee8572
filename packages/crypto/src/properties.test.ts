/** Properties that hold for any input: what is sealed opens, and nothing with one bit flipped does. @module */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { typ, type JcsObject, type JcsValue } from '@letterlock/protocol';
import { openRecord, sealRecord } from './barrier-record.ts';
import { hash43 } from './bytes.ts';
import { decodeContent, encodeContent } from './content.ts';
import { openDelivery } from './delivery.ts';
import { readEnvelope, verifyEnvelope } from './envelope.ts';
import { openJws, signJws } from './jws.ts';
import { generateOpeningKey, generateSigningKey, publicOf, publicOfOpening } from './keys.ts';
import { pad, unpad } from './padding.ts';
import { fileKeyCommitment, openPayload, sealPayload } from './payload.ts';
import { SecretBytes } from './secret-bytes.ts';
import { combineShares, splitMasterKey } from './shares.ts';
import { openJwe, sealJweNow } from './slot.ts';
import { withFlippedBit } from './testing/compact.ts';
import { deliver } from './testing/delivered.ts';
import { refusalOf } from './testing/problems.ts';

// A fixed seed: a failure must be the same on every machine, and new seeds belong to a fuzzing run.
const runs = { numRuns: 60, seed: 20_260_901 };
const bytes = (maximum: number) => fc.uint8Array({ maxLength: maximum });
const signer = generateSigningKey();
const verifier = publicOf(signer);
const receiver = generateOpeningKey();
const anyClaims = (value: JcsValue): JcsValue => value;

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const leaf: fc.Arbitrary<JcsValue> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.maxSafeNat(),
  fc.boolean(),
);
const document: fc.Arbitrary<JcsObject> = fc.dictionary(
  name,
  fc.oneof(leaf, fc.array(leaf, { maxLength: 4 }), fc.dictionary(name, leaf, { maxKeys: 3 })),
  { maxKeys: 5 },
);

describe('open(seal(x)) = x', () => {
  test('JWS', () => {
    fc.assert(
      fc.property(document, (claims) => {
        const compact = signJws({ typ: typ.bundle, key: signer, claims });
        expect(openJws(compact, { typ: typ.bundle, key: verifier, claims: anyClaims })).toEqual({ ...claims });
      }),
      runs,
    );
  });

  test('JWE', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(300), async (plaintext) => {
        const sealed = sealJweNow({ typ: typ.peerShare, to: publicOfOpening(receiver), header: {}, plaintext });
        const opened = await openJwe(sealed, { typ: typ.peerShare, key: receiver });
        expect(Buffer.from(opened.plaintext.expose()).equals(plaintext)).toBe(true);
      }),
      runs,
    );
  });

  test('payload, whose length tells nothing finer than 256 bytes', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(2000), fc.uint8Array({ minLength: 32, maxLength: 32 }), async (content, key) => {
        const fileKey = SecretBytes.take(key);
        const id = 'AAECAwQFBgcICQoLDA0ODw';
        const eh = hash43(content);
        const header = { ...(await delivered).sealed.header, id, kc: fileKeyCommitment(fileKey, id) };
        const payload = sealPayload({ content, fileKey, eh });
        const opened = await openPayload({ payload, fileKey, header, eh });
        expect(Buffer.from(opened.expose()).equals(content)).toBe(true);
        expect(Math.ceil((payload.split('.')[3]!.length * 3) / 4) - (content.length + 4)).toBeLessThan(258);
      }),
      runs,
    );
  });

  test('barrier record, under its own path only', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(300), fc.string(), fc.string(), async (plaintext, path, other) => {
        const termKey = SecretBytes.random(32);
        const record = sealRecord({ term: 1, termKey, path, plaintext });
        expect(openRecord({ termKeyOf: () => termKey, path, record }).equals(plaintext)).toBe(true);
        if (other.toWellFormed() === path.toWellFormed()) return;
        const call = () => openRecord({ termKeyOf: () => termKey, path: other, record });
        await expect(refusalOf(call)).resolves.toMatchObject({ reason: 'storage_integrity' });
      }),
      runs,
    );
  });

  test('padding and metadata', () => {
    fc.assert(
      fc.property(bytes(1000), fc.string({ unit: 'grapheme', maxLength: 40 }), (content, title) => {
        expect(Buffer.from(unpad(pad(content))!).equals(content)).toBe(true);
        const decoded = decodeContent(encodeContent({ name: title }, content));
        expect(decoded.name).toBe(title);
        expect(Buffer.from(decoded.content).equals(content)).toBe(true);
      }),
      runs,
    );
  });

  test('any k shares of n, in any order', async () => {
    const choice = fc
      .integer({ min: 1, max: 16 })
      .chain((n) => fc.record({ n: fc.constant(n), k: fc.integer({ min: 1, max: n }) }))
      .chain(({ n, k }) => {
        const indices = Array.from({ length: n }, (_, index) => index);
        return fc.record({
          n: fc.constant(n),
          k: fc.constant(k),
          chosen: fc.shuffledSubarray(indices, { minLength: k, maxLength: n }),
        });
      });
    await fc.assert(
      fc.asyncProperty(choice, async ({ n, k, chosen }) => {
        const masterKey = SecretBytes.random(32);
        const shares = await splitMasterKey(masterKey, k, n);
        const combined = await combineShares(
          k,
          chosen.map((index) => shares[index]!),
        );
        expect(combined.equals(masterKey)).toBe(true);
      }),
      runs,
    );
  });

  test('fewer than k shares of n never, also where k is lied about', async () => {
    const choice = fc
      .integer({ min: 2, max: 16 })
      .chain((n) => fc.record({ n: fc.constant(n), k: fc.integer({ min: 2, max: n }) }))
      .chain(({ n, k }) => {
        const indices = Array.from({ length: n }, (_, index) => index);
        return fc.record({
          n: fc.constant(n),
          k: fc.constant(k),
          chosen: fc.shuffledSubarray(indices, { minLength: 1, maxLength: k - 1 }),
        });
      });
    await fc.assert(
      fc.asyncProperty(choice, async ({ n, k, chosen }) => {
        const masterKey = SecretBytes.random(32);
        const shares = await splitMasterKey(masterKey, k, n);
        const few = chosen.map((index) => shares[index]!);
        await expect(combineShares(k, few)).rejects.toMatchObject({ code: 'conflict', reason: 'share_count' });
        const first = few[0]!;
        expect(Buffer.from(first.share.expose().subarray(0, 32)).equals(masterKey.expose())).toBe(false);
        const lied = few.length < 2 ? undefined : await combineShares(few.length, few);
        expect(lied?.equals(masterKey) ?? false).toBe(false);
      }),
      runs,
    );
  });
});

const delivered = deliver();
const badness = /^bad_(?:encoding|envelope|key|proof)$/;
const place = fc.record({ part: fc.nat(4), bit: fc.nat(1_000_000) });

describe('one flipped bit is refused', () => {
  test('in a JWS', async () => {
    const compact = signJws({ typ: typ.bundle, key: signer, claims: { seq: 1 } });
    await fc.assert(
      fc.asyncProperty(place, async ({ part, bit }) => {
        const changed = withFlippedBit(compact, part % 3, bit);
        const call = () => openJws(changed, { typ: typ.bundle, key: verifier, claims: anyClaims });
        expect((await refusalOf(call)).code).toMatch(badness);
      }),
      { ...runs, numRuns: 300 },
    );
  });

  test('in a JWE', async () => {
    const compact = sealJweNow({
      typ: typ.peerShare,
      to: publicOfOpening(receiver),
      header: {},
      plaintext: new Uint8Array(32),
    });
    await fc.assert(
      fc.asyncProperty(place, async ({ part, bit }) => {
        const changed = withFlippedBit(compact, part, bit);
        const refusal = await refusalOf(() => openJwe(changed, { typ: typ.peerShare, key: receiver }));
        expect(refusal.reason).toBe('slot_open');
      }),
      { ...runs, numRuns: 300 },
    );
  });

  test('in any part of an envelope', async () => {
    const { sealed, writer } = await delivered;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('hdr', 'payload', 'sig', 'slot'), place, async (member, { part, bit }) => {
        const { envelope } = sealed;
        const parts = { hdr: 1, payload: 5, sig: 3, slot: 5 }[member];
        const compact = member === 'slot' ? envelope.slots[0]! : envelope[member];
        // `dir` has an empty second part.
        const index = member === 'payload' && part % parts === 1 ? 3 : part % parts;
        const changed = withFlippedBit(compact, index, bit);
        const broken = member === 'slot' ? { ...envelope, slots: [changed] } : { ...envelope, [member]: changed };
        const call = () => {
          verifyEnvelope(readEnvelope(broken), publicOf(writer));
        };
        expect((await refusalOf(call)).code).toMatch(badness);
      }),
      { ...runs, numRuns: 300 },
    );
  });

  test('in any part of a delivery', async () => {
    const { toOpen } = await delivered;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('hdr', 'payload', 'sig', 'dslot', 'dlv'),
        place,
        async (member, { part, bit }) => {
          const parts = { hdr: 1, payload: 5, sig: 3, dslot: 5, dlv: 3 }[member];
          const index = member === 'payload' && part % parts === 1 ? 3 : part % parts;
          const answer = { ...toOpen.answer, [member]: withFlippedBit(toOpen.answer[member], index, bit) };
          expect((await refusalOf(() => openDelivery({ ...toOpen, answer }))).code).toMatch(badness);
        },
      ),
      { ...runs, numRuns: 200 },
    );
  });
});
