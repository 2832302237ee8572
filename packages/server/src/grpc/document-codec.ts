/**
 * The documents of proto/letterlock/v1 in the form that grpc-js takes.
 * It must never hold a format of its own: both ends have the one in protocol.
 * @module
 */
import { encodeDocument as encode } from '@letterlock/protocol';

export function encodeDocument(body: Uint8Array): Buffer {
  return bufferOf(encode(body));
}

/** The same bytes, not a copy. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
