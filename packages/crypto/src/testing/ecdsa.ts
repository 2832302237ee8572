/**
 * The second signature that every ECDSA signature has.
 * It must never be imported outside tests.
 * @module
 */

const orderOfP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** `(r, n−s)` of a P-256 signature `(r, s)`, IEEE P1363 form. */
export function otherSignature(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  const other = (orderOfP256 - s).toString(16).padStart(64, '0');
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(other, 'hex')]);
}
