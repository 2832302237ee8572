/**
 * The payload of an envelope: content under a key that is derived from the file key and the header's hash.
 * It must never say which of commitment, tag and padding was wrong (T-16), nor open before the commitment holds (T-15).
 * @module
 */
import {
  decodeBase64url,
  encodeBase64url,
  encodeUtf8,
  labels,
  limits,
  parseJwe,
  ProblemError,
  typ,
  type EnvelopeHeader,
} from '@letterlock/protocol';
import { equalConstantTime } from './bytes.ts';
import { decryptGcm } from './gcm.ts';
import { deriveBytes, deriveKey } from './hkdf.ts';
import { pad, unpad } from './padding.ts';
import { SecretBytes } from './secret-bytes.ts';
import { sealContent } from './slot.ts';

export const fileKeyBytes = 32;

/** `kc`: the commitment to a file key under an envelope's id, 43 characters. @source protocol.md §5.2 */
export function fileKeyCommitment(fileKey: SecretBytes, id: string): string {
  using commitment = deriveKey(fileKey, decodeBase64url(id), labels.commitment);
  return encodeBase64url(commitment.expose());
}

/** Seals content under Kp. @param o - `eh` is the header's hash, 43 characters. */
export function sealPayload(o: {
  readonly content: Uint8Array;
  readonly fileKey: SecretBytes;
  readonly eh: string;
}): string {
  using key = deriveKey(o.fileKey, decodeBase64url(o.eh), labels.payload);
  const head = JSON.stringify({ alg: 'dir', enc: 'A256GCM', typ: typ.payload, eh: o.eh });
  const padded = pad(o.content);
  const compact = sealContent(encodeBase64url(encodeUtf8(head)), new Uint8Array(0), key.expose(), padded);
  padded.fill(0);
  return compact;
}

/**
 * Opens a payload: key commitment first, then the tag, then the padding.
 * @throws 'bad_envelope', the same for every failure.
 */
export function openPayload(o: {
  readonly payload: string;
  readonly fileKey: SecretBytes;
  readonly header: EnvelopeHeader;
  readonly eh: string;
}): Promise<SecretBytes> {
  return new Promise((resolve) => {
    resolve(openPayloadNow(o));
  });
}

function openPayloadNow(o: Parameters<typeof openPayload>[0]): SecretBytes {
  try {
    if (o.fileKey.lengthBytes !== fileKeyBytes || !isCommittedTo(o.fileKey, o.header)) throw new TypeError('kc');
    const parsed = parseJwe(o.payload, typ.payload, limits.bodyBytes);
    const { alg, enc, eh } = parsed.header;
    if (alg !== 'dir' || enc !== 'A256GCM' || eh !== o.eh || parsed.encryptedKey.length > 0) throw new TypeError('eh');
    const key = deriveBytes(o.fileKey, decodeBase64url(o.eh), labels.payload);
    // node:crypto rather than jose: 64 KiB take a third of the time, and the form is already checked.
    const aad = Buffer.from(parsed.protectedPart, 'latin1');
    const padded = decryptGcm(key, parsed.iv, aad, parsed.ciphertext, parsed.tag);
    key.fill(0);
    const content = unpad(padded);
    if (content === undefined || content.length > limits.contentBytes) {
      padded.fill(0);
      throw new TypeError('padding');
    }
    return SecretBytes.take(content);
  } catch (cause) {
    throw new ProblemError('bad_envelope', { reason: 'envelope_integrity', cause });
  }
}

/** Whether a file key is the one that an envelope's header commits to, in constant time. */
export function isCommittedTo(fileKey: SecretBytes, header: Pick<EnvelopeHeader, 'id' | 'kc'>): boolean {
  return equalConstantTime(encodeUtf8(fileKeyCommitment(fileKey, header.id)), encodeUtf8(header.kc));
}
