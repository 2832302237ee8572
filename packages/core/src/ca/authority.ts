/**
 * Authorities of workload certificates: making one, and reading one that the store or a bundle holds.
 * It must never trust a certificate as an authority because it says that it is one: the caller has it from the barrier or from a signed bundle.
 * @module
 */
import { generateSigningKey, isIssuedBy, publicOf, type ReadCertificate, type SigningKey } from '@letterlock/crypto';
import { ProblemError, workloadLifetimes } from '@letterlock/protocol';
import { authorityExtensions, signCertificate } from './certificate-profile.ts';
import { extensionIds, readFacts, type CertificateFacts } from './read-profile.ts';
import { KeyUsageFlags } from './x509-library.ts';

/** An authority as verifiers know it. */
export interface TrustedAuthority {
  readonly der: Uint8Array;
  readonly read: ReadCertificate;
  /** Seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}
/** An authority that can sign. */
export interface Authority extends TrustedAuthority {
  readonly key: SigningKey;
}

const { keyUsage, subjectAlternativeName, basicConstraints, subjectKeyIdentifier } = extensionIds;
const profileExtensions = [subjectKeyIdentifier, keyUsage, subjectAlternativeName, basicConstraints].toSorted();

/** A new self-signed authority of a trust domain, with a new key. */
export async function createAuthority(o: {
  readonly trustDomain: string;
  readonly nowSeconds: number;
  /** Default 90 days. */
  readonly lifetimeSeconds?: number;
}): Promise<Authority> {
  const key = generateSigningKey('P-256');
  const publicKey = publicOf(key);
  // A name of its own for each: two authorities of one name would be told apart by trial.
  const name = `CN=Letterlock workloads ${key.thumbprint.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 16)}`;
  const der = await signCertificate({
    subject: name,
    issuer: name,
    publicKey,
    signingKey: key,
    notBefore: o.nowSeconds - workloadLifetimes.backdated,
    notAfter: o.nowSeconds + (o.lifetimeSeconds ?? workloadLifetimes.authority),
    extensions: await authorityExtensions(o.trustDomain, publicKey),
  });
  return { ...readAuthority(der, o.trustDomain), key };
}

/** What speaks against a certificate as an authority, in the order in which it is asked. */
const violations: readonly (readonly [string, (facts: CertificateFacts, trustDomain: string) => boolean])[] = [
  ['self_signed', ({ read }) => !isIssuedBy(read, read)],
  ['key', ({ read, isEcdsaWithSha256 }) => read.key.kind !== 'P-256' || !isEcdsaWithSha256],
  ['extensions', ({ extensions }) => !isSameList(extensions, profileExtensions)],
  ['critical', ({ critical }) => !isSameList(critical, [keyUsage, basicConstraints].toSorted())],
  ['constraints', ({ isAuthority, pathLength }) => !isAuthority || pathLength !== 0],
  ['usage', (facts) => facts.keyUsage !== (KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)],
  ['name', ({ names }, trustDomain) => !isOnlyName(names, `spiffe://${trustDomain}`)],
];

/** Reads an authority of a trust domain; its dates are for whoever uses it. @throws 'bad_key' with reason authority_profile */
export function readAuthority(der: Uint8Array, trustDomain: string): TrustedAuthority {
  const facts = readFacts(der);
  const violated = violations.find(([, isViolated]) => isViolated(facts, trustDomain));
  if (violated !== undefined) {
    throw new ProblemError('bad_key', { reason: 'authority_profile', detail: `Authority certificate: ${violated[0]}` });
  }
  const { read, notBefore, notAfter } = facts;
  return { der, read, notBefore, notAfter };
}

export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function isOnlyName(names: CertificateFacts['names'], uri: string): boolean {
  return names.length === 1 && names[0]!.type === 'url' && names[0]!.value === uri;
}
