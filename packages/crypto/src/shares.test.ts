/** Shares of the master key: split, committed, carried, combined. @module */
import { describe, expect, test } from '@jest/globals';
import { labels, typ } from '@letterlock/protocol';
import { hash43, sha256 } from './bytes.ts';
import { deriveKey } from './hkdf.ts';
import { generateOpeningKey, publicOfOpening } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';
import {
  acknowledgementHash,
  bootFingerprint,
  combineShares,
  openShare,
  openUnsealShare,
  sealShare,
  sealUnsealShare,
  shareAcknowledgement,
  shareCommitment,
  splitMasterKey,
} from './shares.ts';
import { sealJweNow } from './slot.ts';
import { headerOf, withFlippedBit, withHeader } from './testing/compact.ts';
import { refusalOf } from './testing/problems.ts';

const inst = 'AAECAwQFBgcICQoLDA0ODw';
const otherInst = 'DwECAwQFBgcICQoLDA0ODw';
const masterKey = SecretBytes.random(32);
const combinations = (n: number, k: number): number[][] =>
  k === 0
    ? [[]]
    : n < k
      ? []
      : [...combinations(n - 1, k), ...combinations(n - 1, k - 1).map((rest) => [...rest, n - 1])];

describe('splitMasterKey(), combineShares()', () => {
  test.each([
    { k: 1, n: 1 },
    { k: 1, n: 3 },
    { k: 2, n: 2 },
    { k: 2, n: 4 },
    { k: 3, n: 5 },
    { k: 5, n: 6 },
  ])('any $k of $n give the key', async ({ k, n }) => {
    const shares = await splitMasterKey(masterKey, k, n);
    expect(shares).toHaveLength(n);
    expect(new Set(shares.map(({ x }) => x)).size).toBe(n);
    for (const chosen of combinations(n, k)) {
      expect(
        (
          await combineShares(
            k,
            chosen.map((index) => shares[index]!),
          )
        ).equals(masterKey),
      ).toBe(true);
    }
  });

  test('sixteen holders with the highest threshold', async () => {
    const shares = await splitMasterKey(masterKey, 16, 16);
    expect((await combineShares(16, shares.toReversed())).equals(masterKey)).toBe(true);
  });

  test('k − 1 shares give another key, silently: commitments and the keyring catch it', async () => {
    const shares = await splitMasterKey(masterKey, 3, 5);
    expect((await combineShares(2, shares.slice(0, 2))).equals(masterKey)).toBe(false);
  });

  test('copies are copies: erasing the master key leaves them', async () => {
    const own = SecretBytes.copy(masterKey.expose());
    const [one, three] = [await splitMasterKey(own, 1, 2), await splitMasterKey(own, 2, 3)];
    own[Symbol.dispose]();
    expect((await combineShares(1, one.slice(1))).equals(masterKey)).toBe(true);
    expect((await combineShares(2, three.slice(1))).equals(masterKey)).toBe(true);
  });

  test.each([
    { k: 0, n: 1 },
    { k: 2, n: 1 },
    { k: 1, n: 17 },
    { k: 1.5, n: 3 },
    { k: 2, n: 2.5 },
    { k: 1, n: 0 },
  ])('cannot split $k of $n', async ({ k, n }) => {
    await expect(splitMasterKey(masterKey, k, n)).rejects.toThrow('need 1 ≤ k ≤ n ≤ 16');
  });

  test('cannot split anything but 32 bytes', async () => {
    await expect(splitMasterKey(SecretBytes.random(31), 2, 3)).rejects.toThrow('not 32 bytes');
  });

  const x1 = SecretBytes.take(Uint8Array.from({ length: 33 }, (_, index) => (index === 32 ? 1 : 9)));
  const x2 = SecretBytes.take(Uint8Array.from({ length: 33 }, (_, index) => (index === 32 ? 2 : 8)));
  test.each([
    { name: 'too few', k: 2, shares: [{ x: 1, share: x1 }], reason: 'share_count' },
    {
      name: 'one twice',
      k: 2,
      shares: [
        { x: 1, share: x1 },
        { x: 1, share: x1 },
      ],
      reason: 'share_count',
    },
    { name: 'none', k: 1, shares: [], reason: 'share_count' },
    {
      name: 'another x than inside',
      k: 2,
      shares: [
        { x: 1, share: x1 },
        { x: 3, share: x2 },
      ],
      reason: 'share_malformed',
    },
    {
      name: 'x = 0',
      k: 2,
      shares: [
        { x: 1, share: x1 },
        { x: 0, share: SecretBytes.take(new Uint8Array(33)) },
      ],
      reason: 'share_malformed',
    },
    { name: 'x = 256', k: 1, shares: [{ x: 256, share: SecretBytes.random(32) }], reason: 'share_malformed' },
    {
      name: 'a truncated share',
      k: 2,
      shares: [
        { x: 1, share: x1 },
        { x: 2, share: SecretBytes.random(32) },
      ],
      reason: 'share_malformed',
    },
    {
      name: 'a Shamir share where copies are expected',
      k: 1,
      shares: [{ x: 1, share: x1 }],
      reason: 'share_malformed',
    },
  ])('refuses $name', async ({ k, shares, reason }) => {
    await expect(refusalOf(() => combineShares(k, shares))).resolves.toMatchObject({ code: 'conflict', reason });
  });
});

describe('T-24 commitments', () => {
  const share = SecretBytes.take(Uint8Array.from({ length: 33 }, (_, index) => index));
  const commitment = shareCommitment(inst, 1, share);

  test('are SHA-256 of domain, instance, generation and share', () => {
    const input = Buffer.concat([
      Buffer.from('letterlock/v1/share\0'),
      Buffer.from(inst, 'base64url'),
      Buffer.from([0, 0, 0, 1]),
      share.expose(),
    ]);
    expect(commitment).toBe(sha256(input).toString('base64url'));
  });

  test.each([
    {
      name: 'a flipped bit',
      other: shareCommitment(inst, 1, SecretBytes.take(Uint8Array.from(share.expose()).with(4, 5))),
    },
    { name: 'another generation', other: shareCommitment(inst, 2, share) },
    { name: 'another instance', other: shareCommitment(otherInst, 1, share) },
  ])('differ for $name', ({ other }) => {
    expect(other).not.toBe(commitment);
  });

  test('acknowledgements are derived keys, and the server keeps only their hash', () => {
    const acknowledgement = shareAcknowledgement(share, inst);
    const expected = deriveKey(share, Buffer.from(inst, 'base64url'), labels.acknowledgement).expose();
    expect(acknowledgement).toBe(Buffer.from(expected).toString('base64url'));
    expect(acknowledgementHash(acknowledgement)).toBe(hash43(expected));
    expect(shareAcknowledgement(share, otherInst)).not.toBe(acknowledgement);
  });
});

describe('openShare()', () => {
  const key = generateOpeningKey();
  const share = SecretBytes.random(33);
  const expected = { inst, gen: 2 };
  const sealed = sealJweNow({
    typ: typ.share,
    to: publicOfOpening(key),
    header: { inst, gen: 2, x: 7 },
    plaintext: share.expose(),
  });
  const slot = sealJweNow({
    typ: typ.slot,
    to: publicOfOpening(key),
    header: { eh: hash43('header') },
    plaintext: share.expose(),
  });

  test.each(['P-256', 'RSA'] as const)('gives back a share sealed to a %s key', async (kind) => {
    const admin = generateOpeningKey(kind);
    const jwe = await sealShare({ to: publicOfOpening(admin), inst, gen: 2, x: 7, share });
    const opened = await openShare(jwe, admin, expected);
    expect(opened.x).toBe(7);
    expect(opened.share.equals(share)).toBe(true);
    expect(headerOf(jwe)).toMatchObject({ inst, gen: 2, x: 7, typ: typ.share, kid: admin.thumbprint });
  });

  test.each([
    { name: 'T-23 a user’s slot offered as a share', jwe: slot, code: 'bad_encoding', uses: 0 },
    {
      name: 'T-23 a user’s slot renamed to a share',
      jwe: withHeader(slot, { typ: typ.share, eh: undefined, inst, gen: 2, x: 7 }),
      code: 'bad_envelope',
      uses: 1,
    },
    { name: 'another generation', jwe: withHeader(sealed, { gen: 1 }), code: 'conflict', uses: 0 },
    { name: 'another instance', jwe: withHeader(sealed, { inst: otherInst }), code: 'conflict', uses: 0 },
    { name: 'another number', jwe: withHeader(sealed, { x: 8 }), code: 'bad_envelope', uses: 1 },
    { name: 'T-24 a flipped bit', jwe: withFlippedBit(sealed, 3, 7), code: 'bad_envelope', uses: 1 },
    { name: 'another admin’s share', jwe: withHeader(sealed, { kid: hash43('x') }), code: 'bad_envelope', uses: 0 },
  ])('refuses $name', async ({ jwe, code, uses }) => {
    let touches = 0;
    const watched = new Proxy(key, {
      get(target, name) {
        if (name === 'keyObject') touches += 1;
        return Reflect.get(target, name) as unknown;
      },
    });
    await expect(refusalOf(() => openShare(jwe, watched, expected))).resolves.toMatchObject({ code });
    expect(touches).toBe(uses);
  });
});

describe('openUnsealShare()', () => {
  const benc = generateOpeningKey();
  const share = SecretBytes.random(33);
  const context = {
    adminId: hash43('admin'),
    boot: bootFingerprint(hash43('tls'), benc.thumbprint),
    inst,
    gen: 1,
    purpose: 'unseal',
  };
  const jwe = sealUnsealShare({ to: publicOfOpening(benc), ...context, share });

  test('gives back the share; the kid is the admin’s, the one exception', async () => {
    const opened = await openUnsealShare(await jwe, benc, context);
    expect(opened.equals(share)).toBe(true);
    expect(headerOf(await jwe)['kid']).toBe(context.adminId);
  });

  test.each([
    { name: 'another admin', change: { adminId: hash43('other') } },
    { name: 'another boot', change: { boot: hash43('other') } },
    { name: 'another instance', change: { inst: otherInst } },
    { name: 'another generation', change: { gen: 2 } },
    { name: 'a share for unsealing where one for rekey is due', change: { purpose: `rekey:${hash43('x')}` } },
  ])('refuses $name before the key is used', async ({ change }) => {
    const untouchable = new Proxy(benc, {
      get(target, name) {
        if (name === 'keyObject') throw new Error('The key was used');
        return Reflect.get(target, name) as unknown;
      },
    });
    const sealed = await jwe;
    const call = () => openUnsealShare(sealed, untouchable, { ...context, ...change });
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'conflict', reason: 'share_context' });
  });

  test('refuses a share whose header was rewritten to what is expected', async () => {
    const rewritten = withHeader(await jwe, { purpose: `rekey:${hash43('x')}` });
    const call = () => openUnsealShare(rewritten, benc, { ...context, purpose: `rekey:${hash43('x')}` });
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_envelope', reason: 'slot_open' });
  });

  test('refuses a share for another boot key', async () => {
    const sealed = await jwe;
    const call = () => openUnsealShare(sealed, generateOpeningKey(), context);
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_envelope' });
  });
});

test('bootFingerprint() hashes the canonical pair of thumbprints', () => {
  const [tls, enc] = [hash43('tls'), hash43('enc')];
  expect(bootFingerprint(tls, enc)).toBe(hash43(`{"enc":"${enc}","tls":"${tls}"}`));
  expect(bootFingerprint(enc, tls)).not.toBe(bootFingerprint(tls, enc));
});
