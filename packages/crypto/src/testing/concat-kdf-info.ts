/**
 * The OtherInfo of Concat KDF for any algorithm, written apart from the one that the product uses.
 * It must never be imported outside tests.
 * @module
 */

const u32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
const prefixed = (text: string): Buffer => Buffer.concat([u32(Buffer.byteLength(text)), Buffer.from(text)]);

/** AlgorithmID ‖ PartyUInfo ‖ PartyVInfo ‖ SuppPubInfo. @source RFC 7518 §4.6.2 */
export function concatKdfInfo(algorithm: string, partyU: string, partyV: string, keyBits: number): Buffer {
  return Buffer.concat([prefixed(algorithm), prefixed(partyU), prefixed(partyV), u32(keyBits)]);
}
