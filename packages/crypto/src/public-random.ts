/**
 * Random bytes that become public (salts, IVs, nonces, identifiers), taken from a block that is filled in one call: a call
 * for each would cost more than what is done with them. It must never give bytes to a key: those are drawn one by one.
 * @module
 */
import { randomFillSync } from 'node:crypto';

const blockBytes = 8192;
const block = Buffer.allocUnsafeSlow(blockBytes);
let used = blockBytes;

/** Fills a part of an array. @param lengthBytes - at most 256 */
export function fillPublicRandom(target: Uint8Array, offset: number, lengthBytes: number): void {
  if (lengthBytes > 256 || offset + lengthBytes > target.length) throw new RangeError('Cannot fill: too many bytes');
  if (used + lengthBytes > blockBytes) {
    randomFillSync(block);
    used = 0;
  }
  block.copy(target, offset, used, used + lengthBytes);
  used += lengthBytes;
}

/** Fresh bytes that will be seen by others. @param lengthBytes - at most 256 */
export function publicRandom(lengthBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  fillPublicRandom(bytes, 0, lengthBytes);
  return bytes;
}
