/**
 * Which coordinates are the one good spelling of a public point: on the curve, reduced, not of small order.
 * It must never see a secret: the arithmetic is not constant-time.
 * @module
 */

const prime = 2n ** 255n - 19n;
const belowTopBit = 2n ** 255n - 1n;

/** u-coordinates of order 1, 2, 4 and 8, on the curve and its twist. @source RFC 7748 §6.1, cr.yp.to/ecdh.html#validate */
const smallOrderU = new Set([
  0n,
  1n,
  prime - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
]);
/** y-coordinates of the eight points whose order divides 8. @source RFC 8032 §5.1.7 */
const smallOrderY = new Set([
  0n,
  1n,
  prime - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
]);

/** A canonical u-coordinate of large order: X25519 ignores the top bit and reduces, so one key would have more spellings. */
export function isGoodMontgomeryPoint(bytes: Uint8Array): boolean {
  const u = littleEndian(bytes);
  return u < prime && !smallOrderU.has(u);
}

/** A canonical y-coordinate (under the sign bit) of a point of large order. */
export function isGoodEdwardsPoint(bytes: Uint8Array): boolean {
  const y = littleEndian(bytes) & belowTopBit;
  return y < prime && !smallOrderY.has(y);
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`);
}

/** p and b of y² = x³ − 3x + b. @source NIST SP 800-186 §3.2.1.3, §3.2.1.4 */
const weierstrassCurves = {
  'P-256': {
    bytes: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  'P-384': {
    bytes: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
} as const;

/** Whether big-endian coordinates of full length are a point of the curve; a few microseconds, where an import takes twenty. */
export function isGoodWeierstrassPoint(curve: 'P-256' | 'P-384', xBytes: Uint8Array, yBytes: Uint8Array): boolean {
  const { bytes, p, b } = weierstrassCurves[curve];
  if (xBytes.length !== bytes || yBytes.length !== bytes) return false;
  const x = bigEndian(xBytes);
  const y = bigEndian(yBytes);
  return x < p && y < p && (y * y - x * x * x + 3n * x - b) % p === 0n;
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
