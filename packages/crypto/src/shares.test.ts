/** Shares of the master key. @module */
import { describe, expect, test } from '@jest/globals';
import { generateOpeningKey, publicOfOpening } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';
import { combineShares, openShare, sealShare, splitMasterKey } from './shares.ts';

describe('combineShares()', () => {
  test.each([
    { k: 1, n: 1 },
    { k: 1, n: 3 },
    { k: 2, n: 3 },
    { k: 5, n: 16 },
  ])('gives back the key from any $k of $n', async ({ k, n }) => {
    const masterKey = SecretBytes.random(32);
    const shares = await splitMasterKey(masterKey, k, n);
    expect(shares).toHaveLength(n);
    const combined = await combineShares(k, shares.slice(n - k));
    expect(combined.equals(masterKey)).toBe(true);
  });
});

test('openShare() gives back a sealed share', async () => {
  const key = generateOpeningKey();
  const share = SecretBytes.random(33);
  const expected = { inst: 'AAECAwQFBgcICQoLDA0ODw', gen: 1 };
  const sealed = await sealShare({ to: publicOfOpening(key), ...expected, x: 7, share });
  const opened = await openShare(sealed, key, expected);
  expect(opened.x).toBe(7);
  expect(opened.share.equals(share)).toBe(true);
});
