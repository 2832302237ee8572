/**
 * `Call` and `Reply` of proto/letterlock/v1/document.proto: one field of bytes, so that a document stays the bytes that were signed.
 * It must never accept a second spelling of a message: what is hashed and what is read must be the same.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';

/** Field 1, length-delimited. @source https://protobuf.dev/programming-guides/encoding/ */
const bodyTag = 0x0a;
/** The tag, and a length of at most five bytes. */
export const framingBytes = 6;
const lengthBytesLimit = 5;

export function encodeDocument(body: Uint8Array): Buffer {
  const head = [bodyTag];
  let rest = body.length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  return Buffer.concat([Uint8Array.from(head), body]);
}

/** @returns a view of the body. @throws 'bad_encoding' for anything but exactly one body with the shortest length */
export function decodeDocument(message: Uint8Array): Uint8Array {
  let length = 0;
  for (let at = 1; at <= lengthBytesLimit && message[0] === bodyTag; at += 1) {
    const byte = message[at];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * (at - 1));
    if (byte > 0x7f) continue;
    const isShortest = at === 1 || byte > 0;
    const body = message.subarray(at + 1);
    if (isShortest && body.length === length) return body;
    break;
  }
  throw new ProblemError('bad_encoding', { reason: 'grpc_message', detail: 'The message is not one document' });
}
