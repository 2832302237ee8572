/**
 * A barrier for tests: hides names and contents and notices changes, with keys that everybody can read here.
 * It must never be used outside tests.
 * @module
 */
import { sha256 } from '@letterlock/crypto';
import { ProblemError } from '@letterlock/protocol';
import type { Barrier } from '../barrier.ts';

const tagBytes = 16;
const saltBytes = 8;

function hashedSegment(segmentPath: string): string {
  return sha256(`fake barrier segment ${segmentPath}`).subarray(0, 16).toString('base64url');
}

/** Passes the contract of the port. Salts are counted, so that a run gives the same bytes each time. */
export class FakeBarrier implements Barrier {
  #sealed = 0n;

  keyOf(path: string): string {
    if (path.startsWith('sys/')) return path;
    const segments = path.split('/');
    return segments.map((_, index) => hashedSegment(segments.slice(0, index + 1).join('/'))).join('/');
  }

  seal(path: string, plaintext: Uint8Array): Uint8Array {
    this.#sealed += 1n;
    const record = new Uint8Array(saltBytes + plaintext.length + tagBytes);
    new DataView(record.buffer).setBigUint64(0, this.#sealed);
    record.set(plaintext, saltBytes);
    mask(record, path);
    record.set(tagOf(path, record.subarray(0, -tagBytes)), saltBytes + plaintext.length);
    return record;
  }

  open(path: string, record: Uint8Array): Uint8Array {
    const body = new Uint8Array(record.subarray(0, Math.max(0, record.length - tagBytes)));
    const isWhole = record.length >= saltBytes + tagBytes;
    if (!isWhole || !tagOf(path, body).equals(record.subarray(record.length - tagBytes))) {
      throw new ProblemError('internal', { reason: 'storage_integrity' });
    }
    mask(body, path);
    return body.subarray(saltBytes);
  }
}

function tagOf(path: string, body: Uint8Array): Buffer {
  const hash = sha256(Buffer.concat([sha256(`fake barrier tag ${path}`), body]));
  return hash.subarray(0, tagBytes);
}

/** Exclusive-or with a pad that depends on path and salt; the same call masks and unmasks. */
function mask(record: Uint8Array, path: string): void {
  const salt = Buffer.from(record.subarray(0, saltBytes)).toString('hex');
  const pad = sha256(`fake barrier pad ${salt} ${path}`);
  const view = Buffer.from(record.buffer, record.byteOffset, record.length);
  for (let index = saltBytes; index < view.length; index += 1) {
    view.writeUInt8(view.readUInt8(index) ^ pad.readUInt8(index % pad.length), index);
  }
}
