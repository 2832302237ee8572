/** SecretBytes: never seen, zeroed at the end. @module */
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { SecretBytes } from './secret-bytes.ts';

const marker = 'hunter2-marker';
const secret = SecretBytes.copy(Buffer.from(marker));

describe('SecretBytes', () => {
  test.each([
    { name: 'String()', shown: String(secret) },
    { name: 'join()', shown: [secret].join('') },
    { name: 'JSON', shown: JSON.stringify({ secret }) },
    { name: 'inspect', shown: inspect({ nested: { secret } }, { depth: 9, showHidden: true }) },
    { name: 'inspect without custom functions', shown: inspect(secret, { customInspect: false, showHidden: true }) },
    { name: 'own members', shown: Reflect.ownKeys(secret).join(' ') },
    { name: 'an error', shown: new Error('x', { cause: secret }).stack ?? '' },
  ])('does not show its content in $name', ({ shown }) => {
    for (const form of ['utf8', 'hex', 'base64', 'base64url'] as const) {
      expect(shown).not.toContain(Buffer.from(marker).toString(form));
    }
    expect(shown).not.toContain([...Buffer.from(marker)].join(','));
  });

  test('compares content, and content of another length as different', () => {
    expect(secret.equals(SecretBytes.copy(Buffer.from(marker)))).toBe(true);
    expect(secret.equals(SecretBytes.copy(Buffer.from(marker.toUpperCase())))).toBe(false);
    expect(secret.equals(SecretBytes.copy(Buffer.from(`${marker}x`)))).toBe(false);
  });

  test('takes without a copy, copies with one, and zeroes what it owns at the end of the block', () => {
    const taken = new Uint8Array([1, 2, 3]);
    const copied = new Uint8Array([1, 2, 3]);
    let ended: SecretBytes;
    {
      using first = SecretBytes.take(taken);
      using second = SecretBytes.copy(copied);
      expect(first.expose()).toBe(taken);
      expect(second.expose()).not.toBe(copied);
      expect(second.lengthBytes).toBe(3);
      ended = first;
    }
    expect([...taken]).toEqual([0, 0, 0]);
    expect([...copied]).toEqual([1, 2, 3]);
    expect(() => ended.expose()).toThrow('they were disposed of');
    expect(() => ended.lengthBytes).toThrow('they were disposed of');
    expect(String(ended)).toBe('[redacted]');
  });

  test('disposing twice is harmless', () => {
    const twice = SecretBytes.random(4);
    twice[Symbol.dispose]();
    expect(() => {
      twice[Symbol.dispose]();
    }).not.toThrow();
  });

  test('random bytes are not the same twice, and outside the shared pool', () => {
    const first = SecretBytes.random(32);
    expect(first.equals(SecretBytes.random(32))).toBe(false);
    expect(first.expose().buffer.byteLength).toBe(32);
  });
});
