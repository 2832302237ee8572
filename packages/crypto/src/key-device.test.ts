/** Keys whose private half stays on a device: what they make and open, and what they refuse. @module */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { parseJws, typ } from '@letterlock/protocol';
import { signJws, verifyJws } from './jws.ts';
import {
  generateOpeningKey,
  generateSigningKey,
  openingKeyOf,
  openingKeyOn,
  publicOf,
  publicOfOpening,
  signingKeyOn,
} from './keys.ts';
import { exportPrivateKey } from './private-key.ts';
import { SecretBytes } from './secret-bytes.ts';
import { createSelfSignedCertificate } from './self-signed-certificate.ts';
import { openJwe, sealJweNow } from './slot.ts';
import { withFlippedBit, withHeader } from './testing/compact.ts';
import { refusalOf } from './testing/problems.ts';
import { onDevice } from './testing/software-device.ts';

const kinds = ['P-256', 'P-384', 'RSA'] as const;
const software = Object.fromEntries(kinds.map((kind) => [kind, generateSigningKey(kind)])) as Record<
  (typeof kinds)[number],
  ReturnType<typeof generateSigningKey>
>;
const claims = { boot: 'x' };
const plaintext = new Uint8Array(33).fill(7);
const seal = (kind: (typeof kinds)[number]) =>
  sealJweNow({
    typ: typ.share,
    to: publicOfOpening(openingKeyOf(software[kind].keyObject)),
    header: { inst: 'A'.repeat(22), gen: 1, x: 1 },
    plaintext,
  });

describe('signingKeyOn()', () => {
  test.each(kinds)('signs what anybody verifies, %s', (kind) => {
    const { signing, counted } = onDevice(software[kind]);
    const jws = parseJws(signJws({ typ: typ.unseal, key: signing, claims }), typ.unseal, 4096);
    expect(verifyJws(jws, publicOf(software[kind]))).toBe(true);
    expect(verifyJws(jws, publicOf(signing))).toBe(true);
    expect([signing.thumbprint, counted.calls]).toEqual([software[kind].thumbprint, 1]);
  });

  test('gives out no signature that is not valid under the key that the device shows', () => {
    const other = onDevice(generateSigningKey()).signing.device!;
    const { signing } = onDevice(software['P-256'], { sign: (data) => other.sign(data) });
    expect(() => signJws({ typ: typ.unseal, key: signing, claims })).toThrow('under the public key');
  });

  test.each(kinds)('signs a certificate that OpenSSL verifies, %s', (kind) => {
    const { signing } = onDevice(software[kind]);
    for (let round = 0; round < 20; round += 1) {
      const der = createSelfSignedCertificate({
        key: signing,
        commonName: 'card',
        notBeforeSeconds: 1_790_000_000,
        notAfterSeconds: 1_900_000_000,
      });
      expect(new X509Certificate(der).verify(publicOf(signing).keyObject)).toBe(true);
      if (kind === 'RSA') break;
    }
  });

  test.each([generateSigningKey('Ed25519'), generateOpeningKey('X25519')])('refuses $kind', async (key) => {
    const publicKey = createPublicKey(key.keyObject);
    const { device } = onDevice(software['P-256']).signing;
    await expect(refusalOf(() => signingKeyOn(device!, publicKey))).resolves.toMatchObject({ code: 'bad_key' });
    const opening = onDevice(software['P-256']).opening.device!;
    await expect(refusalOf(() => openingKeyOn(opening, publicKey))).resolves.toMatchObject({ code: 'bad_key' });
  });

  test('has nothing to export', () => {
    expect(() => exportPrivateKey(onDevice(software['P-256']).signing)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});

describe('openingKeyOn()', () => {
  test.each(kinds)('opens what was sealed to a %s key, with one call', async (kind) => {
    const { opening, counted } = onDevice(software[kind]);
    const { plaintext: opened, header } = await openJwe(seal(kind), { typ: typ.share, key: opening });
    expect(opened.equals(SecretBytes.copy(plaintext))).toBe(true);
    expect(header).toMatchObject({ gen: 1, x: 1, kid: opening.thumbprint });
    expect(counted.calls).toBe(1);
  });

  const refused = { code: 'bad_envelope', reason: 'slot_open', message: 'The envelope is not acceptable' };
  const untouched = [
    { name: 'another typ (T-23)', change: (jwe: string) => withHeader(jwe, { typ: typ.slot }) },
    { name: 'another kid', change: (jwe: string) => withHeader(jwe, { kid: generateSigningKey().thumbprint }) },
    { name: 'another algorithm', change: (jwe: string) => withHeader(jwe, { alg: 'ECDH-ES' }) },
    { name: 'another content encryption', change: (jwe: string) => withHeader(jwe, { enc: 'A128GCM' }) },
    {
      name: 'an ephemeral key on another curve',
      change: (jwe: string) => withHeader(jwe, { epk: { ...generateOpeningKey('P-384').jwk } }),
    },
    {
      name: 'an ephemeral key off the curve',
      change: (jwe: string) => {
        const { crv, kty, x } = generateOpeningKey().jwk as unknown as Record<string, string>;
        return withHeader(jwe, { epk: { crv, kty, x, y: x } });
      },
    },
  ];
  test.each(untouched)('refuses $name before the device is asked', async ({ change }) => {
    const { opening, counted } = onDevice(software['P-256']);
    const call = () => openJwe(change(seal('P-256')), { typ: typ.share, key: opening });
    await expect(refusalOf(call)).resolves.toMatchObject(refused);
    expect(counted.calls).toBe(0);
  });

  test.each(kinds.flatMap((kind) => [1, 2, 3, 4].map((part) => ({ kind, part }))))(
    'gives the one refusal for a flipped bit of part $part, $kind',
    async ({ kind, part }) => {
      const { opening } = onDevice(software[kind]);
      const call = () => openJwe(withFlippedBit(seal(kind), part, 9), { typ: typ.share, key: opening });
      await expect(refusalOf(call)).resolves.toMatchObject(refused);
    },
  );

  test.each([
    { name: 'Z of another length', kind: 'P-256' as const, change: { agree: () => SecretBytes.random(31) } },
    { name: 'no Z', kind: 'P-256' as const, change: { agree: () => undefined } },
    { name: 'another Z', kind: 'P-256' as const, change: { agree: () => SecretBytes.random(32) } },
    {
      name: 'a content key of another length',
      kind: 'RSA' as const,
      change: { decrypt: () => SecretBytes.random(16) },
    },
    { name: 'another content key', kind: 'RSA' as const, change: { decrypt: () => SecretBytes.random(32) } },
  ])('gives the one refusal for a device that returns $name', async ({ kind, change }) => {
    const { opening } = onDevice(software[kind], change);
    const call = () => openJwe(seal(kind), { typ: typ.share, key: opening });
    await expect(refusalOf(call)).resolves.toMatchObject(refused);
  });

  test('passes on what the device itself says', async () => {
    const { opening } = onDevice(software['P-256'], {
      agree: () => {
        throw new RangeError('The PIN is wrong');
      },
    });
    await expect(openJwe(seal('P-256'), { typ: typ.share, key: opening })).rejects.toThrow('The PIN is wrong');
  });
});
