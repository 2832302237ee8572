/**
 * Padding of an inline payload: `u32be(length) ‖ content ‖ zeros`, the fewest zeros that make a multiple of 256 bytes.
 * It must never tell how a padding was wrong.
 * @module
 */

const blockBytes = 256;
const lengthBytes = 4;

/** Pads content into fresh memory outside Node's shared pool. @source protocol.md §5.2 */
export function pad(content: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((lengthBytes + content.length) / blockBytes) * blockBytes);
  new DataView(padded.buffer).setUint32(0, content.length);
  padded.set(content, lengthBytes);
  return padded;
}

/** The content inside, as a view; undefined unless the padding is exactly what `pad` writes. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  if (padded.length === 0 || padded.length % blockBytes !== 0) return undefined;
  const length = new DataView(padded.buffer, padded.byteOffset, padded.byteLength).getUint32(0);
  const end = lengthBytes + length;
  if (end > padded.length || padded.length - end >= blockBytes) return undefined;
  let other = 0;
  for (let index = end; index < padded.length; index += 1) other |= padded[index]!;
  return other === 0 ? padded.subarray(lengthBytes, end) : undefined;
}
