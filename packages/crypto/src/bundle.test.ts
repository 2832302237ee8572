import { describe, expect, test } from '@jest/globals';
import type { BundleClaims } from '@letterlock/protocol';
import { openBundle, signBundle } from './bundle.ts';
import { generateSigningKey, publicOf } from './keys.ts';

const key = generateSigningKey();
const claims: BundleClaims = { certs: ['AAAA'], exp: 1000, iat: 100, past: [], seq: 7 };
const jws = signBundle(key, claims);
const now = { nowSeconds: 1000, leastSeq: 7 };

describe('openBundle()', () => {
  test('opens what signBundle signed', () => {
    expect(openBundle(jws, publicOf(key), now)).toEqual(claims);
    expect(openBundle(jws, publicOf(key), { nowSeconds: 0, leastSeq: 0 })).toEqual(claims);
  });

  test.each([
    { name: 'older than one seen before', change: { leastSeq: 8 }, reason: 'bundle_older' },
    { name: 'expired', change: { nowSeconds: 1001 }, reason: 'bundle_expired' },
  ])('refuses a bundle that is $name', ({ change, reason }) => {
    const refusal = expect.objectContaining({ code: 'bad_proof', reason });
    expect(() => openBundle(jws, publicOf(key), { ...now, ...change })).toThrow(refusal);
  });

  test('refuses a bundle of another key', () => {
    const refusal = expect.objectContaining({ code: 'bad_proof', reason: 'signature_invalid' });
    expect(() => openBundle(jws, publicOf(generateSigningKey()), now)).toThrow(refusal);
  });

  test.each([
    { name: 'no authority', change: { certs: [] } },
    { name: 'three authorities', change: { certs: ['AAAA', 'AAAB', 'AAAC'] } },
    { name: 'number 0', change: { seq: 0 } },
    { name: 'an authority that is not canonical base64url', change: { certs: ['AAAB='] } },
  ])('refuses a bundle of $name', ({ change }) => {
    const refusal = expect.objectContaining({ code: 'bad_encoding' });
    expect(() => openBundle(signBundle(key, { ...claims, ...change }), publicOf(key), now)).toThrow(refusal);
  });
});
