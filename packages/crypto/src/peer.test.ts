/** Peer unseal: what the formats bind. @module */
import { describe, expect, test } from '@jest/globals';
import { typ } from '@letterlock/protocol';
import { hash43, randomIdentifier } from './bytes.ts';
import { signJws } from './jws.ts';
import { generateOpeningKey, generateSigningKey, publicOf, publicOfOpening } from './keys.ts';
import { openPeer, openPeerKek, readBoot, sealPeerKek, signBoot, signPeer } from './peer.ts';
import { SecretBytes } from './secret-bytes.ts';
import { sealJwe } from './slot.ts';
import { withFlippedBit } from './testing/compact.ts';
import { refusalOf } from './testing/problems.ts';

const signer = generateSigningKey();
const [receiver, stranger] = [generateOpeningKey(), generateOpeningKey()];
const to = publicOfOpening(receiver);

describe('readBoot()', () => {
  const claims = { boot: hash43('boot'), exp: 2, iat: 1, td: 'prod.example' };

  test('gives back what was signed, and by whom', () => {
    const read = readBoot(signBoot(signer, claims));
    expect(read.claims).toEqual({ ...claims, sig: signer.jwk });
    expect(read.signer.thumbprint).toBe(signer.thumbprint);
  });

  test.each([
    { name: 'a changed statement', jws: withFlippedBit(signBoot(signer, claims), 2, 0) },
    {
      name: "another one's key in it",
      jws: signJws({ typ: typ.boot, key: signer, claims: { ...claims, sig: { ...generateSigningKey().jwk } } }),
    },
  ])('refuses $name', async ({ jws }) => {
    await expect(refusalOf(() => readBoot(jws))).resolves.toMatchObject({ code: 'bad_proof' });
  });
});

describe('openPeerKek()', () => {
  const kek = SecretBytes.random(32);

  test('gives the KEK to the one it was sealed to', async () => {
    using opened = await openPeerKek(await sealPeerKek({ to, gen: 7, kek }), receiver, 7);
    expect(opened.equals(kek)).toBe(true);
  });

  test.each([
    { name: 'another generation', key: receiver, gen: 8, code: 'conflict' },
    { name: 'another receiver', key: stranger, gen: 7, code: 'bad_envelope' },
  ])('refuses $name', async ({ key, gen, code }) => {
    const jwe = await sealPeerKek({ to, gen: 7, kek });
    await expect(refusalOf(() => openPeerKek(jwe, key, gen))).resolves.toMatchObject({ code });
  });

  test.each([35, 37])('refuses a plaintext of %i bytes', async (length) => {
    const plaintext = new Uint8Array(length);
    plaintext[3] = 7;
    const jwe = await sealJwe({ typ: typ.peerShare, to, header: {}, plaintext });
    await expect(refusalOf(() => openPeerKek(jwe, receiver, 7))).resolves.toMatchObject({ code: 'bad_envelope' });
  });
});

describe('openPeer()', () => {
  test('accepts the key that it is told alone', async () => {
    const k = await sealPeerKek({ to, gen: 1, kek: SecretBytes.random(32) });
    const claims = { boot: hash43('boot'), gen: 1, inst: randomIdentifier(), k };
    const jws = signPeer(signer, claims);
    expect(openPeer(jws, publicOf(signer))).toEqual(claims);
    await expect(refusalOf(() => openPeer(jws, publicOf(generateSigningKey())))).resolves.toMatchObject({
      code: 'bad_proof',
    });
  });
});
