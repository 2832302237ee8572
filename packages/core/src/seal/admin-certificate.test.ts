import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createSelfSignedCertificate, generateSigningKey, signingKeyOf, type SigningKey } from '@letterlock/crypto';
import { readAdminCertificate } from './admin-certificate.ts';

function certificateOf(key: SigningKey, commonName = 'alice', notAfterSeconds = 1_900_000_000): Uint8Array {
  return createSelfSignedCertificate({ key, commonName, notBeforeSeconds: 1_000_000_000, notAfterSeconds });
}

function rsaKey(modulusLength: number): SigningKey {
  return signingKeyOf(generateKeyPairSync('rsa', { modulusLength }).privateKey);
}

describe('readAdminCertificate()', () => {
  test.each([
    { name: 'P-256', key: generateSigningKey('P-256') },
    { name: 'P-384', key: generateSigningKey('P-384') },
    { name: 'RSA with 3072 bits', key: rsaKey(3072) },
  ])('reads a certificate with a key of $name as a single-key identity', ({ key }) => {
    const admin = readAdminCertificate(certificateOf(key));
    expect(admin).toMatchObject({ id: key.thumbprint, name: 'alice', keyset: undefined, isAdmin: true });
    expect(admin.verifyingKey.thumbprint).toBe(key.thumbprint);
    expect(admin.sealingKey.thumbprint).toBe(key.thumbprint);
  });

  test.each([
    {
      name: 'Ed25519, which cannot decrypt a share',
      key: generateSigningKey('Ed25519'),
      reason: 'admin_key_cannot_receive',
    },
    { name: 'RSA with 2048 bits', key: rsaKey(2048), reason: 'admin_key_rsa_size' },
  ])('refuses a key of $name', ({ key, reason }) => {
    expect(() => readAdminCertificate(certificateOf(key))).toThrow(
      expect.objectContaining({ code: 'bad_key', reason }),
    );
  });

  test('shows that a certificate has expired, and accepts it', () => {
    const admin = readAdminCertificate(certificateOf(generateSigningKey(), 'alice', 1_100_000_000));
    expect(admin.validTo).toBe('Nov  9 11:33:20 2004 GMT');
  });

  test('a name cannot move a terminal', () => {
    expect(readAdminCertificate(certificateOf(generateSigningKey(), 'a\u001b[2Jb')).name).not.toMatch(/\p{Cc}/u);
  });
});
