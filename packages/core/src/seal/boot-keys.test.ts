import { describe, expect, test } from '@jest/globals';
import { bootFingerprint } from '@letterlock/crypto';
import { NonceAuthority } from '../proof/nonce-authority.ts';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { createBootKeys, replicaName } from './boot-keys.ts';

describe('createBootKeys()', () => {
  const boot = createBootKeys();

  test('makes two P-256 keys that the fingerprint names', () => {
    expect([boot.tls.kind, boot.enc.kind]).toEqual(['P-256', 'P-256']);
    expect(boot.tls.thumbprint).not.toBe(boot.enc.thumbprint);
    expect(boot.boot).toBe(bootFingerprint(boot.tls.thumbprint, boot.enc.thumbprint));
  });

  test('the replica id is the beginning of the TLS key’s thumbprint', () => {
    expect(Buffer.from(boot.replicaId)).toEqual(Buffer.from(boot.tls.thumbprint, 'base64url').subarray(0, 8));
    expect(replicaName(boot)).toHaveLength(11);
    expect(boot.tls.thumbprint.startsWith(replicaName(boot).slice(0, 10))).toBe(true);
    expect(() => new NonceAuthority({ replicaId: boot.replicaId, clock: new FixedClock() })).not.toThrow();
  });

  test('every start has its own', () => {
    const other = createBootKeys();
    expect([other.boot, replicaName(other)]).not.toEqual([boot.boot, replicaName(boot)]);
  });
});
