import { describe, expect, test } from '@jest/globals';
import { openBindingKey, signBindingKey } from './binding-key.ts';
import { generateOpeningKey, generateSigningKey, publicOf } from './keys.ts';

const instance = generateSigningKey();
const bindingKey = generateOpeningKey();
const claims = { bk: [{ ...bindingKey.jwk }], bnd: 'shop/orders-db', exp: 1000, iat: 100, seq: 3 };
const expected = { nowSeconds: 1000, bnd: 'shop/orders-db' };

describe('openBindingKey()', () => {
  test('gives the key and its generation', () => {
    const { key, seq } = openBindingKey(signBindingKey(instance, claims), publicOf(instance), expected);
    expect({ thumbprint: key.thumbprint, seq }).toEqual({ thumbprint: bindingKey.thumbprint, seq: 3 });
  });

  test.each([
    { name: 'of another binding', change: { bnd: 'shop/other' }, reason: 'binding_key_other' },
    { name: 'that has ended', change: { exp: 999 }, reason: 'binding_key_expired' },
    { name: 'without a key', change: { bk: [] }, code: 'bad_encoding' },
    { name: 'whose binding has no namespace', change: { bnd: 'orders-db' }, code: 'bad_encoding' },
  ])('refuses a statement $name', ({ change, code = 'bad_proof', reason }) => {
    const open = () => openBindingKey(signBindingKey(instance, { ...claims, ...change }), publicOf(instance), expected);
    expect(open).toThrow(expect.objectContaining({ code, ...(reason === undefined ? {} : { reason }) }));
  });

  test('refuses a statement of another instance', () => {
    const jws = signBindingKey(generateSigningKey(), claims);
    const refused = expect.objectContaining({ code: 'bad_proof', reason: 'signature_invalid' });
    expect(() => openBindingKey(jws, publicOf(instance), expected)).toThrow(refused);
  });
});
