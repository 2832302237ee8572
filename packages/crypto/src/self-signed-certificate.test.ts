import { describe, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { generateSigningKey, publicOf, verifyingKeyOf, type SigningKeyKind } from './keys.ts';
import { certificatePem, createSelfSignedCertificate } from './self-signed-certificate.ts';

const valid = { commonName: 'alice', notBeforeSeconds: 1_790_000_000, notAfterSeconds: 1_821_536_000 };
const kinds: readonly SigningKeyKind[] = ['P-256', 'P-384', 'Ed25519', 'RSA'];

describe('createSelfSignedCertificate()', () => {
  test.each(kinds)('writes what OpenSSL reads and verifies, for %s', (kind) => {
    const key = generateSigningKey(kind);
    const certificate = new X509Certificate(createSelfSignedCertificate({ ...valid, key }));

    expect(certificate.verify(publicOf(key).keyObject)).toBe(true);
    expect(certificate.issuer).toBe(certificate.subject);
    expect(verifyingKeyOf(certificate.publicKey).thumbprint).toBe(key.thumbprint);
    expect(certificate.subject).toBe('CN=alice');
    expect(certificate.ca).toBe(false);
    // Node calls the extended key usages "keyUsage".
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
    expect(certificate.validFromDate.getTime()).toBe(valid.notBeforeSeconds * 1000);
    expect(certificate.validToDate.getTime()).toBe(valid.notAfterSeconds * 1000);
    expect(certificate.subjectAltName).toBeUndefined();
  });

  test('names hosts, and writes a date after 2049', () => {
    const certificate = new X509Certificate(
      createSelfSignedCertificate({
        ...valid,
        key: generateSigningKey(),
        hosts: ['localhost', '127.0.0.1', '::1', '2001:db8::7'],
        notAfterSeconds: 253_402_300_799,
      }),
    );

    expect(certificate.subjectAltName).toBe(
      'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:0:0:7',
    );
    expect(certificate.validToDate.toISOString()).toBe('9999-12-31T23:59:59.000Z');
  });

  test('gives each certificate its own positive serial number', () => {
    const key = generateSigningKey();
    const serials = Array.from(
      { length: 20 },
      () => new X509Certificate(createSelfSignedCertificate({ ...valid, key })).serialNumber,
    );

    expect(new Set(serials).size).toBe(20);
    expect(serials.every((serial) => /^[4-7][0-9A-F]{31}$/.test(serial))).toBe(true);
  });

  test.each([
    { name: 'no name', change: { commonName: '' } },
    { name: 'a name of 65 characters', change: { commonName: 'a'.repeat(65) } },
    { name: 'an end before its begin', change: { notAfterSeconds: valid.notBeforeSeconds } },
    { name: 'an IPv6 address of nine groups', change: { hosts: ['1:2:3:4:5:6:7:8:9'] } },
  ])('refuses $name', ({ change }) => {
    expect(() => createSelfSignedCertificate({ ...valid, key: generateSigningKey(), ...change })).toThrow(RangeError);
  });
});

describe('certificatePem()', () => {
  test('reads back as the same certificate', () => {
    const der = createSelfSignedCertificate({ ...valid, key: generateSigningKey() });

    expect(new X509Certificate(certificatePem(der)).raw.equals(der)).toBe(true);
  });
});
