/**
 * How a fresh content key reaches one receiver: ECDH-ES+A256KW and RSA-OAEP-256, the sealing side, and the receiving side of
 * keys on devices, on node:crypto.
 * It must never be given a key that did not pass the key policy.
 * @module
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  diffieHellman,
  generateKeyPairSync,
  hash,
  publicEncrypt,
  type KeyObject,
} from 'node:crypto';
import type { KeyKind, KeyManagementAlgorithm } from '@letterlock/protocol';
import type { OpeningDevice } from './key-device.ts';
import type { OpeningKey, SealingKey } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';

/** A content key made ready for one receiver. */
export interface ManagedKey {
  readonly encryptedKey: Uint8Array;
  /** Ephemeral public key for the header; only with ECDH-ES. */
  readonly epk?: Readonly<Record<string, string>>;
}

/** RFC 3394 §2.2.3.1 */
const keyWrapInitialValue = Buffer.alloc(8, 0xa6);

/** Everything of Concat KDF's input but the shared secret: round 1, algorithm, no apu, no apv, 256 bits. @source RFC 7518 §4.6.2 */
const roundOne = Buffer.from([0, 0, 0, 1]);
const otherInfo = Buffer.concat([lengthPrefixed('ECDH-ES+A256KW'), lengthPrefixed(''), lengthPrefixed(''), u32(256)]);

/** Octets of Z on each curve that a device agrees on. */
const agreedBytes: Partial<Record<KeyKind, number>> = { 'P-256': 32, 'P-384': 48 };

/** A fresh pair on the receiver's curve; generating KeyObjects is the fastest way that Node has (22 µs for P-256). */
const ephemeralPairs: Partial<
  Record<KeyKind, () => { readonly publicKey: KeyObject; readonly privateKey: KeyObject }>
> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  X25519: () => generateKeyPairSync('x25519'),
};

const managers: Readonly<Record<KeyManagementAlgorithm, (contentKey: Uint8Array, to: SealingKey) => ManagedKey>> = {
  'ECDH-ES+A256KW': wrapByAgreement,
  'RSA-OAEP-256': encryptByRsa,
};

/** Encrypts a content key to a receiver with the receiver's one algorithm. */
export function manageKey(contentKey: Uint8Array, to: SealingKey): ManagedKey {
  return managers[to.algorithm](contentKey, to);
}

/**
 * Recovers a content key by a key on a device; the device does the one step that needs the private half.
 * @param epk - the checked ephemeral key of the header, with ECDH-ES. @returns undefined for whatever does not decrypt
 */
export function recoverContentKey(
  key: OpeningKey,
  device: OpeningDevice,
  encryptedKey: Uint8Array,
  epk: SealingKey | undefined,
): SecretBytes | undefined {
  if (epk === undefined) return device.decrypt(encryptedKey);
  using sharedSecret = device.agree(epk.keyObject);
  if (sharedSecret === undefined || sharedSecret.lengthBytes !== agreedBytes[key.kind]) return undefined;
  const wrappingKey = concatKdf(sharedSecret.expose());
  const contentKey = unwrapKey(wrappingKey, encryptedKey);
  wrappingKey.fill(0);
  return contentKey;
}

/** Concat KDF with SHA-256 for one 256-bit key wrapping key. @source RFC 7518 §4.6.2, NIST SP 800-56A §5.8.1 */
export function concatKdf(sharedSecret: Uint8Array, other: Uint8Array = otherInfo): Buffer {
  const input = new Uint8Array(roundOne.length + sharedSecret.length + other.length);
  input.set(roundOne);
  input.set(sharedSecret, roundOne.length);
  input.set(other, roundOne.length + sharedSecret.length);
  const key = hash('sha256', input, 'buffer');
  input.fill(0);
  return key;
}

/** AES-256 key wrap. @source RFC 3394 §2.2.1 */
export function wrapKey(wrappingKey: Uint8Array, key: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', wrappingKey, keyWrapInitialValue);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** AES-256 key unwrap. @returns undefined unless the integrity check value is right. @source RFC 3394 §2.2.2 */
export function unwrapKey(wrappingKey: Uint8Array, wrapped: Uint8Array): SecretBytes | undefined {
  const decipher = createDecipheriv('id-aes256-wrap', wrappingKey, keyWrapInitialValue);
  try {
    return SecretBytes.take(Buffer.concat([decipher.update(wrapped), decipher.final()]));
  } catch {
    return undefined;
  }
}

function wrapByAgreement(contentKey: Uint8Array, to: SealingKey): ManagedKey {
  const pair = ephemeralPairs[to.kind]!();
  const sharedSecret = diffieHellman({ privateKey: pair.privateKey, publicKey: to.keyObject });
  const wrappingKey = concatKdf(sharedSecret);
  const encryptedKey = wrapKey(wrappingKey, contentKey);
  sharedSecret.fill(0);
  wrappingKey.fill(0);
  return { encryptedKey, epk: pair.publicKey.export({ format: 'jwk' }) as Record<string, string> };
}

function encryptByRsa(contentKey: Uint8Array, to: SealingKey): ManagedKey {
  const encryptedKey = publicEncrypt(
    { key: to.keyObject, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    contentKey,
  );
  return { encryptedKey };
}

function lengthPrefixed(text: string): Buffer {
  return Buffer.concat([u32(text.length), Buffer.from(text, 'latin1')]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
