/** RFC 7638 (JWK thumbprint), section 3.1. @module */
import { expect, test } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import type { PublicJwk } from '@letterlock/protocol';
import { generateOpeningKey, generateSigningKey, importVerifyingKey, thumbprint } from './keys.ts';
import { publicMembersOf } from './testing/jwk.ts';
import { rfcVectors } from './testing/rfc-vectors.ts';

const vector = rfcVectors('rfc7638') as { readonly jwk: Readonly<Record<string, string>>; readonly thumbprint: string };

test('RFC 7638 section 3.1: further members do not count', () => {
  expect(thumbprint(vector.jwk as unknown as PublicJwk)).toBe(vector.thumbprint);
  expect(importVerifyingKey(publicMembersOf(vector.jwk)).thumbprint).toBe(vector.thumbprint);
});

test.each(['P-256', 'P-384', 'Ed25519', 'RSA'] as const)(
  'a %s thumbprint is that of another implementation',
  async (kind) => {
    const key = generateSigningKey(kind);
    expect(key.thumbprint).toBe(await calculateJwkThumbprint({ ...key.jwk }));
  },
);

test('an X25519 thumbprint is that of another implementation', async () => {
  const key = generateOpeningKey('X25519');
  expect(key.thumbprint).toBe(await calculateJwkThumbprint({ ...key.jwk }));
});
