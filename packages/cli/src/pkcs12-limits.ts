/**
 * What the two sides of PKCS#12 import agree on.
 * It must never import anything: the child loads it.
 * @module
 */

/** Why a file was refused, by the status with which the child ends; both sides use this table. */
export const pkcs12Refusals = {
  40: 'it is not PKCS#12, or damaged',
  41: 'it has no MAC, so nobody can tell whether it was changed',
  42: 'its iteration count is above one million',
  43: 'the passphrase is wrong, or the file was changed',
  44: 'it holds no private key',
  45: 'it holds more than one private key',
  46: 'its key cannot be read',
} as const;
export type Pkcs12Refusal = keyof typeof pkcs12Refusals;

export const pkcs12Limits = { fileBytes: 65_536, iterations: 1_000_000 } as const;
