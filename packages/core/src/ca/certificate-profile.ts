/**
 * The profiles of our certificates (protocol.md §8.1) as extensions, and the one place where a certificate is signed.
 * It must never take a name, a usage or a time from anybody but its caller in this folder.
 * @module
 */
import {
  dateOfSeconds,
  fillPublicRandom,
  publicKeyInfo,
  signingCryptoKey,
  type SigningKey,
  type VerifyingKey,
} from '@letterlock/crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type Extension,
} from './x509-library.ts';

export type AlternativeName = { readonly type: 'url' | 'dns' | 'ip'; readonly value: string };

export interface CertificateToSign {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: VerifyingKey;
  readonly signingKey: SigningKey;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Extension[];
}

/** ECDSA P-256 with SHA-256, a random serial number of 127 bits. @returns DER */
export async function signCertificate(o: CertificateToSign): Promise<Uint8Array> {
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: o.subject,
    issuer: o.issuer,
    notBefore: dateOfSeconds(o.notBefore),
    notAfter: dateOfSeconds(o.notAfter),
    publicKey: publicKeyInfo(o.publicKey),
    signingKey: signingCryptoKey(o.signingKey),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [...o.extensions],
  });
  return new Uint8Array(certificate.rawData);
}

/** An authority that signs leaves and nothing below them. */
export async function authorityExtensions(trustDomain: string, key: VerifyingKey): Promise<readonly Extension[]> {
  return [
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }], false),
    await SubjectKeyIdentifierExtension.create(publicKeyInfo(key)),
  ];
}

/** A leaf: a workload for both directions, or the service for one. */
export async function leafExtensions(o: {
  readonly names: readonly AlternativeName[];
  readonly isForClients: boolean;
  readonly issuerKey: VerifyingKey;
}): Promise<readonly Extension[]> {
  const { names, isForClients, issuerKey } = o;
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([
      ...(isForClients ? [ExtendedKeyUsage.clientAuth] : []),
      ExtendedKeyUsage.serverAuth,
    ]),
    // Critical, because the subject is empty. RFC 5280 §4.2.1.6
    new SubjectAlternativeNameExtension([...names], true),
    await AuthorityKeyIdentifierExtension.create(publicKeyInfo(issuerKey)),
  ];
}

/** 16 bytes; the first is 0x40 to 0x7f, so that the number is positive and has no leading zero. */
function serialNumber(): string {
  const serial = Buffer.alloc(16);
  fillPublicRandom(serial, 0, serial.length);
  serial[0] = 0x40 | (serial[0]! & 0x3f);
  return serial.toString('hex');
}
