/** The key policy: one key, one spelling, one thumbprint. @module */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { PublicJwk } from '@letterlock/protocol';
import {
  generateOpeningKey,
  generateSigningKey,
  importSealingKey,
  importVerifyingKey,
  openingKeyOf,
  publicOf,
  publicOfOpening,
  sealingKeyOf,
  signingKeyOf,
  verifyingKeyOf,
} from './keys.ts';
import { refusalOf } from './testing/problems.ts';

type Jwk = Record<string, string>;
const jwkOf = (key: { readonly jwk: PublicJwk }): Jwk => ({ ...(key.jwk as unknown as Jwk) });
const p256 = jwkOf(generateSigningKey());
const p384 = jwkOf(generateSigningKey('P-384'));
const ed25519 = jwkOf(generateSigningKey('Ed25519'));
const x25519 = jwkOf(generateOpeningKey('X25519'));
const rsa = jwkOf(generateSigningKey('RSA'));
const rsaPair = (modulusLength: number, publicExponent = 65537): KeyObject =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey;
const exported = (key: KeyObject): Jwk => key.export({ format: 'jwk' }) as Jwk;
const bytesOf = (value: string): Buffer => Buffer.from(value, 'base64url');
const prefixed = (value: string): string => Buffer.concat([Buffer.alloc(1), bytesOf(value)]).toString('base64url');
/** A number as the 32 bytes of Curve25519. */
const littleEndian = (value: bigint): string =>
  Buffer.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed()).toString('base64url');
const prime25519 = 2n ** 255n - 19n;

describe('importVerifyingKey(), importSealingKey()', () => {
  test.each([
    { name: 'P-256', jwk: p256, signature: 'ES256', management: 'ECDH-ES+A256KW' },
    { name: 'P-384', jwk: p384, signature: 'ES384', management: 'ECDH-ES+A256KW' },
    { name: 'Ed25519', jwk: ed25519, signature: 'Ed25519', management: undefined },
    { name: 'X25519', jwk: x25519, signature: undefined, management: 'ECDH-ES+A256KW' },
    { name: 'RSA', jwk: rsa, signature: 'PS256', management: 'RSA-OAEP-256' },
  ])('a $name key has at most one algorithm for each purpose', async ({ name, jwk, signature, management }) => {
    const refusal = { code: 'bad_key', reason: 'key_use' };
    for (const { algorithm, use } of [
      { algorithm: signature, use: importVerifyingKey },
      { algorithm: management, use: importSealingKey },
    ]) {
      const outcome: unknown = algorithm === undefined ? await refusalOf(() => use(jwk)) : use(jwk);
      expect(outcome).toMatchObject(algorithm === undefined ? refusal : { kind: name, algorithm, jwk });
    }
  });

  test('member order does not matter: thumbprint and export are canonical', () => {
    const reversed = Object.fromEntries(Object.entries(p256).toReversed());
    expect(importVerifyingKey(reversed).thumbprint).toBe(importVerifyingKey(p256).thumbprint);
    expect(Object.keys(importVerifyingKey(reversed).jwk)).toEqual(['crv', 'kty', 'x', 'y']);
  });

  test('copies what it is given before it looks at it', () => {
    const jwk = { ...p256 };
    const key = importVerifyingKey(jwk);
    jwk['x'] = p256['y']!;
    expect(key.jwk).toEqual(p256);
    expect(() => Object.assign(key.jwk, { x: 'A' })).toThrow('read only');
  });

  test('public halves keep thumbprint and kind', () => {
    const signing = generateSigningKey();
    const opening = generateOpeningKey();
    expect(publicOf(signing)).toMatchObject({ use: 'verify', thumbprint: signing.thumbprint });
    expect(publicOfOpening(opening)).toMatchObject({ use: 'seal', thumbprint: opening.thumbprint });
    expect(publicOf(signing).keyObject.type).toBe('public');
    expect(publicOfOpening(opening).keyObject.type).toBe('public');
  });

  test('one pair may sign and receive where its kind allows both', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const id = verifyingKeyOf(publicKey).thumbprint;
    expect(signingKeyOf(privateKey).thumbprint).toBe(id);
    expect(openingKeyOf(privateKey).thumbprint).toBe(id);
    expect(sealingKeyOf(publicKey).thumbprint).toBe(id);
  });

  test('a new RSA key has 3,072 bits', () => {
    expect(generateSigningKey('RSA').keyObject.asymmetricKeyDetails?.modulusLength).toBe(3072);
  });
});

describe('T-09 one key has one identity', () => {
  test.each([
    { name: 'RSA with a leading zero in the modulus', jwk: { ...rsa, n: prefixed(rsa['n']!) } },
    { name: 'RSA with a leading zero in the exponent', jwk: { ...rsa, e: prefixed(rsa['e']!) } },
    { name: 'RSA with exponent 1', jwk: { ...rsa, e: 'AQ' } },
    { name: 'RSA with exponent 3', jwk: exported(rsaPair(2048, 3)) },
    { name: 'RSA with exponent 65539', jwk: { ...rsa, e: 'AQAD' } },
    { name: 'RSA of 1,024 bits', jwk: exported(rsaPair(1024)) },
    {
      name: 'RSA of 2,047 bits',
      jwk: {
        ...exported(rsaPair(2048)),
        n: Buffer.concat([Buffer.from([0x7f]), bytesOf(exported(rsaPair(2048))['n']!).subarray(1)]).toString(
          'base64url',
        ),
      },
    },
    { name: 'RSA of more than 4,096 bits', jwk: { ...rsa, n: Buffer.alloc(513, 0xff).toString('base64url') } },
    {
      name: 'RSA with an even modulus',
      jwk: {
        ...rsa,
        n: Buffer.concat([bytesOf(rsa['n']!).subarray(0, -1), Buffer.from([0x10])]).toString('base64url'),
      },
    },
    { name: 'EC with a longer coordinate', jwk: { ...p256, x: prefixed(p256['x']!) } },
    { name: 'EC with a padded coordinate', jwk: { ...p256, x: `${p256['x']!}=` } },
    { name: 'EC in ordinary base64', jwk: { ...p256, x: '+'.repeat(43) } },
    { name: 'EC of another curve name', jwk: { ...p256, crv: 'P-384' } },
    { name: 'P-521', jwk: exported(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey) },
    { name: 'secp256k1', jwk: exported(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey) },
    { name: 'Ed448', jwk: exported(generateKeyPairSync('ed448').publicKey) },
    { name: 'a symmetric key', jwk: { kty: 'oct', k: 'AAAA' } },
    {
      name: 'a private key',
      jwk: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }) as Jwk,
    },
    { name: 'a further member', jwk: { ...p256, use: 'sig' } },
    { name: 'a missing member', jwk: { crv: 'P-256', kty: 'EC', x: p256['x']! } },
    { name: 'an inherited member', jwk: Object.create(p256) as Jwk },
    { name: 'a member that is no string', jwk: { ...p256, x: 5 } },
    { name: 'null', jwk: null },
    { name: 'a string', jwk: JSON.stringify(p256) },
    { name: 'an Ed25519 y above the prime', jwk: { ...ed25519, x: littleEndian(prime25519 + 2n) } },
    { name: 'an X25519 u with its top bit', jwk: { ...x25519, x: littleEndian(2n ** 255n + 9n) } },
    { name: 'an X25519 u above the prime', jwk: { ...x25519, x: littleEndian(prime25519 + 9n) } },
  ])('refuses $name', async ({ jwk }) => {
    await expect(refusalOf(() => importVerifyingKey(jwk))).resolves.toMatchObject({ code: 'bad_key' });
    await expect(refusalOf(() => importSealingKey(jwk))).resolves.toMatchObject({ code: 'bad_key' });
  });

  test('OpenSSL itself imports some of them, so the refusal is ours', () => {
    for (const jwk of [
      { ...rsa, n: prefixed(rsa['n']!) },
      { ...rsa, e: 'AQ' },
      { ...x25519, x: littleEndian(2n ** 255n + 9n) },
    ]) {
      expect(createPublicKey({ key: jwk, format: 'jwk' }).type).toBe('public');
    }
  });

  test.each(['P-256', 'P-384'])('refuses a %s key with explicit curve parameters', async (namedCurve) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve, paramEncoding: 'explicit' });
    for (const call of [
      () => verifyingKeyOf(publicKey),
      () => sealingKeyOf(publicKey),
      () => signingKeyOf(privateKey),
      () => openingKeyOf(privateKey),
    ]) {
      await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_key', reason: 'key_curve_parameters' });
    }
  });

  test('refuses explicit curve parameters with another generator', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
    const der = publicKey.export({ type: 'spki', format: 'der' });
    // The public point itself as generator: the private key would be 1 (CVE-2020-0601).
    const generator = Buffer.from(
      '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
      'hex',
    );
    const at = der.indexOf(generator);
    expect(at).toBeGreaterThan(0);
    der.subarray(-65).copy(der, at);
    const forged = () => verifyingKeyOf(createPublicKey({ key: der, type: 'spki', format: 'der' }));
    await expect(refusalOf(forged)).resolves.toMatchObject({ code: 'bad_key' });
  });

  test('refuses an RSA key of more than 4,096 bits that a certificate could carry', async () => {
    const key = createPublicKey({ key: { ...rsa, n: Buffer.alloc(513, 0xff).toString('base64url') }, format: 'jwk' });
    await expect(refusalOf(() => verifyingKeyOf(key))).resolves.toMatchObject({ reason: 'key_rsa_size' });
  });

  test('looks at the length of a member before the library does', async () => {
    const jwk = { ...rsa, n: Buffer.alloc(513, 0xff).toString('base64url') };
    await expect(refusalOf(() => importVerifyingKey(jwk))).resolves.toMatchObject({ reason: 'key_form' });
  });

  test('refuses an RSA-PSS key, whose parameters would choose', async () => {
    const { publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
    await expect(refusalOf(() => verifyingKeyOf(publicKey))).resolves.toMatchObject({ code: 'bad_key' });
  });

  test('refuses a public key as a private one and the reverse', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const call of [
      () => signingKeyOf(publicKey),
      () => openingKeyOf(publicKey),
      () => verifyingKeyOf(privateKey),
    ]) {
      await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_key', reason: 'key_form' });
    }
  });
});

describe('T-10 points that do not exist or have small order', () => {
  const pPrime = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
  const big = (value: bigint): string => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toString('base64url');
  test.each([
    {
      name: 'a point off the curve',
      jwk: { ...p256, y: big(BigInt(`0x${bytesOf(p256['y']!).toString('hex')}`) ^ 1n) },
    },
    { name: 'a point of P-384 as P-256', jwk: { ...p384, crv: 'P-256' } },
    { name: 'the point at infinity', jwk: { ...p256, x: big(0n), y: big(0n) } },
    { name: 'a coordinate that is not reduced', jwk: { ...p256, x: big(pPrime) } },
    { name: 'X25519 zero', jwk: { ...x25519, x: littleEndian(0n) } },
    { name: 'X25519 one', jwk: { ...x25519, x: littleEndian(1n) } },
    { name: 'X25519 minus one', jwk: { ...x25519, x: littleEndian(prime25519 - 1n) } },
    { name: 'X25519 of order 8', jwk: { ...x25519, x: 'X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc' } },
    { name: 'X25519 of order 8, the other', jwk: { ...x25519, x: '4Ot6fDtBuK4WVuP68Z_EatoJjeucMrH9hmIFFl9JuAA' } },
    { name: 'Ed25519 zero', jwk: { ...ed25519, x: littleEndian(0n) } },
    { name: 'Ed25519 one, the neutral element', jwk: { ...ed25519, x: littleEndian(1n) } },
    { name: 'Ed25519 one with the sign bit', jwk: { ...ed25519, x: littleEndian(2n ** 255n + 1n) } },
    { name: 'Ed25519 of order 8', jwk: { ...ed25519, x: 'JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU' } },
    { name: 'Ed25519 of order 8, the other', jwk: { ...ed25519, x: 'xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o' } },
  ])('refuses $name', async ({ jwk }) => {
    await expect(refusalOf(() => importSealingKey(jwk))).resolves.toMatchObject({ code: 'bad_key' });
    await expect(refusalOf(() => importVerifyingKey(jwk))).resolves.toMatchObject({ code: 'bad_key' });
  });
});
