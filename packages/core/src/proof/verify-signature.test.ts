import { createHook } from 'node:async_hooks';
import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, publicOf, signJws, type SigningKeyKind } from '@letterlock/crypto';
import { limits, parseJws, typ } from '@letterlock/protocol';
import { isSignedBy } from './verify-signature.ts';

/** Signature verifications that were handed to libuv's pool while `work` ran. */
async function verificationsOf(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'SIGNREQUEST') count += 1;
    },
  }).enable();
  try {
    await work();
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

  test.each(kinds)('is true for a signature by a %s key', async (kind) => {
    const { jws, key } = signed(kind);
    await expect(isSignedBy(jws, key)).resolves.toBe(true);
  });

  test.each(kinds)('an unknown %s key is false and costs one verification, as a known one does', async (kind) => {
    const { jws, key } = signed(kind);
    await expect(isSignedBy(jws, undefined)).resolves.toBe(false);
    await expect(verificationsOf(() => isSignedBy(jws, key))).resolves.toBe(1);
    await expect(verificationsOf(() => isSignedBy(jws, undefined))).resolves.toBe(1);
  });

  test('a known key under another algorithm is false and costs one verification', async () => {
    const { jws } = signed('P-384');
    const { key } = signed('P-256');
    await expect(isSignedBy(jws, key)).resolves.toBe(false);
    await expect(verificationsOf(() => isSignedBy(jws, key))).resolves.toBe(1);
  });
});
