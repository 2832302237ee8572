/** RFC 3394 (AES key wrap), section 4.6: 256 bits under 256 bits. @module */
import { expect, test } from '@jest/globals';
import { wrapKey } from './key-management.ts';
import { rfcVectors } from './testing/rfc-vectors.ts';

const vector = rfcVectors('rfc3394') as {
  readonly wrappingKey: string;
  readonly key: string;
  readonly wrapped: string;
};
const [wrappingKey, key, wrapped] = [vector.wrappingKey, vector.key, vector.wrapped].map((hex) =>
  Buffer.from(hex, 'hex'),
);

test('RFC 3394 section 4.6', () => {
  expect(wrapKey(wrappingKey!, key!)).toEqual(wrapped);
});
