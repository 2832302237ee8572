/**
 * Keys of the four purposes (verify, seal, sign, open) under one key policy, each imported once and kept as KeyObject.
 * It must never let a key of one purpose pass for another, nor give one key two thumbprints.
 * @module
 */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  decodeBase64url,
  isBase64url,
  keyAlgorithms,
  ProblemError,
  type KeyKind,
  type KeyManagementAlgorithm,
  type PublicJwk,
  type SignatureAlgorithm,
} from '@letterlock/protocol';
import { hash43 } from './bytes.ts';
import { isGoodEdwardsPoint, isGoodMontgomeryPoint } from './curve-points.ts';
import type { OpeningDevice, SigningDevice } from './key-device.ts';

declare const purpose: unique symbol;
type Purposed<U extends string, A extends string> = {
  readonly [purpose]: U;
  readonly use: U;
  /** RFC 7638 SHA-256 thumbprint of the public half, 43 characters. */
  readonly thumbprint: string;
  /** Public half, exactly the members of RFC 7638. */
  readonly jwk: PublicJwk;
  readonly kind: KeyKind;
  /** The one algorithm of this key: headers are compared with it, they never choose. */
  readonly algorithm: A;
  readonly keyObject: KeyObject;
};
export type VerifyingKey = Purposed<'verify', SignatureAlgorithm>;
export type SealingKey = Purposed<'seal', KeyManagementAlgorithm>;
/** `keyObject` is private; the public half where `device` holds the private one. */
export type SigningKey = Purposed<'sign', SignatureAlgorithm> & { readonly device?: SigningDevice };
/** `keyObject` is private; the public half where `device` holds the private one. */
export type OpeningKey = Purposed<'open', KeyManagementAlgorithm> & { readonly device?: OpeningDevice };

export type SigningKeyKind = Exclude<KeyKind, 'X25519'>;
export type OpeningKeyKind = Exclude<KeyKind, 'Ed25519'>;

/** Modulus sizes that are accepted, and the size of new keys, bits. */
const rsaBits = { minimum: 2048, maximum: 4096, generated: 3072 } as const;
const rsaExponent = 65537n;

/** Members of each kind's JWK in canonical order; `kty` and `crv` are fixed, the others base64url. @source RFC 7638 §3.2 */
const jwkForms: Readonly<
  Record<KeyKind, { readonly fixed: Readonly<Record<string, string>>; readonly members: readonly string[] }>
> = {
  'P-256': { fixed: { kty: 'EC', crv: 'P-256' }, members: ['crv', 'kty', 'x', 'y'] },
  'P-384': { fixed: { kty: 'EC', crv: 'P-384' }, members: ['crv', 'kty', 'x', 'y'] },
  Ed25519: { fixed: { kty: 'OKP', crv: 'Ed25519' }, members: ['crv', 'kty', 'x'] },
  X25519: { fixed: { kty: 'OKP', crv: 'X25519' }, members: ['crv', 'kty', 'x'] },
  RSA: { fixed: { kty: 'RSA' }, members: ['e', 'kty', 'n'] },
};
const kindNames = Object.keys(jwkForms) as readonly KeyKind[];

/** What OpenSSL calls each kind. */
const kindsByKeyObject = new Map<string, KeyKind>([
  ['ec prime256v1', 'P-256'],
  ['ec secp384r1', 'P-384'],
  ['ed25519', 'Ed25519'],
  ['x25519', 'X25519'],
  ['rsa', 'RSA'],
]);

/** What OpenSSL imports without complaint and we refuse. */
const pointChecks: Partial<Record<KeyKind, (jwk: PublicJwk) => boolean>> = {
  Ed25519: (jwk) => isGoodEdwardsPoint(decodeBase64url(member(jwk, 'x'))),
  X25519: (jwk) => isGoodMontgomeryPoint(decodeBase64url(member(jwk, 'x'))),
  RSA: (jwk) => decodeBase64url(member(jwk, 'n')).at(-1)! % 2 === 1,
};

/** AlgorithmIdentifier of SubjectPublicKeyInfo, behind the two octets of the outer header. @source RFC 5480 §2.1.1 */
const namedCurves: Partial<Record<KeyKind, Buffer>> = {
  'P-256': Buffer.from('301306072a8648ce3d020106082a8648ce3d030107', 'hex'),
  'P-384': Buffer.from('301006072a8648ce3d020106052b81040022', 'hex'),
};

/** How node:crypto generates each kind. */
const generators: Readonly<Record<KeyKind, () => { readonly privateKey: KeyObject }>> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  Ed25519: () => generateKeyPairSync('ed25519'),
  X25519: () => generateKeyPairSync('x25519'),
  RSA: () => generateKeyPairSync('rsa', { modulusLength: rsaBits.generated, publicExponent: Number(rsaExponent) }),
};

/** Imports a signer's public key. @throws 'bad_key' unless it is canonical and within the key policy. @source protocol.md §2.5 */
export function importVerifyingKey(jwk: unknown): VerifyingKey {
  return verifying(importPublic(jwk));
}

/** Imports a receiver's public key. @throws 'bad_key' */
export function importSealingKey(jwk: unknown): SealingKey {
  return sealing(importPublic(jwk));
}

/** A signer's key from a KeyObject, such as that of a certificate. @throws 'bad_key' */
export function verifyingKeyOf(publicKey: KeyObject): VerifyingKey {
  return verifying(describeForeign(publicKey));
}

/** A receiver's key from a KeyObject. @throws 'bad_key' */
export function sealingKeyOf(publicKey: KeyObject): SealingKey {
  return sealing(describeForeign(publicKey));
}

/** @throws 'bad_key' unless it is a private key within the policy. */
export function signingKeyOf(privateKey: KeyObject): SigningKey {
  const described = describeForeign(publicHalf(privateKey));
  return purposed('sign', { ...described, keyObject: privateKey }, signatureAlgorithmOf(described.kind));
}

/** @throws 'bad_key' unless it is a private key within the policy. */
export function openingKeyOf(privateKey: KeyObject): OpeningKey {
  const described = describeForeign(publicHalf(privateKey));
  return purposed('open', { ...described, keyObject: privateKey }, managementAlgorithmOf(described.kind));
}

/** A signing key whose private half stays on a device. @throws 'bad_key' unless it is P-256, P-384 or RSA within the policy */
export function signingKeyOn(device: SigningDevice, publicKey: KeyObject): SigningKey {
  const described = describeOnDevice(publicKey);
  return Object.freeze({ ...purposed('sign', described, signatureAlgorithmOf(described.kind)), device });
}

/** A receiving key whose private half stays on a device. @throws 'bad_key' unless it is P-256, P-384 or RSA within the policy */
export function openingKeyOn(device: OpeningDevice, publicKey: KeyObject): OpeningKey {
  const described = describeOnDevice(publicKey);
  return Object.freeze({ ...purposed('open', described, managementAlgorithmOf(described.kind)), device });
}

/** A new key pair for signatures. Default P-256. */
export function generateSigningKey(kind: SigningKeyKind = 'P-256'): SigningKey {
  return signingKeyOf(generators[kind]().privateKey);
}

/** A new key pair to receive with. Default P-256. */
export function generateOpeningKey(kind: OpeningKeyKind = 'P-256'): OpeningKey {
  return openingKeyOf(generators[kind]().privateKey);
}

export function publicOf(key: SigningKey): VerifyingKey {
  return purposed('verify', { ...key, keyObject: publicKeyObjectOf(key) }, key.algorithm);
}

export function publicOfOpening(key: OpeningKey): SealingKey {
  return purposed('seal', { ...key, keyObject: publicKeyObjectOf(key) }, key.algorithm);
}

/** The public half, wherever the private one is. */
export function publicKeyObjectOf(key: SigningKey | OpeningKey): KeyObject {
  return key.device === undefined ? createPublicKey(key.keyObject) : key.keyObject;
}

/** RFC 7638 thumbprint: SHA-256 over exactly the required members in lexicographic order. */
export function thumbprint(jwk: PublicJwk): string {
  return thumbprintOf(jwk, kindOfJwk(jwk as unknown as Record<string, unknown>));
}

function thumbprintOf(jwk: PublicJwk, kind: KeyKind): string {
  const { members } = jwkForms[kind];
  return hash43(`{${members.map((name) => `"${name}":"${member(jwk, name)}"`).join(',')}}`);
}

interface PublicKeyFacts {
  readonly kind: KeyKind;
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
  readonly keyObject: KeyObject;
}

function badKey(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_key', { reason, detail });
}

function member(jwk: PublicJwk, name: string): string {
  return (jwk as unknown as Record<string, string>)[name]!;
}

function kindOfJwk(jwk: Readonly<Record<string, unknown>>): KeyKind {
  const found = kindNames.find((kind) =>
    Object.entries(jwkForms[kind].fixed).every(([name, value]) => jwk[name] === value),
  );
  if (found === undefined) throw badKey('key_kind', 'The key type or curve is not one of those allowed');
  return found;
}

/** Imports, re-exports and compares: whatever does not come back as it was is a second spelling of some key. */
function importPublic(input: unknown): PublicKeyFacts {
  // A copy of its own members, first: what is no object has none, and so no kind.
  const given: Record<string, unknown> = { ...(input as object) };
  const kind = kindOfJwk(given);
  const { members } = jwkForms[kind];
  if (Object.keys(given).length !== members.length || !members.every((name) => Object.hasOwn(given, name))) {
    throw badKey('key_members', 'A key has other members than the required public ones');
  }
  for (const name of members) {
    const value = given[name];
    // 4,096 bits are 683 characters; a longer value need not reach the library.
    if (typeof value !== 'string' || value.length > 683 || !(name in jwkForms[kind].fixed || isBase64url(value))) {
      throw badKey('key_form', 'A member of a key is not canonical base64url');
    }
  }
  let keyObject: KeyObject;
  try {
    keyObject = createPublicKey({ key: given, format: 'jwk' });
  } catch (cause) {
    throw new ProblemError('bad_key', { reason: 'key_import', detail: 'A key cannot be imported', cause });
  }
  const facts = describePublic(keyObject);
  if (facts.kind !== kind || members.some((name) => member(facts.jwk, name) !== given[name])) {
    throw badKey('key_not_canonical', 'A key is not in its canonical form');
  }
  return facts;
}

/** A KeyObject that did not come from a JWK may hold a curve by its parameters: with an odd cofactor OpenSSL still names it. */
function describeForeign(keyObject: KeyObject): PublicKeyFacts {
  const facts = describePublic(keyObject);
  const named = namedCurves[facts.kind];
  if (named !== undefined) {
    const spki = keyObject.export({ type: 'spki', format: 'der' });
    if (!spki.subarray(2, 2 + named.length).equals(named)) {
      throw badKey('key_curve_parameters', 'A curve is given by its parameters, not by its name');
    }
  }
  return facts;
}

/** Edwards keys sign no digest, and no card agrees with Montgomery ones. */
function describeOnDevice(publicKey: KeyObject): PublicKeyFacts {
  const facts = describeForeign(publicKey);
  if (facts.kind === 'Ed25519' || facts.kind === 'X25519') {
    throw badKey('key_kind', 'A key on a device is P-256, P-384 or RSA');
  }
  return facts;
}

/** Policy and canonical export of a public KeyObject. */
function describePublic(keyObject: KeyObject): PublicKeyFacts {
  if (keyObject.type !== 'public') throw badKey('key_form', 'A key is not a public key');
  const details = keyObject.asymmetricKeyDetails ?? {};
  const kind = kindOfKeyObject(keyObject);
  if (kind === 'RSA') {
    const bits = details.modulusLength ?? 0;
    if (bits < rsaBits.minimum || bits > rsaBits.maximum) {
      throw badKey('key_rsa_size', `An RSA modulus must have ${rsaBits.minimum} to ${rsaBits.maximum} bits`);
    }
    if (details.publicExponent !== rsaExponent) throw badKey('key_rsa_exponent', 'An RSA exponent must be 65537');
  }
  const exported = keyObject.export({ format: 'jwk' }) as Record<string, string>;
  const jwk = Object.fromEntries(jwkForms[kind].members.map((name) => [name, exported[name]!])) as unknown as PublicJwk;
  checkPoint(kind, jwk);
  return { kind, jwk, thumbprint: thumbprintOf(jwk, kind), keyObject };
}

function checkPoint(kind: KeyKind, jwk: PublicJwk): void {
  if (pointChecks[kind]?.(jwk) === false) throw badKey('key_weak', 'A key is degenerate or not in its canonical form');
}

function kindOfKeyObject(keyObject: KeyObject): KeyKind {
  const type = keyObject.asymmetricKeyType ?? '';
  // A curve given by explicit parameters has no name, so it is refused here.
  const name = type === 'ec' ? `ec ${keyObject.asymmetricKeyDetails?.namedCurve ?? ''}` : type;
  const kind = kindsByKeyObject.get(name);
  if (kind === undefined) throw badKey('key_kind', 'The key type or curve is not one of those allowed');
  return kind;
}

function publicHalf(privateKey: KeyObject): KeyObject {
  if (privateKey.type !== 'private') throw badKey('key_form', 'A key is not a private key');
  return createPublicKey(privateKey);
}

function signatureAlgorithmOf(kind: KeyKind): SignatureAlgorithm {
  const algorithm = keyAlgorithms[kind].signature;
  if (algorithm === undefined) throw badKey('key_use', 'A key of this kind cannot sign');
  return algorithm;
}

function managementAlgorithmOf(kind: KeyKind): KeyManagementAlgorithm {
  const algorithm = keyAlgorithms[kind].keyManagement;
  if (algorithm === undefined) throw badKey('key_use', 'A key of this kind cannot receive');
  return algorithm;
}

function verifying(facts: PublicKeyFacts): VerifyingKey {
  return purposed('verify', facts, signatureAlgorithmOf(facts.kind));
}

function sealing(facts: PublicKeyFacts): SealingKey {
  return purposed('seal', facts, managementAlgorithmOf(facts.kind));
}

/** The only place where a key gets its purpose. */
function purposed<U extends string, A extends string>(use: U, facts: PublicKeyFacts, algorithm: A): Purposed<U, A> {
  const { thumbprint: id, jwk, kind, keyObject } = facts;
  return Object.freeze({ use, thumbprint: id, jwk: Object.freeze(jwk), kind, algorithm, keyObject }) as Purposed<U, A>;
}
