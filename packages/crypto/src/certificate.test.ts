/** Certificates: one file, one certificate; a chain that this verifier knows to be right. @module */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readCertificate, verifyCertificateChain } from './certificate.ts';
import { verifyingKeyOf } from './keys.ts';
import {
  authority,
  buildCertificate,
  der,
  extensionIds,
  noAuthority,
  purpose,
  usage,
  type CertificateToBuild,
  type TestExtension,
} from './testing/certificate-builder.ts';
import { issuedAt } from './testing/delivered.ts';
import { refusalOf } from './testing/problems.ts';

const year = 31_536_000;
const long = { notBefore: issuedAt - year, notAfter: issuedAt + year };
const root = buildCertificate({ subject: 'root', extensions: [authority(), usage('04')], ...long });
const middle = buildCertificate({ subject: 'middle', issuer: root, extensions: [authority(0), usage('04')], ...long });
const upper = buildCertificate({ subject: 'upper', issuer: root, extensions: [authority(1)], ...long });
const lower = buildCertificate({ subject: 'lower', issuer: upper, extensions: [authority(0)], ...long });
const first = buildCertificate({ subject: 'first', issuer: root, extensions: [authority()], ...long });
const second = buildCertificate({ subject: 'second', issuer: first, extensions: [authority()], ...long });
const leafOf = (change: Partial<CertificateToBuild> = {}) =>
  buildCertificate({
    subject: 'alice',
    issuer: middle,
    extensions: [noAuthority, usage('80'), purpose('client')],
    ...change,
  });
const leaf = leafOf();
const roots = [new X509Certificate(root.der)];
const critical = (id: string, value: Uint8Array): TestExtension => ({ id, isCritical: true, value });
const verify = (...chain: readonly { readonly der: Uint8Array }[]) =>
  verifyCertificateChain(
    chain.map((certificate) => certificate.der),
    roots,
    issuedAt,
  );

describe('verifyCertificateChain()', () => {
  test.each([
    { name: 'leaf and intermediate', chain: [leaf, middle] },
    { name: 'leaf of the root', chain: [leafOf({ issuer: root })] },
    { name: 'two intermediates', chain: [leafOf({ issuer: lower }), lower, upper] },
    { name: 'a leaf without extensions', chain: [leafOf({ extensions: [] }), middle] },
    { name: 'any extended usage', chain: [leafOf({ extensions: [purpose('any')] }), middle] },
    {
      name: 'critical names, which are ignored',
      chain: [
        leafOf({ extensions: [critical(extensionIds.subjectAlternativeName, der(0x30, der(0x82, Buffer.from('a'))))] }),
        middle,
      ],
    },
    { name: 'three certificates without path lengths', chain: [leafOf({ issuer: second }), second, first] },
    {
      name: 'an unknown extension that is not critical',
      chain: [leafOf({ extensions: [{ id: extensionIds.certificatePolicies, value: der(0x30) }] }), middle],
    },
    { name: 'its first second', chain: [leafOf({ notBefore: issuedAt }), middle] },
    { name: 'its last second', chain: [leafOf({ notAfter: issuedAt }), middle] },
    { name: 'a P-384 leaf', chain: [leafOf({ pair: generateKeyPairSync('ec', { namedCurve: 'P-384' }) }), middle] },
  ])('accepts $name and gives the leaf’s key', ({ chain }) => {
    const key = verify(...chain);
    expect(key.thumbprint).toBe(verifyingKeyOf(chain[0]!.publicKey).thumbprint);
  });

  const impostor = buildCertificate({ subject: 'root', extensions: [authority()], ...long });
  const leafThatSigns = leafOf({ subject: 'leaf' });
  const issuing = (change: Partial<CertificateToBuild>) => {
    const issuer = buildCertificate({
      subject: 'middle',
      issuer: root,
      extensions: [authority(0), usage('04')],
      ...long,
      ...change,
    });
    return [leafOf({ issuer }), issuer];
  };
  const one = buildCertificate({ subject: 'one', issuer: root, extensions: [authority()], ...long });
  const two = buildCertificate({ subject: 'two', issuer: one, extensions: [authority()], ...long });
  const three = buildCertificate({ subject: 'three', issuer: two, extensions: [authority()], ...long });
  const deepLower = buildCertificate({ subject: 'deep', issuer: lower, extensions: [authority()], ...long });

  test.each([
    { name: 'no certificate', chain: [] },
    { name: 'a chain of four that is right otherwise', chain: [leafOf({ issuer: three }), three, two, one] },
    { name: 'a missing intermediate', chain: [leaf] },
    { name: 'the wrong order', chain: [middle, leaf] },
    { name: 'an expired leaf', chain: [leafOf({ notAfter: issuedAt - 1 }), middle] },
    { name: 'a leaf of the future', chain: [leafOf({ notBefore: issuedAt + 1 }), middle] },
    { name: 'an expired issuer', chain: issuing({ notAfter: issuedAt - 1 }) },
    { name: 'an issuer of the future', chain: issuing({ notBefore: issuedAt + 1 }) },
    { name: 'a leaf signed by a leaf', chain: [leafOf({ issuer: leafThatSigns }), leafThatSigns, middle] },
    { name: 'an issuer without basic constraints', chain: issuing({ extensions: [usage('04')] }) },
    { name: 'an issuer that says it is none', chain: issuing({ extensions: [noAuthority] }) },
    { name: 'an issuer without keyCertSign', chain: issuing({ extensions: [authority(0), usage('80')] }) },
    { name: 'an issuer for servers only', chain: issuing({ extensions: [authority(0), purpose('server')] }) },
    { name: 'a path longer than its length', chain: [leafOf({ issuer: deepLower }), deepLower, lower] },
    {
      name: 'name constraints',
      chain: issuing({ extensions: [authority(0), { id: extensionIds.nameConstraints, value: der(0x30) }] }),
    },
    {
      name: 'an unknown critical extension of an issuer',
      chain: issuing({ extensions: [authority(0), critical(extensionIds.certificatePolicies, der(0x30))] }),
    },
    { name: 'an unknown critical extension', chain: [leafOf({ extensions: [critical('2a0304', der(0x30))] }), middle] },
    { name: 'an extension twice', chain: [leafOf({ extensions: [noAuthority, noAuthority] }), middle] },
    { name: 'a leaf that is an authority', chain: [leafOf({ extensions: [authority(0)] }), middle] },
    { name: 'a leaf that may not sign', chain: [leafOf({ extensions: [usage('20')] }), middle] },
    { name: 'a leaf for servers only', chain: [leafOf({ extensions: [purpose('server')] }), middle] },
    { name: 'a version 2 leaf', chain: [leafOf({ version: 2 }), middle] },
    { name: 'a version 1 leaf', chain: [leafOf({ extensions: [], version: 1 }), middle] },
    { name: 'SHA-1', chain: [leafOf({ digest: 'sha1' }), middle] },
    { name: 'another root of the same name', chain: [leafOf({ issuer: impostor })] },
    { name: 'an intermediate of another root of the same name', chain: issuing({ issuer: impostor }) },
    { name: 'an intermediate of the same name with another key', chain: [leafOf({ issuer: issuing({})[1]! }), middle] },
    { name: 'a weak key', chain: [leafOf({ pair: generateKeyPairSync('rsa', { modulusLength: 1024 }) }), middle] },
    {
      name: 'a key of another kind',
      chain: [leafOf({ pair: generateKeyPairSync('ec', { namedCurve: 'P-521' }) }), middle],
    },
    { name: 'a key that cannot sign', chain: [leafOf({ pair: generateKeyPairSync('x25519') }), middle] },
    { name: 'an issuer with a weak key', chain: issuing({ pair: generateKeyPairSync('ec', { namedCurve: 'P-521' }) }) },
    {
      name: 'a certificate beyond 8 KiB',
      chain: [leafOf({ extensions: [{ id: extensionIds.certificatePolicies, value: new Uint8Array(8192) }] }), middle],
    },
    { name: 'bytes behind a certificate', chain: [{ der: Buffer.concat([leaf.der, Buffer.alloc(1)]) }, middle] },
    {
      name: 'PEM with two certificates',
      chain: [{ der: Buffer.from(new X509Certificate(leaf.der).toString().repeat(2)) }, middle],
    },
    { name: 'no certificate at all', chain: [{ der: Buffer.from('hello') }, middle] },
    {
      name: 'a changed signature',
      chain: [{ der: Uint8Array.from(leaf.der).with(leaf.der.length - 1, leaf.der.at(-1)! ^ 1) }, middle],
    },
  ])('refuses $name', async ({ chain }) => {
    await expect(refusalOf(() => verify(...chain))).resolves.toMatchObject({
      code: 'denied',
      reason: 'evidence_x509',
      detail: undefined,
    });
  });

  test.each([
    { name: 'expired', change: { notAfter: issuedAt - 1 } },
    { name: 'not an authority', change: { extensions: [] } },
    { name: 'without keyCertSign', change: { extensions: [authority(), usage('80')] } },
    { name: 'with a path length of 0 above an intermediate', change: { extensions: [authority(0)] } },
  ])('refuses a configured root that is $name', async ({ change }) => {
    const bad = buildCertificate({ subject: 'root', extensions: [authority(), usage('04')], ...long, ...change });
    const issuer = buildCertificate({ subject: 'middle', issuer: bad, extensions: [authority()], ...long });
    const chain = [leafOf({ issuer }).der, issuer.der];
    const call = () => verifyCertificateChain(chain, [new X509Certificate(bad.der)], issuedAt);
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'denied' });
  });

  test('refuses every chain where no root is configured', async () => {
    const call = () => verifyCertificateChain([leaf.der, middle.der], [], issuedAt);
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'denied' });
  });

  test('finds the right one of two roots with one name', () => {
    const both = [new X509Certificate(impostor.der), ...roots];
    expect(verifyCertificateChain([leaf.der, middle.der], both, issuedAt).kind).toBe('P-256');
  });

  test('refuses every single bit of the leaf changed', async () => {
    for (let bit = 0; bit < leaf.der.length * 8; bit += 7) {
      const changed = Uint8Array.from(leaf.der);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await expect(refusalOf(() => verify({ der: changed }, middle))).resolves.toMatchObject({ code: 'denied' });
    }
  });
});

describe('readCertificate()', () => {
  const pem = new X509Certificate(leaf.der).toString();
  test.each([
    { name: 'DER', input: leaf.der },
    { name: 'PEM', input: pem },
    { name: 'PEM as bytes', input: Buffer.from(pem) },
    { name: 'PEM behind the text that openssl writes', input: `Certificate:\n    Data:\n${pem}` },
  ])('reads $name', ({ input }) => {
    const read = readCertificate(input);
    expect(read.key.thumbprint).toBe(verifyingKeyOf(leaf.publicKey).thumbprint);
    expect(read.sealingKey?.thumbprint).toBe(read.key.thumbprint);
    expect(Buffer.from(read.der).equals(leaf.der)).toBe(true);
  });

  test('has no key to receive with for Ed25519', () => {
    const certificate = buildCertificate({
      subject: 'ed',
      issuer: root,
      extensions: [],
      pair: generateKeyPairSync('ed25519'),
    });
    expect(readCertificate(certificate.der)).toMatchObject({ key: { kind: 'Ed25519' }, sealingKey: undefined });
  });

  test.each([
    { name: 'two certificates', input: pem + pem },
    { name: 'no certificate', input: 'hello' },
    { name: 'nothing', input: '' },
    { name: 'a private key', input: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }) },
    { name: 'a damaged certificate', input: pem.replace('MII', 'MIX') },
    { name: 'bytes behind it', input: Buffer.concat([leaf.der, Buffer.alloc(2)]) },
    { name: 'a weak key', input: leafOf({ pair: generateKeyPairSync('rsa', { modulusLength: 1024 }) }).der },
  ])('refuses $name', async ({ input }) => {
    const refusal = await refusalOf(() => readCertificate(input));
    expect(refusal).toMatchObject({ code: 'bad_key' });
    expect(refusal.message).not.toContain('hello');
  });
});
