/**
 * Workload certificates signed by a genuine authority, right or wrong in exactly one way: what a stolen signer could write.
 * It must never be imported outside tests.
 * @module
 */
import {
  dateOfSeconds,
  generateSigningKey,
  publicKeyInfo,
  publicOf,
  readCertificate,
  signingCryptoKey,
  type SigningKey,
  type VerifyingKey,
} from '@letterlock/crypto';
import { createAuthority, type Authority } from '../authority.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type Extension,
} from '../x509-library.ts';

export const nowSeconds = 1_790_000_000;
export const trustDomain = 'prod.example';
export const identity = {
  td: trustDomain,
  ns: 'shop',
  sa: 'orders',
  pod: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
} as const;
export const uri = 'spiffe://prod.example/ns/shop/sa/orders/pod/3f2504e0-4f89-41d3-9a0c-0305e82c3301';

export const authority: Authority = await createAuthority({ trustDomain, nowSeconds });
export const agentKey: SigningKey = generateSigningKey();

export const basic = (isAuthority: boolean, pathLength?: number, isCritical = true): Extension =>
  new BasicConstraintsExtension(isAuthority, pathLength, isCritical);
export const usage = (flags: number, isCritical = true): Extension => new KeyUsagesExtension(flags, isCritical);
export const purposes = (usages: readonly string[], isCritical = false): Extension =>
  new ExtendedKeyUsageExtension([...usages], isCritical);
export const names = (values: readonly { type: 'url' | 'dns' | 'ip' | 'email'; value: string }[], isCritical = true) =>
  new SubjectAlternativeNameExtension([...values], isCritical);
export const uris = (...values: readonly string[]): Extension =>
  names(values.map((value) => ({ type: 'url' as const, value })));
export { ExtendedKeyUsage, KeyUsageFlags };

export interface Forgery {
  readonly issuer?: Authority;
  /** Name of the issuer as it stands in the certificate. Default the issuer's own. */
  readonly issuerName?: string;
  readonly publicKey?: VerifyingKey;
  readonly subject?: string;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly hash?: 'SHA-256' | 'SHA-384';
  /** Each takes the place of the one of that name; undefined leaves it out. */
  readonly extensions?: {
    readonly basic?: Extension | undefined;
    readonly usage?: Extension | undefined;
    readonly purposes?: Extension | undefined;
    readonly names?: Extension | undefined;
    readonly identifier?: Extension | undefined;
    readonly extra?: Extension;
  };
}

export async function forge(o: Forgery = {}): Promise<Uint8Array> {
  const issuer = o.issuer ?? authority;
  const extensions = {
    basic: basic(false),
    usage: usage(KeyUsageFlags.digitalSignature),
    purposes: purposes([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
    names: uris(uri),
    identifier: await AuthorityKeyIdentifierExtension.create(publicKeyInfo(publicOf(issuer.key))),
    extra: undefined,
    ...o.extensions,
  };
  const certificate = await X509CertificateGenerator.create({
    serialNumber: '40000000000000000000000000000001',
    subject: o.subject ?? '',
    issuer: o.issuerName ?? issuer.read.certificate.subject,
    notBefore: dateOfSeconds(o.notBefore ?? nowSeconds - 300),
    notAfter: dateOfSeconds(o.notAfter ?? nowSeconds + 3600),
    publicKey: publicKeyInfo(o.publicKey ?? publicOf(agentKey)),
    signingKey: signingCryptoKey(issuer.key),
    signingAlgorithm: { name: 'ECDSA', hash: o.hash ?? 'SHA-256' },
    extensions: Object.values(extensions).filter((extension) => extension !== undefined),
  });
  return new Uint8Array(certificate.rawData);
}

/** The leaf itself as an issuer. */
export async function asIssuer(key: SigningKey): Promise<Authority> {
  const name = 'CN=leaf';
  const der = await forge({ publicKey: publicOf(key), subject: name });
  return { der, read: readCertificate(der), key, notBefore: nowSeconds - 300, notAfter: nowSeconds + 3600 };
}
