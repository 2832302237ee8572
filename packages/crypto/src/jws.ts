/**
 * Compact JWS under the allow-list: signing and verifying with node:crypto.
 * It must never take the algorithm from a header, nor look at a key before the object's `typ` is known to be right.
 * @module
 */
import { constants, sign, verify, type KeyObject, type SignKeyObjectInput } from 'node:crypto';
import {
  canonicalize,
  encodeBase64url,
  encodeUtf8,
  parseJws,
  ProblemError,
  readClaims,
  type JcsObject,
  type JwsTyp,
  type ParsedJws,
  type Reader,
  type SignatureAlgorithm,
} from '@letterlock/protocol';
import type { SigningDevice } from './key-device.ts';
import { publicOf, type SigningKey, type VerifyingKey } from './keys.ts';

/** Longest JWS that is read unless the caller says otherwise, characters. */
export const defaultJwsCharacters = 16_384;

type SignatureOptions = Omit<SignKeyObjectInput, 'key'>;
/** Digest and parameters of each algorithm. @source RFC 7518 §3.4, §3.5; RFC 9864 */
const parameters: Readonly<
  Record<SignatureAlgorithm, { readonly digest: string | null; readonly options: SignatureOptions }>
> = {
  ES256: { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  ES384: { digest: 'sha384', options: { dsaEncoding: 'ieee-p1363' } },
  Ed25519: { digest: null, options: {} },
  PS256: { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
};

/** Signs raw bytes with the key's one algorithm. */
export function signBytes(data: Uint8Array, key: SigningKey): Buffer {
  if (key.device !== undefined) return signOn(key.device, data, publicOf(key));
  const { digest, options } = parameters[key.algorithm];
  return sign(digest, data, { key: key.keyObject, ...options });
}

/** A device that signs with another key than it shows would make proofs that nobody accepts. @throws 'bad_key' */
function signOn(device: SigningDevice, data: Uint8Array, key: VerifyingKey): Buffer {
  const signature = Buffer.from(device.sign(data));
  if (!verifyBytes(data, key, signature)) {
    throw new ProblemError('bad_key', {
      reason: 'device_signature',
      detail: 'What the device signed is not valid under the public key that it shows',
    });
  }
  return signature;
}

/** Verifies raw bytes with the key's one algorithm. */
export function verifyBytes(data: Uint8Array, key: VerifyingKey, signature: Uint8Array): boolean {
  const { digest, options } = parameters[key.algorithm];
  return verify(digest, data, { key: key.keyObject, ...options }, signature);
}

/** Signs canonical claims. @param options - `claims` as text must already be canonical. */
export function signJws(options: {
  readonly typ: JwsTyp;
  readonly key: SigningKey;
  readonly claims: JcsObject | string;
}): string {
  const { typ, key, claims } = options;
  const payload = typeof claims === 'string' ? claims : canonicalize(claims);
  const head = JSON.stringify({ alg: key.algorithm, typ, kid: key.thumbprint });
  const signingInput = `${encodeBase64url(encodeUtf8(head))}.${encodeBase64url(encodeUtf8(payload))}`;
  return `${signingInput}.${encodeBase64url(signBytes(Buffer.from(signingInput, 'latin1'), key))}`;
}

/** Whether a JWS of right form is by this key: `kid` and `alg` are compared with the key, then the signature is verified. */
export function verifyJws(parsed: ParsedJws, key: VerifyingKey): boolean {
  return isMeantFor(parsed, key) && verifyBytes(Buffer.from(parsed.signingInput, 'latin1'), key, parsed.signature);
}

/** The same in libuv's pool, so that the event loop stays free. */
export function verifyJwsAsync(parsed: ParsedJws, key: VerifyingKey): Promise<boolean> {
  if (!isMeantFor(parsed, key)) return Promise.resolve(false);
  const { digest, options } = parameters[key.algorithm];
  const input: { key: KeyObject } & SignatureOptions = { key: key.keyObject, ...options };
  return new Promise((resolve, reject) => {
    verify(digest, Buffer.from(parsed.signingInput, 'latin1'), input, parsed.signature, (error, isValid) => {
      if (error === null) resolve(isValid);
      else reject(error);
    });
  });
}

/**
 * Reads, verifies and types a JWS.
 * @throws 'bad_encoding' for its form, 'bad_proof' for its signature.
 */
export function openJws<T>(
  compact: string,
  options: {
    readonly typ: JwsTyp;
    readonly key: VerifyingKey;
    readonly claims: Reader<T>;
    readonly maximumCharacters?: number;
  },
): T {
  const parsed = parseJws(compact, options.typ, options.maximumCharacters ?? defaultJwsCharacters);
  if (!verifyJws(parsed, options.key)) throw signatureInvalid();
  return readClaims(options.claims, parsed.payload);
}

/** One error for a foreign `kid`, another algorithm and a bad signature. */
export function signatureInvalid(): ProblemError {
  return new ProblemError('bad_proof', { reason: 'signature_invalid' });
}

function isMeantFor(parsed: ParsedJws, key: VerifyingKey): boolean {
  return parsed.header.kid === key.thumbprint && parsed.header.alg === key.algorithm;
}
