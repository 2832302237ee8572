import { describe, expect, test } from '@jest/globals';
import { verifyKeyset } from '@letterlock/crypto';
import { createIdentity, rotateIdentity } from './identity.ts';

describe('createIdentity()', () => {
  test('makes two keys by default', () => {
    const { id, signingKey, openingKeys, keyset } = createIdentity({ name: 'alice', iat: 5 });
    expect(openingKeys.map(({ thumbprint }) => thumbprint)).not.toContain(id);
    expect(verifyKeyset(keyset!)).toMatchObject({ id, seq: 1, name: 'alice', iat: 5 });
    expect(signingKey.thumbprint).toBe(id);
  });

  test('makes one key where that is wanted', () => {
    const { id, openingKeys } = createIdentity({ isSingleKey: true });
    expect(openingKeys.map(({ thumbprint }) => thumbprint)).toEqual([id]);
  });

  test('refuses a single key that cannot do both', () => {
    expect(() => createIdentity({ isSingleKey: true, signingKind: 'Ed25519' })).toThrow(
      expect.objectContaining({ code: 'bad_key' }),
    );
  });
});

describe('rotateIdentity()', () => {
  test('puts a new key first, keeps the old ones and the name, and raises seq', () => {
    const before = createIdentity({ name: 'alice', seq: 4 });
    const after = rotateIdentity(before);
    expect(after.id).toBe(before.id);
    expect(after.openingKeys.slice(1)).toEqual(before.openingKeys);
    const { enc, seq, name } = verifyKeyset(after.keyset!);
    expect({ seq, name, enc: enc.thumbprint }).toEqual({ seq: 5, name: 'alice', enc: after.openingKeys[0].thumbprint });
  });
});
