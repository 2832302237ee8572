/**
 * Takes RSAES-OAEP's padding away after a smart card has done the RSA step: many cards do nothing but that step.
 * It must never be reachable by somebody who may try often: its time tells a little about the padding.
 * @module
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { SecretBytes } from './secret-bytes.ts';

const hashBytes = 32;
const emptyLabelHash = hash('sha256', '', 'buffer');

/**
 * EME-OAEP decoding with SHA-256, MGF1 with SHA-256 and no label.
 * @param encoded - as long as the modulus; stays the caller's to erase. @returns undefined, the same for every failure. @source RFC 8017 §7.1.2
 */
export function removeOaepPadding(encoded: Uint8Array): SecretBytes | undefined {
  if (encoded.length < 2 * hashBytes + 2) return undefined;
  const seed = masked(encoded.subarray(1, 1 + hashBytes), encoded.subarray(1 + hashBytes));
  const block = masked(encoded.subarray(1 + hashBytes), seed);
  // All of the block is looked at, whatever is wrong with it.
  let isBad = encoded[0]! | (timingSafeEqual(block.subarray(0, hashBytes), emptyLabelHash) ? 0 : 1);
  let isBefore = 1;
  let start = 0;
  for (let index = hashBytes; index < block.length; index += 1) {
    const byte = block[index]!;
    const isOne = byte === 1 ? 1 : 0;
    isBad |= isBefore & (1 - isOne) & (byte === 0 ? 0 : 1);
    start += isBefore;
    isBefore &= 1 - isOne;
  }
  isBad |= isBefore;
  const message = isBad === 0 ? SecretBytes.copy(block.subarray(hashBytes + start)) : undefined;
  seed.fill(0);
  block.fill(0);
  return message;
}

/** Bytes XOR MGF1 of a seed. @source RFC 8017 §B.2.1 */
function masked(bytes: Uint8Array, seed: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes);
  const input = new Uint8Array(seed.length + 4);
  input.set(seed);
  for (let counter = 0; counter * hashBytes < bytes.length; counter += 1) {
    new DataView(input.buffer).setUint32(seed.length, counter);
    const block = hash('sha256', input, 'buffer');
    for (let index = 0; index < hashBytes && counter * hashBytes + index < bytes.length; index += 1) {
      result[counter * hashBytes + index]! ^= block[index]!;
    }
  }
  input.fill(0);
  return result;
}
