/**
 * Compact JWE to one receiver: key slots, delivery slots, shares. Sealed with node:crypto, opened by jose, so that each
 * side checks the other; only where the key lives on a device both are ours. It must never look at a key before the object's `typ` is known to be right (T-23).
 * @module
 */
import { randomBytes } from 'node:crypto';
import { compactDecrypt } from 'jose';
import {
  encodeBase64url,
  encodeUtf8,
  parseJwe,
  ProblemError,
  type JweHeader,
  type JweTyp,
  type ParsedJwe,
} from '@letterlock/protocol';
import { decryptGcm, encryptGcm, gcmIvBytes } from './gcm.ts';
import type { OpeningDevice } from './key-device.ts';
import { manageKey, recoverContentKey } from './key-management.ts';
import { importSealingKey, type OpeningKey, type SealingKey } from './keys.ts';
import { publicRandom } from './public-random.ts';
import { SecretBytes } from './secret-bytes.ts';

/** Longest JWE to a receiver, characters: a slot inside a delivery slot for RSA-4096. */
export const slotCharacters = 8192;
const contentKeyBytes = 32;

export interface JweToSeal {
  readonly typ: JweTyp;
  readonly to: SealingKey;
  /** Members of the header besides alg, enc, typ, kid and epk. */
  readonly header: Readonly<Record<string, string | number>>;
  /** Default: the receiver's thumbprint. */
  readonly kid?: string;
  readonly plaintext: Uint8Array;
}

/** Seals bytes to one receiver as compact JWE. @source RFC 7516 §5.1 */
export function sealJwe(o: JweToSeal): Promise<string> {
  // Synchronous inside (0.1 ms); the promise leaves room for a key that lives in hardware.
  return Promise.resolve(sealJweNow(o));
}

/** sealJwe without a promise. */
export function sealJweNow(o: JweToSeal): string {
  const contentKey = randomBytes(contentKeyBytes);
  const { encryptedKey, epk } = manageKey(contentKey, o.to);
  const header = {
    alg: o.to.algorithm,
    enc: 'A256GCM',
    typ: o.typ,
    kid: o.kid ?? o.to.thumbprint,
    ...o.header,
    ...(epk === undefined ? {} : { epk }),
  };
  const protectedPart = encodeBase64url(encodeUtf8(JSON.stringify(header)));
  const compact = sealContent(protectedPart, encryptedKey, contentKey, o.plaintext);
  contentKey.fill(0);
  return compact;
}

/** The last steps of every compact JWE: the header part is the associated data. @source RFC 7516 §5.1 steps 14–19 */
export function sealContent(
  protectedPart: string,
  encryptedKey: Uint8Array,
  contentKey: Uint8Array,
  plaintext: Uint8Array,
): string {
  const iv = publicRandom(gcmIvBytes);
  const { ciphertext, tag } = encryptGcm(contentKey, iv, Buffer.from(protectedPart, 'latin1'), plaintext);
  return [protectedPart, ...[encryptedKey, iv, ciphertext, tag].map((part) => encodeBase64url(part))].join('.');
}

/**
 * Opens a JWE that was sealed to this key.
 * @param o - `kid` is the header's expected kid, by default the key's thumbprint.
 * @throws 'bad_envelope', the same for every failure.
 */
export async function openJwe(
  compact: string,
  o: { readonly typ: JweTyp; readonly key: OpeningKey; readonly kid?: string },
): Promise<{ readonly header: JweHeader; readonly plaintext: SecretBytes }> {
  const { device } = o.key;
  if (device !== undefined) return openJweOn(device, compact, o);
  try {
    const { header } = checkJweForKey(compact, o);
    const { plaintext, protectedHeader } = await compactDecrypt(compact, o.key.keyObject, {
      keyManagementAlgorithms: [o.key.algorithm],
      contentEncryptionAlgorithms: ['A256GCM'],
      maxDecompressedLength: 0,
    });
    // §2.2: once more on the header that was authenticated.
    if (protectedHeader.typ !== o.typ) throw new TypeError('The decrypted header has another typ');
    return { header, plaintext: SecretBytes.take(plaintext) };
  } catch (cause) {
    throw slotNotOpened(cause);
  }
}

/** The same with a key on a device. What the device throws is not about the JWE and passes. @source RFC 7516 §5.2 */
function openJweOn(
  device: OpeningDevice,
  compact: string,
  o: Parameters<typeof openJwe>[1],
): { readonly header: JweHeader; readonly plaintext: SecretBytes } {
  const checked = attempt(() => {
    const parsed = checkJweForKey(compact, o);
    return { ...parsed, epk: parsed.header.epk === undefined ? undefined : importSealingKey(parsed.header.epk) };
  });
  using contentKey = recoverContentKey(o.key, device, checked.encryptedKey, checked.epk);
  return attempt(() => {
    if (contentKey?.lengthBytes !== contentKeyBytes) throw new TypeError('The content key does not decrypt');
    const associatedData = Buffer.from(checked.protectedPart, 'latin1');
    const plaintext = decryptGcm(contentKey.expose(), checked.iv, associatedData, checked.ciphertext, checked.tag);
    return { header: checked.header, plaintext: SecretBytes.take(plaintext) };
  });
}

function attempt<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw slotNotOpened(cause);
  }
}

/** The one error of opening. `cause` is for the log. */
export function slotNotOpened(cause?: unknown): ProblemError {
  return new ProblemError('bad_envelope', { reason: 'slot_open', ...(cause === undefined ? {} : { cause }) });
}

/** Form, `typ`, `kid`, algorithms and ephemeral key, before jose sees the object and before the private key is touched. */
function checkJweForKey(
  compact: string,
  o: { readonly typ: JweTyp; readonly key: OpeningKey; readonly kid?: string },
): ParsedJwe {
  const parsed = parseJwe(compact, o.typ, slotCharacters);
  const { alg, enc, kid, epk } = parsed.header;
  if (kid !== (o.kid ?? o.key.thumbprint)) throw new TypeError('The JWE is for another key');
  if (alg !== o.key.algorithm || enc !== 'A256GCM') throw new TypeError('The JWE has an algorithm that is not allowed');
  if (epk !== undefined && importSealingKey(epk).kind !== o.key.kind) {
    throw new TypeError('The ephemeral key is on another curve');
  }
  return parsed;
}
