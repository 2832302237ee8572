import { beforeEach, describe, expect, test } from '@jest/globals';
import { SecretBytes } from '@letterlock/crypto';
import { decodeBase64url, encodeBase64url, lifetimes } from '@letterlock/protocol';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { NonceAuthority, nonceCharacters } from './nonce-authority.ts';
import { RedeemedNonces } from './redeemed-nonces.ts';

const replicaId = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** The same nonce with one bit of one byte changed. */
function flipped(nonce: string, offset: number): string {
  const bytes = decodeBase64url(nonce);
  bytes[offset]! ^= 1;
  return encodeBase64url(bytes);
}

describe('NonceAuthority', () => {
  let clock: FixedClock;
  let authority: NonceAuthority;
  beforeEach(() => {
    clock = new FixedClock();
    authority = new NonceAuthority({ replicaId, clock });
  });

  test('issues 54 characters that begin with the replica id', () => {
    const nonce = authority.issue();
    expect(nonce).toHaveLength(54);
    expect(nonceCharacters).toBe(54);
    expect(decodeBase64url(nonce).subarray(0, 8)).toEqual(replicaId);
  });

  test('issues no nonce twice', () => {
    expect(new Set(Array.from({ length: 1000 }, () => authority.issue())).size).toBe(1000);
  });

  test('redeems a nonce once', () => {
    const nonce = authority.issue();
    expect(authority.check(nonce)).toBe('valid');
    expect(authority.redeem(nonce)).toBe(true);
    expect(authority.redeem(nonce)).toBe(false);
  });

  test('checking uses nothing up', () => {
    const nonce = authority.issue();
    for (let time = 0; time < 3; time += 1) expect(authority.check(nonce)).toBe('valid');
    expect(authority.redeem(nonce)).toBe(true);
  });

  test.each([
    { name: 'in its last second', seconds: lifetimes.nonce - 1, verdict: 'valid' },
    { name: 'when its life is over', seconds: lifetimes.nonce, verdict: 'expired' },
  ] as const)('is $verdict $name', ({ seconds, verdict }) => {
    const nonce = authority.issue();
    clock.advance(seconds);
    expect(authority.check(nonce)).toBe(verdict);
    expect(authority.redeem(nonce)).toBe(verdict === 'valid');
  });

  test('a nonce that was found valid still expires', () => {
    const nonce = authority.issue();
    expect(authority.check(nonce)).toBe('valid');
    clock.advance(lifetimes.nonce);
    expect(authority.check(nonce)).toBe('expired');
    expect(authority.redeem(nonce)).toBe(false);
  });

  test('a forged nonce stays forged, whatever was looked at before', () => {
    const nonce = authority.issue();
    const forged = flipped(nonce, 39);
    for (let time = 0; time < 2; time += 1) {
      expect(authority.check(nonce)).toBe('valid');
      expect(authority.check(forged)).toBe('forged');
      expect(authority.check(forged)).toBe('forged');
    }
    expect(authority.redeem(forged)).toBe(false);
  });

  test('a wall clock that steps back revives nothing', () => {
    const nonce = authority.issue();
    clock.advance(lifetimes.nonce);
    clock.step(-3600);
    expect(authority.redeem(nonce)).toBe(false);
  });

  test.each([
    { name: 'the replica id', offset: 0, verdict: 'foreign' },
    { name: 'the random part', offset: 8, verdict: 'forged' },
    { name: 'the expiry', offset: 23, verdict: 'forged' },
    { name: 'the first byte of the MAC', offset: 24, verdict: 'forged' },
    { name: 'the last byte of the MAC', offset: 39, verdict: 'forged' },
  ])('refuses a nonce with another bit in $name', ({ offset, verdict }) => {
    const nonce = flipped(authority.issue(), offset);
    expect(authority.check(nonce)).toBe(verdict);
    expect(authority.redeem(nonce)).toBe(false);
  });

  test.each([
    { name: 'nothing', text: '' },
    { name: 'one character less', text: 'A'.repeat(53) },
    { name: 'one character more', text: 'A'.repeat(55) },
    { name: 'a stray trailing bit', text: `${'A'.repeat(53)}B` },
    { name: 'other characters', text: '+'.repeat(54) },
  ])('calls $name malformed', ({ text }) => {
    expect(authority.check(text)).toBe('malformed');
    expect(authority.redeem(text)).toBe(false);
  });

  test.each([
    { name: 'another replica', other: { replicaId: Uint8Array.of(9, 2, 3, 4, 5, 6, 7, 8) } },
    { name: 'a later start with the same id', other: { replicaId } },
  ])('refuses a nonce of $name', ({ other }) => {
    const foreign = new NonceAuthority({ ...other, clock }).issue();
    expect(authority.redeem(foreign)).toBe(false);
  });

  test('refuses a nonce of another replica that has the same key', () => {
    const key = SecretBytes.random(32);
    const one = new NonceAuthority({ replicaId, key, clock });
    const other = new NonceAuthority({ replicaId: Uint8Array.of(9, 2, 3, 4, 5, 6, 7, 8), key, clock });
    expect(other.check(one.issue())).toBe('foreign');
  });

  test('keeps its own copy of the replica id', () => {
    const given = replicaId.slice();
    const own = new NonceAuthority({ replicaId: given, clock });
    const nonce = own.issue();
    given.fill(0);
    expect(own.check(nonce)).toBe('valid');
  });

  test('shows neither key nor memory when printed', () => {
    expect(JSON.stringify(authority)).toBe('{}');
    expect(Object.getOwnPropertyNames(authority)).toEqual([]);
  });

  test('a replica id has eight bytes', () => {
    expect(() => new NonceAuthority({ replicaId: new Uint8Array(7), clock })).toThrow('8 bytes');
  });
});

describe('RedeemedNonces', () => {
  test('forgets a nonce only after its life, and then ends by itself', () => {
    const memory = new RedeemedNonces();
    const held = () => memory.generations[0].size + memory.generations[1].size;
    expect(memory.add('a', 0)).toBe(true);
    expect(memory.add('a', lifetimes.nonce - 1)).toBe(false);
    expect(memory.add('b', lifetimes.nonce)).toBe(true);
    expect(memory.add('a', lifetimes.nonce)).toBe(false);
    expect(held()).toBe(2);
    expect(memory.add('c', 2 * lifetimes.nonce)).toBe(true);
    expect(held()).toBe(2);
    expect(memory.add('d', 4 * lifetimes.nonce)).toBe(true);
    expect(held()).toBe(1);
  });
});
