/**
 * X.509 certificates as evidence (protocol.md §3): reading one, and verifying a chain to a configured authority.
 * It must never trust a name, nor a chain that one of its own checks does not know to be right.
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { limits, ProblemError } from '@letterlock/protocol';
import { readCertificateExtensions, type CertificateExtensions } from './certificate-extensions.ts';
import { sealingKeyOf, verifyingKeyOf, type SealingKey, type VerifyingKey } from './keys.ts';

export interface ReadCertificate {
  readonly certificate: X509Certificate;
  readonly key: VerifyingKey;
  /** Absent for a kind of key that cannot receive. */
  readonly sealingKey: SealingKey | undefined;
  readonly der: Uint8Array;
}

const pemBlock = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** Reads one certificate, PEM or DER; its names, issuer and dates are the caller's. @throws 'bad_key' */
export function readCertificate(pemOrDer: string | Uint8Array): ReadCertificate {
  const certificate = parse(pemOrDer);
  const key = verifyingKeyOf(certificate.publicKey);
  const sealingKey = key.kind === 'Ed25519' ? undefined : sealingKeyOf(certificate.publicKey);
  return { certificate, key, sealingKey, der: new Uint8Array(certificate.raw) };
}

/**
 * Verifies a chain to one of the authorities and gives the leaf's key.
 * @param chain - DER, leaf first, without the root; at most 3 of at most 8 KiB.
 * @throws 'denied' with reason evidence_x509, the same for every failure. @source RFC 5280 §6.1, with names ignored
 */
export function verifyCertificateChain(
  chain: readonly Uint8Array[],
  authorities: readonly X509Certificate[],
  atSeconds: number,
): VerifyingKey {
  try {
    if (chain.length === 0 || chain.length > limits.certificateChainLength) throw new TypeError('chain length');
    const certificates = chain.map((der) => {
      if (der.length > limits.certificateBytes) throw new TypeError('certificate length');
      return parse(der);
    });
    const last = certificates.at(-1)!;
    const authority = authorities.find((candidate) => last.checkIssued(candidate) && isSignedBy(last, candidate));
    if (authority === undefined) throw new TypeError('no authority');
    const leaf = certificates[0]!;
    checkLeaf(leaf, atSeconds);
    [...certificates.slice(1), authority].forEach((issuer, index) => {
      checkLink(certificates[index]!, issuer, index, atSeconds);
    });
    return verifyingKeyOf(leaf.publicKey);
  } catch (cause) {
    throw new ProblemError('denied', { reason: 'evidence_x509', cause });
  }
}

/** Whether one certificate names another as its issuer and bears the signature of its key. No other question is asked. */
export function isIssuedBy(subject: ReadCertificate, issuer: ReadCertificate): boolean {
  return subject.certificate.checkIssued(issuer.certificate) && isSignedBy(subject.certificate, issuer.certificate);
}

function parse(pemOrDer: string | Uint8Array): X509Certificate {
  const bytes = typeof pemOrDer === 'string' ? Buffer.from(pemOrDer, 'utf8') : pemOrDer;
  const isPem = bytes[0] !== 0x30;
  const blocks = isPem ? (Buffer.from(bytes).toString('latin1').match(pemBlock)?.length ?? 0) : 1;
  if (blocks !== 1) throw badCertificate('A file must hold exactly one certificate');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(bytes);
  } catch (cause) {
    throw badCertificate('The certificate cannot be read', cause);
  }
  if (!isPem && certificate.raw.length !== bytes.length) throw badCertificate('Bytes follow the certificate');
  return certificate;
}

/** Everything that RFC 5280 wants of one issuing certificate. @param below - number of issuers between it and the leaf. */
function checkLink(subject: X509Certificate, issuer: X509Certificate, below: number, atSeconds: number): void {
  const extensions = readCertificateExtensions(issuer.raw);
  checkCertificate(issuer, extensions, atSeconds);
  const isIssuer =
    subject.checkIssued(issuer) &&
    isSignedBy(subject, issuer) &&
    issuer.ca &&
    extensions.isAuthority &&
    extensions.mayCertify &&
    extensions.pathLength >= below;
  if (!isIssuer) throw new TypeError('issuer');
}

function checkLeaf(leaf: X509Certificate, atSeconds: number): void {
  const extensions = readCertificateExtensions(leaf.raw);
  checkCertificate(leaf, extensions, atSeconds);
  // An authority's own key is nobody's identity.
  if (leaf.ca || extensions.isAuthority || !extensions.maySign) throw new TypeError('leaf');
}

function checkCertificate(certificate: X509Certificate, extensions: CertificateExtensions, atSeconds: number): void {
  const at = atSeconds * 1000;
  const isValid = certificate.validFromDate.getTime() <= at && at <= certificate.validToDate.getTime();
  if (!isValid || !extensions.mayAuthenticateClients) throw new TypeError('validity or purpose');
}

/** The issuer's key is within the key policy and made the signature. */
function isSignedBy(subject: X509Certificate, issuer: X509Certificate): boolean {
  verifyingKeyOf(issuer.publicKey);
  return subject.verify(issuer.publicKey);
}

function badCertificate(detail: string, cause?: unknown): ProblemError {
  return new ProblemError('bad_key', {
    reason: 'certificate_form',
    detail,
    ...(cause === undefined ? {} : { cause }),
  });
}
