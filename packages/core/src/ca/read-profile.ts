/**
 * A certificate as its checks look at it: parsed twice, by node:crypto for keys and signatures, by @peculiar/x509 for extensions.
 * It must never pass on a certificate that one of the two cannot read.
 * @module
 */
import { readCertificate, type ReadCertificate } from '@letterlock/crypto';
import { limits, ProblemError } from '@letterlock/protocol';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  type Extension,
} from './x509-library.ts';

/** Object identifiers of the extensions that our profiles have. @source RFC 5280 §4.2.1 */
export const extensionIds = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export interface CertificateFacts {
  readonly read: ReadCertificate;
  readonly subject: string;
  /** Seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isEcdsaWithSha256: boolean;
  /** Identifiers, sorted; a repeated one is there as often as it is in the certificate. */
  readonly extensions: readonly string[];
  /** Identifiers of those that are critical, sorted. */
  readonly critical: readonly string[];
  /** Flags of @peculiar/x509, 0 without the extension. */
  readonly keyUsage: number;
  /** Identifiers, sorted. */
  readonly purposes: readonly string[];
  readonly names: readonly { readonly type: string; readonly value: string }[];
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
}

/** @throws 'bad_proof' with reason cert_form */
export function readFacts(der: Uint8Array): CertificateFacts {
  try {
    // Text in PEM would be read too, and TLS never gives it.
    if (der[0] !== 0x30 || der.length > limits.certificateBytes) throw new TypeError('certificate length or form');
    const read = readCertificate(der);
    const parsed = new X509Certificate(Buffer.from(der));
    const { hash, name } = parsed.signatureAlgorithm as {
      readonly name: string;
      readonly hash?: { readonly name: string };
    };
    const basic = extensionOf(parsed, extensionIds.basicConstraints, BasicConstraintsExtension);
    const usage = extensionOf(parsed, extensionIds.keyUsage, KeyUsagesExtension);
    const purposes = extensionOf(parsed, extensionIds.extendedKeyUsage, ExtendedKeyUsageExtension);
    const names = extensionOf(parsed, extensionIds.subjectAlternativeName, SubjectAlternativeNameExtension);
    return {
      read,
      subject: parsed.subject,
      notBefore: parsed.notBefore.getTime() / 1000,
      notAfter: parsed.notAfter.getTime() / 1000,
      isEcdsaWithSha256: name === 'ECDSA' && hash?.name === 'SHA-256',
      extensions: parsed.extensions.map(({ type }) => type).toSorted(),
      critical: parsed.extensions
        .filter(({ critical }) => critical)
        .map(({ type }) => type)
        .toSorted(),
      keyUsage: usage?.usages ?? 0,
      purposes: (purposes?.usages ?? []).map(String).toSorted(),
      names: (names?.names.items ?? []).map(({ type, value }) => ({ type, value })),
      // Both parsers must say no.
      isAuthority: read.certificate.ca || (basic?.ca ?? false),
      pathLength: basic?.pathLength,
    };
  } catch (cause) {
    throw new ProblemError('bad_proof', { reason: 'cert_form', cause });
  }
}

function extensionOf<T extends Extension>(
  certificate: X509Certificate,
  id: string,
  kind: new (raw: NodeJS.BufferSource) => T,
): T | undefined {
  const found = certificate.extensions.find(({ type }) => type === id);
  return found === undefined ? undefined : new kind(found.rawData);
}
