/**
 * X.509 certificates for tests, right or wrong in exactly one way.
 * It must never be imported outside tests: it writes what nobody should.
 * @module
 */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { issuedAt } from './delivered.ts';

const signatureIds = { sha256: '2a8648ce3d040302', sha1: '2a8648ce3d0401' } as const;

export const extensionIds = {
  keyUsage: '551d0f',
  subjectAlternativeName: '551d11',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  certificatePolicies: '551d20',
  extendedKeyUsage: '551d25',
} as const;

export interface TestExtension {
  readonly id: string;
  readonly isCritical?: boolean;
  readonly value: Uint8Array;
}

export interface CertificateToBuild {
  readonly subject: string;
  readonly issuer?: TestCertificate;
  readonly extensions: readonly TestExtension[];
  readonly pair?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly digest?: keyof typeof signatureIds;
  readonly version?: number;
}

export interface TestCertificate {
  readonly der: Uint8Array;
  readonly subject: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** One DER element. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const sequence = (...contents: readonly Uint8Array[]): Buffer => der(0x30, ...contents);

export const authority = (pathLength?: number): TestExtension => ({
  id: extensionIds.basicConstraints,
  isCritical: true,
  value: sequence(hex('0101ff'), ...(pathLength === undefined ? [] : [hex(`02010${pathLength}`)])),
});
export const noAuthority: TestExtension = { id: extensionIds.basicConstraints, value: sequence() };
/** `bits`: first octet of the key usage. 80 digitalSignature, 04 keyCertSign. */
export const usage = (bits: '80' | '04' | '20'): TestExtension => ({
  id: extensionIds.keyUsage,
  isCritical: true,
  value: der(0x03, hex(`00${bits}`)),
});
export const purpose = (name: 'client' | 'server' | 'any'): TestExtension => {
  const ids = { client: '2b06010505070302', server: '2b06010505070301', any: '551d2500' };
  return { id: extensionIds.extendedKeyUsage, value: sequence(der(0x06, hex(ids[name]))) };
};

/** Writes and signs a certificate; self-signed without an issuer. Keys are P-256 unless a pair is given. */
export function buildCertificate(o: CertificateToBuild): TestCertificate {
  const pair = o.pair ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = o.issuer ?? { subject: o.subject, privateKey: pair.privateKey };
  const algorithm = sequence(der(0x06, hex(signatureIds[o.digest ?? 'sha256'])));
  const extensions = o.extensions.map(({ id, isCritical, value }) =>
    sequence(der(0x06, hex(id)), ...(isCritical === true ? [hex('0101ff')] : []), der(0x04, value)),
  );
  const tbs = sequence(
    ...(o.version === 1 ? [] : [der(0xa0, hex(`02010${(o.version ?? 3) - 1}`))]),
    der(0x02, hex('01')),
    algorithm,
    distinguishedName(issuer.subject),
    sequence(time(o.notBefore ?? issuedAt - 60), time(o.notAfter ?? issuedAt + 60)),
    distinguishedName(o.subject),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const signature = sign(o.digest ?? 'sha256', tbs, issuer.privateKey);
  return { der: sequence(tbs, algorithm, der(0x03, hex('00'), signature)), subject: o.subject, ...pair };
}

function distinguishedName(common: string): Buffer {
  return sequence(der(0x31, sequence(der(0x06, hex('550403')), der(0x0c, Buffer.from(common)))));
}

function time(seconds: number): Buffer {
  const text = new Date(seconds * 1000).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text));
}
