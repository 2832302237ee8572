import { createHook } from 'node:async_hooks';
import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, publicOf, signJws, type SigningKeyKind } from '@letterlock/crypto';
import { limits, parseJws, typ } from '@letterlock/protocol';
import { isSignedBy } from './verify-signature.ts';

/** Signature verifications that OpenSSL was asked for while `work` ran: each is a resource to Node. */
function verificationsOf(work: () => unknown): number {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'SIGNREQUEST') count += 1;
    },
  }).enable();
  try {
    work();
  } finally {
    hook.disable();
  }
  return count;
}

describe('isSignedBy()', () => {
  const kinds: readonly SigningKeyKind[] = ['P-256', 'P-384', 'Ed25519', 'RSA'];
  const signed = (kind: SigningKeyKind) => {
    const key = generateSigningKey(kind);
    return {
      key: publicOf(key),
      jws: parseJws(signJws({ typ: typ.proof, key, claims: {} }), typ.proof, limits.proofBytes),
    };
  };

  test.each(kinds)('is true for a signature by a %s key', (kind) => {
    const { jws, key } = signed(kind);
    expect(isSignedBy(jws, key)).toBe(true);
  });

  test.each(kinds)('an unknown %s key is false and costs one verification, as a known one does', (kind) => {
    const { jws, key } = signed(kind);
    expect(isSignedBy(jws, undefined)).toBe(false);
    expect(verificationsOf(() => isSignedBy(jws, key))).toBe(1);
    expect(verificationsOf(() => isSignedBy(jws, undefined))).toBe(1);
  });

  test('a known key under another algorithm is false and costs one verification', () => {
    const { jws } = signed('P-384');
    const { key } = signed('P-256');
    expect(isSignedBy(jws, key)).toBe(false);
    expect(verificationsOf(() => isSignedBy(jws, key))).toBe(1);
  });
});
