import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, publicKeyInfo, publicOf, signingCryptoKey, type SigningKey } from '@letterlock/crypto';
import { createAuthority, readAuthority } from './authority.ts';
import { signCertificate } from './certificate-profile.ts';
import { readFacts } from './read-profile.ts';
import { authority, basic, forge, names, nowSeconds, trustDomain, usage } from './testing/forge.ts';
import { Extension, KeyUsageFlags, SubjectKeyIdentifierExtension, X509CertificateGenerator } from './x509-library.ts';

const key = generateSigningKey();
const { keyCertSign, cRLSign, digitalSignature } = KeyUsageFlags;
const right = {
  basic: basic(true, 0),
  usage: usage(keyCertSign | cRLSign),
  names: names([{ type: 'url', value: `spiffe://${trustDomain}` }], false),
  identifier: await SubjectKeyIdentifierExtension.create(publicKeyInfo(publicOf(key))),
};

async function make(change: Partial<Record<keyof typeof right, Extension>>, signer: SigningKey = key) {
  return signCertificate({
    subject: 'CN=a',
    issuer: 'CN=a',
    publicKey: publicOf(key),
    signingKey: signer,
    notBefore: nowSeconds,
    notAfter: nowSeconds + 1,
    extensions: Object.values({ ...right, ...change }),
  });
}
const refused = expect.objectContaining({ code: 'bad_key', reason: 'authority_profile' });

describe('createAuthority()', () => {
  test('makes a self-signed authority of 90 days, backdated by five minutes, for leaves alone', () => {
    expect(authority.notBefore).toBe(nowSeconds - 300);
    expect(authority.notAfter).toBe(nowSeconds + 90 * 86_400);
    const { certificate } = authority.read;
    expect(certificate.ca).toBe(true);
    expect(certificate.subjectAltName).toBe('URI:spiffe://prod.example');
    expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(readFacts(authority.der)).toMatchObject({ pathLength: 0, keyUsage: keyCertSign | cRLSign });
  });

  test('makes another key and another name each time', async () => {
    const other = await createAuthority({ trustDomain, nowSeconds });
    expect(other.read.key.thumbprint).not.toBe(authority.read.key.thumbprint);
    expect(other.read.certificate.subject).not.toBe(authority.read.certificate.subject);
  });
});

describe('readAuthority()', () => {
  test('reads what createAuthority makes, and the right one of these tests', async () => {
    expect(readAuthority(authority.der, trustDomain).read.key.thumbprint).toBe(authority.key.thumbprint);
    expect(readAuthority(await make({}), trustDomain).notAfter).toBe(nowSeconds + 1);
  });

  test.each([
    { name: 'cA=false', change: { basic: basic(false) } },
    { name: 'no path length', change: { basic: basic(true) } },
    { name: 'a longer path', change: { basic: basic(true, 1) } },
    { name: 'constraints that are not critical', change: { basic: basic(true, 0, false) } },
    { name: 'a usage too many', change: { usage: usage(keyCertSign | cRLSign | digitalSignature) } },
    { name: 'a usage too few', change: { usage: usage(keyCertSign) } },
    {
      name: 'another trust domain',
      change: { names: names([{ type: 'url', value: 'spiffe://test.example' }], false) },
    },
    {
      name: 'two names',
      change: {
        names: names(
          [
            { type: 'url', value: `spiffe://${trustDomain}` },
            { type: 'url', value: 'spiffe://x' },
          ],
          false,
        ),
      },
    },
    {
      name: 'a name of another kind',
      change: { names: names([{ type: 'dns', value: `spiffe://${trustDomain}` }], false) },
    },
    { name: 'one extension too many', change: { extra: new Extension('1.2.3.4', false, new Uint8Array([5, 0])) } },
  ])('refuses $name', async ({ change }) => {
    const der = await make(change);
    expect(() => readAuthority(der, trustDomain)).toThrow(refused);
  });

  test('refuses one with another hash than SHA-256', async () => {
    const certificate = await X509CertificateGenerator.create({
      subject: 'CN=a',
      issuer: 'CN=a',
      publicKey: publicKeyInfo(publicOf(key)),
      signingKey: signingCryptoKey(key),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-384' },
      extensions: Object.values(right),
    });
    expect(() => readAuthority(new Uint8Array(certificate.rawData), trustDomain)).toThrow(refused);
  });

  test('refuses one that another key signed', async () => {
    const der = await make({}, generateSigningKey());
    expect(() => readAuthority(der, trustDomain)).toThrow(refused);
  });

  test('refuses a leaf', async () => {
    const der = await forge();
    expect(() => readAuthority(der, trustDomain)).toThrow(refused);
  });
});
