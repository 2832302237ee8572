/** RFC 7517 (JWK), appendix A: exactly the public members are a key; everything else is refused. @module */
import { describe, expect, test } from '@jest/globals';
import { importSealingKey, importVerifyingKey } from './keys.ts';
import { refusalOf } from './testing/problems.ts';
import { rfcVectors } from './testing/rfc-vectors.ts';

interface KeyVector {
  readonly name: string;
  readonly jwk: Readonly<Record<string, string>>;
  readonly canonical?: readonly string[];
  readonly kind?: string;
}
const { vectors } = rfcVectors('rfc7517') as { readonly vectors: readonly KeyVector[] };
const taken = vectors.filter(({ canonical }) => canonical !== undefined);

describe('RFC 7517 appendix A', () => {
  test.each(vectors)('$name is refused as it stands', async ({ jwk }) => {
    for (const use of [importVerifyingKey, importSealingKey]) {
      await expect(refusalOf(() => use(jwk))).resolves.toMatchObject({ code: 'bad_key' });
    }
  });

  test.each(taken)('$name is taken with its canonical members', ({ jwk, canonical, kind }) => {
    const members = Object.fromEntries(canonical!.map((name) => [name, jwk[name]!]));
    expect(importVerifyingKey(members)).toMatchObject({ kind, jwk: members });
    expect(importSealingKey(members).thumbprint).toBe(importVerifyingKey(members).thumbprint);
  });
});
