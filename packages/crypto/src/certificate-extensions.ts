/**
 * The extensions of a certificate that decide what its key may do; node:crypto does not show them.
 * It must never pass over an extension that is critical and unknown.
 * @module
 */
import { booleanOf, childrenOf, contentOf, derTags, objectIdentifierOf, readDer, smallIntegerOf } from './der.ts';
import type { DerElement } from './der.ts';

export interface CertificateExtensions {
  readonly isAuthority: boolean;
  /** How many issuers may stand between this one and a leaf. */
  readonly pathLength: number;
  /** keyCertSign, or no key usage. */
  readonly mayCertify: boolean;
  /** digitalSignature, or no key usage. */
  readonly maySign: boolean;
  /** clientAuth or any, or no extended key usage. */
  readonly mayAuthenticateClients: boolean;
}

/** Signatures that bind a certificate: no SHA-1, no MD5, no parameters to choose. */
const signatureAlgorithms = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
]);

const keyUsageId = '2.5.29.15';
const subjectAlternativeNameId = '2.5.29.17';
const basicConstraintsId = '2.5.29.19';
const nameConstraintsId = '2.5.29.30';
const extendedKeyUsageId = '2.5.29.37';
const understood = new Set([keyUsageId, subjectAlternativeNameId, basicConstraintsId, extendedKeyUsageId]);
const clientPurposes = new Set(['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']);
/** Bits of the first octet. @source RFC 5280 §4.2.1.3 */
const digitalSignatureBit = 0x80;
const keyCertSignBit = 0x04;
const versionThree = 2;

/** Reads a certificate's extensions. @throws TypeError for anything that is not strict DER of a v3 certificate as known here. */
export function readCertificateExtensions(der: Uint8Array): CertificateExtensions {
  const [tbs, algorithm] = childrenOf(readDer(der)[0], derTags.sequence);
  if (!signatureAlgorithms.has(objectIdentifierOf(childrenOf(algorithm, derTags.sequence)[0]))) {
    throw new TypeError('Certificate: signature algorithm');
  }
  const fields = childrenOf(tbs, derTags.sequence);
  if (smallIntegerOf(childrenOf(fields[0], derTags.version)[0]) !== versionThree) {
    throw new TypeError('Certificate: version');
  }
  const block = fields.find((field) => field.tag === derTags.extensions);
  const values = block === undefined ? new Map<string, Uint8Array>() : readExtensions(block);
  if (values.has(nameConstraintsId)) throw new TypeError('Certificate: name constraints');
  return {
    ...basicConstraints(values.get(basicConstraintsId)),
    mayCertify: hasUsage(values.get(keyUsageId), keyCertSignBit),
    maySign: hasUsage(values.get(keyUsageId), digitalSignatureBit),
    mayAuthenticateClients: hasClientPurpose(values.get(extendedKeyUsageId)),
  };
}

function readExtensions(block: DerElement): ReadonlyMap<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  for (const extension of childrenOf(childrenOf(block, derTags.extensions)[0], derTags.sequence)) {
    const parts = childrenOf(extension, derTags.sequence);
    const id = objectIdentifierOf(parts[0]);
    const isCritical = parts.length === 3 && booleanOf(parts[1]!);
    if (isCritical && !understood.has(id)) throw new TypeError('Certificate: unknown critical extension');
    if (values.has(id)) throw new TypeError('Certificate: repeated extension');
    values.set(id, contentOf(parts.at(-1), derTags.octetString));
  }
  return values;
}

function basicConstraints(value: Uint8Array | undefined): Pick<CertificateExtensions, 'isAuthority' | 'pathLength'> {
  if (value === undefined) return { isAuthority: false, pathLength: 0 };
  const parts = childrenOf(readDer(value)[0], derTags.sequence);
  const [authority, length] = parts[0]?.tag === derTags.boolean ? parts : [undefined, parts[0]];
  return {
    isAuthority: authority !== undefined && booleanOf(authority),
    pathLength: length === undefined ? Number.POSITIVE_INFINITY : smallIntegerOf(length),
  };
}

function hasUsage(value: Uint8Array | undefined, bit: number): boolean {
  if (value === undefined) return true;
  // The first octet of a BIT STRING counts the unused bits.
  return ((contentOf(readDer(value)[0], derTags.bitString)[1] ?? 0) & bit) !== 0;
}

function hasClientPurpose(value: Uint8Array | undefined): boolean {
  if (value === undefined) return true;
  return childrenOf(readDer(value)[0], derTags.sequence).some((purpose) =>
    clientPurposes.has(objectIdentifierOf(purpose)),
  );
}
