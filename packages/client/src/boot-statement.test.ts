import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, hash43, signBoot } from '@letterlock/crypto';
import { readBootStatement } from './boot-statement.ts';

const identity = generateSigningKey();
const now = 1_790_000_000;
const boot = hash43('boot');
const right = { boot, exp: now + 300, iat: now, td: 'prod.example' };
const read = (token: string): string => readBootStatement(token, { boot, trustDomain: 'prod.example', token }, now);

describe('readBootStatement()', () => {
  test('says whose statement it is: the control of the table', () => {
    expect(read(signBoot(identity, right))).toBe(identity.thumbprint);
  });

  test.each([
    { name: 'about other boot keys', change: { boot: hash43('x') }, says: 'another process' },
    { name: 'of another trust domain', change: { td: 'x.example' }, says: 'another trust domain' },
    { name: 'that has ended', change: { exp: now, iat: now - 300 }, says: 'not valid now' },
    { name: 'from far ahead', change: { exp: now + 601, iat: now + 301 }, says: 'not valid now' },
    { name: 'that holds for long', change: { exp: now + 301 }, says: 'not valid now' },
  ])('refuses a statement $name', ({ change, says }) => {
    const token = signBoot(identity, { ...right, ...change });
    expect(() => read(token)).toThrow(
      expect.objectContaining({ code: 'attestation_invalid', message: expect.stringContaining(says) }),
    );
  });

  test('refuses what its key has not signed', () => {
    const [header, , signature] = signBoot(identity, right).split('.');
    const [, payload] = signBoot(identity, { ...right, boot: hash43('x') }).split('.');
    for (const token of [`${header}.${payload}.${signature}`, '', 'x', 'a.b.c']) {
      expect(() => read(token)).toThrow(expect.objectContaining({ code: 'attestation_invalid' }));
    }
  });
});
