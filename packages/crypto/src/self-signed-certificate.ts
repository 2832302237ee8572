/**
 * Writes self-signed X.509 certificates: what TLS and `curl --cert` need around a key that already speaks for itself.
 * It must never sign for another key than its own, and no reader may trust a name or a date that stands in one.
 * @module
 */
import { randomBytes, sign } from 'node:crypto';
import { signBytes } from './jws.ts';
import { publicKeyObjectOf, type SigningKey, type SigningKeyKind } from './keys.ts';

/** ASN.1 tags that are written here. @source X.690 */
const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Object identifiers, content bytes. @source RFC 5280, RFC 5758, RFC 8410 */
const identifiers = {
  commonName: '550403',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAlternativeName: '551d11',
  clientAuthentication: '2b06010505070302',
  serverAuthentication: '2b06010505070301',
} as const;

/** How a key of each kind signs a certificate. RSA signs PKCS #1 v1.5 here, which every TLS library reads; on a device PSS. */
const signatures: Readonly<
  Record<
    SigningKeyKind,
    { readonly identifier: string; readonly hasNull: boolean; readonly digest: string | undefined }
  >
> = {
  'P-256': { identifier: '2a8648ce3d040302', hasNull: false, digest: 'sha256' },
  'P-384': { identifier: '2a8648ce3d040303', hasNull: false, digest: 'sha384' },
  Ed25519: { identifier: '2b6570', hasNull: false, digest: undefined },
  RSA: { identifier: '2a864886f70d01010b', hasNull: true, digest: 'sha256' },
};

const asn1Null = Buffer.from('0500', 'hex');
/** RSASSA-PSS with SHA-256 for both hashes and a salt of 32 octets. @source RFC 4055 §3.1 */
const pssWithSha256 = Buffer.from(
  '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
  'hex',
);

export interface SelfSignedCertificateOptions {
  readonly key: SigningKey;
  /** Shown to people, 1 to 64 characters; never a right. */
  readonly commonName: string;
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
  /** DNS names and IP addresses of a server. Default none: a client's certificate needs no name. */
  readonly hosts?: readonly string[];
}

/** A self-signed certificate for a key, both for TLS clients and servers. @returns DER. @throws RangeError */
export function createSelfSignedCertificate(o: SelfSignedCertificateOptions): Uint8Array {
  if (o.commonName.length < 1 || o.commonName.length > 64) throw new RangeError('A common name has 1 to 64 characters');
  if (o.notAfterSeconds <= o.notBeforeSeconds) throw new RangeError('A certificate ends after it begins');
  const algorithm = signatures[o.key.kind as SigningKeyKind];
  const algorithmIdentifier =
    o.key.device !== undefined && o.key.kind === 'RSA'
      ? pssWithSha256
      : sequence(objectIdentifier(algorithm.identifier), ...(algorithm.hasNull ? [asn1Null] : []));
  const name = sequence(
    der(tag.set, sequence(objectIdentifier(identifiers.commonName), der(tag.utf8String, Buffer.from(o.commonName)))),
  );
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    algorithmIdentifier,
    name,
    sequence(time(o.notBeforeSeconds), time(o.notAfterSeconds)),
    name,
    publicKeyObjectOf(o.key).export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(...extensions(o.hosts ?? []))),
  );
  const signature =
    o.key.device === undefined
      ? sign(algorithm.digest, toBeSigned, o.key.keyObject)
      : signatureOfDevice(o.key, toBeSigned);
  return sequence(toBeSigned, algorithmIdentifier, bitString(signature));
}

/** DER as PEM, lines of 64 characters. */
export function certificatePem(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extensions(hosts: readonly string[]): readonly Buffer[] {
  return [
    // Not a CA: an empty sequence is `cA = false` in DER.
    extension(identifiers.basicConstraints, true, sequence()),
    // digitalSignature, the first of nine bits.
    extension(identifiers.keyUsage, true, der(tag.bitString, Buffer.from([7, 0x80]))),
    extension(
      identifiers.extendedKeyUsage,
      false,
      sequence(objectIdentifier(identifiers.clientAuthentication), objectIdentifier(identifiers.serverAuthentication)),
    ),
    ...(hosts.length === 0
      ? []
      : [extension(identifiers.subjectAlternativeName, false, sequence(...hosts.map(generalName)))]),
  ];
}

function extension(identifier: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(
    objectIdentifier(identifier),
    ...(isCritical ? [der(tag.boolean, Buffer.from([0xff]))] : []),
    der(tag.octetString, value),
  );
}

/** dNSName [2] or iPAddress [7]. */
function generalName(host: string): Buffer {
  const address = addressBytes(host);
  return address === undefined ? der(0x82, Buffer.from(host, 'ascii')) : der(0x87, address);
}

/** Bytes of an IPv4 or IPv6 address; undefined for a DNS name. IPv6 with at most one `::`, without an IPv4 tail. */
function addressBytes(host: string): Buffer | undefined {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)) return Buffer.from(host.split('.').map(Number));
  if (!host.includes(':')) return undefined;
  const [head = '', tail] = host.split('::');
  const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':'));
  const front = groups(head);
  const back = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...back];
  if (all.length !== 8) throw new RangeError('An IPv6 address has eight groups');
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** A device makes only the signatures of the protocol: RSASSA-PSS as it is, ECDSA as the SEQUENCE that X.509 wants. @source RFC 3279 §2.2.3 */
function signatureOfDevice(key: SigningKey, toBeSigned: Uint8Array): Buffer {
  const signature = signBytes(toBeSigned, key);
  if (key.kind === 'RSA') return signature;
  const half = signature.length / 2;
  return sequence(integer(positive(signature.subarray(0, half))), integer(positive(signature.subarray(half))));
}

/** An unsigned number in the fewest octets that DER's signed INTEGER allows. */
function positive(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(start);
  return digits[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits;
}

/** 16 random bytes; the first is 0x40 to 0x7f, so that the number is positive and has no leading zero. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = 0x40 | (serial[0]! & 0x3f);
  return serial;
}

/** UTCTime until 2049, GeneralizedTime from 2050. @source RFC 5280 §4.1.2.5 */
function time(seconds: number): Buffer {
  const digits = `${new Date(seconds * 1000).toISOString().replaceAll(/\D/g, '').slice(0, 14)}Z`;
  return Number(digits.slice(0, 4)) < 2050
    ? der(tag.utcTime, Buffer.from(digits.slice(2)))
    : der(tag.generalizedTime, Buffer.from(digits));
}

function sequence(...items: readonly Uint8Array[]): Buffer {
  return der(tag.sequence, Buffer.concat(items));
}

function integer(bytes: Buffer): Buffer {
  return der(tag.integer, bytes);
}

function bitString(bytes: Uint8Array): Buffer {
  return der(tag.bitString, Buffer.concat([Buffer.from([0]), bytes]));
}

function objectIdentifier(content: string): Buffer {
  return der(tag.objectIdentifier, Buffer.from(content, 'hex'));
}

/** Tag, length in the shortest form, content. @source X.690 §8.1.3 */
function der(identifier: number, content: Uint8Array): Buffer {
  const { length } = content;
  const header =
    length < 0x80
      ? [identifier, length]
      : length < 0x100
        ? [identifier, 0x81, length]
        : [identifier, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
