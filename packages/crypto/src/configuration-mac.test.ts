import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { configurationMac, isConfigurationMac } from './configuration-mac.ts';
import { SecretBytes } from './secret-bytes.ts';

const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
const kek = SecretBytes.copy(bytes);
const text = '{"gen":1,"v":1}';

describe('configurationMac()', () => {
  test('is what the formula of the protocol says', () => {
    const key = new Uint8Array(hkdfSync('sha256', bytes, new Uint8Array(0), 'letterlock/v1/cfg', 32));
    expect(configurationMac(kek, text)).toBe(createHmac('sha256', key).update(text).digest('base64url'));
  });
});

describe('isConfigurationMac()', () => {
  const mac = configurationMac(kek, text);
  test('accepts the right MAC', () => {
    expect(isConfigurationMac(kek, text, mac)).toBe(true);
  });
  test.each([
    { name: 'another text', key: kek, of: '{"gen":2,"v":1}', given: mac },
    { name: 'another key', key: SecretBytes.random(32), of: text, given: mac },
    { name: 'another MAC', key: kek, of: text, given: configurationMac(kek, '{}') },
    { name: 'a shorter MAC', key: kek, of: text, given: mac.slice(0, 40) },
  ])('refuses $name', ({ key, of, given }) => {
    expect(isConfigurationMac(key, of, given)).toBe(false);
  });
});
