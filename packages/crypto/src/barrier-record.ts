/**
 * Barrier records (protocol.md §10.7): `01 ‖ term u32 ‖ salt[16] ‖ iv[12] ‖ ciphertext ‖ tag[16]`, bound to their path.
 * It must never use one key for two records, nor open a record under another path.
 * @module
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { domains, labels, ProblemError } from '@letterlock/protocol';
import { decryptGcm, encryptGcm, gcmIvBytes, gcmTagBytes } from './gcm.ts';
import { deriveBytes } from './hkdf.ts';
import { fillPublicRandom } from './public-random.ts';
import { SecretBytes } from './secret-bytes.ts';

const version = 1;
const saltBytes = 16;
const saltAt = 5;
const ivAt = saltAt + saltBytes;
const ciphertextAt = ivAt + gcmIvBytes;
const storeKeyBytes = 16;

/**
 * Seals a record under a key of its own, derived from the term's key and a random salt.
 * @param o - `path` is the logical path before HMAC, without prefix; `generation` only for the keyring record.
 */
export function sealRecord(o: {
  readonly term: number;
  readonly termKey: SecretBytes | KeyObject;
  readonly path: string;
  readonly plaintext: Uint8Array;
  readonly generation?: number;
}): Uint8Array {
  const record = Buffer.allocUnsafeSlow(ciphertextAt + o.plaintext.length + gcmTagBytes);
  record[0] = version;
  record.writeUInt32BE(o.term, 1);
  fillPublicRandom(record, saltAt, saltBytes + gcmIvBytes);
  const key = deriveBytes(o.termKey, record.subarray(saltAt, ivAt), labels.record);
  const iv = record.subarray(ivAt, ciphertextAt);
  const { ciphertext, tag } = encryptGcm(key, iv, associatedData(o.path, o.generation), o.plaintext);
  key.fill(0);
  record.set(ciphertext, ciphertextAt);
  record.set(tag, ciphertextAt + ciphertext.length);
  return record;
}

/** Opens a record. @throws 'internal' with reason storage_integrity, the same for every failure. */
export function openRecord(o: {
  readonly termKeyOf: (term: number) => SecretBytes | KeyObject | undefined;
  readonly path: string;
  readonly record: Uint8Array;
  readonly generation?: number;
}): Buffer {
  const { record } = o;
  const termKey = o.termKeyOf(recordTerm(record));
  if (termKey === undefined) throw integrity();
  const key = deriveBytes(termKey, record.subarray(saltAt, ivAt), labels.record);
  const tagAt = record.length - gcmTagBytes;
  try {
    return decryptGcm(
      key,
      record.subarray(ivAt, ciphertextAt),
      associatedData(o.path, o.generation),
      record.subarray(ciphertextAt, tagAt),
      record.subarray(tagAt),
    );
  } catch (cause) {
    throw integrity(cause);
  } finally {
    key.fill(0);
  }
}

/** The keyring term that a record was sealed under. @throws 'internal' with reason storage_integrity. */
export function recordTerm(record: Uint8Array): number {
  if (record.length < ciphertextAt + gcmTagBytes || record[0] !== version) throw integrity();
  return new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(1);
}

/** What names one segment of a path in the store: HMAC-SHA-256, first 16 bytes, 22 characters. @source protocol.md §5.8 */
export function storeKeySegment(key: SecretBytes | KeyObject, segmentPath: string): string {
  const material = key instanceof SecretBytes ? key.expose() : key;
  return createHmac('sha256', material).update(segmentPath).digest().subarray(0, storeKeyBytes).toString('base64url');
}

function associatedData(path: string, generation: number | undefined): Uint8Array {
  const named = Buffer.from(domains.barrier + path, 'utf8');
  if (generation === undefined) return named;
  const withGeneration = Buffer.alloc(named.length + 4);
  named.copy(withGeneration);
  withGeneration.writeUInt32BE(generation, named.length);
  return withGeneration;
}

function integrity(cause?: unknown): ProblemError {
  return new ProblemError('internal', { reason: 'storage_integrity', ...(cause === undefined ? {} : { cause }) });
}
