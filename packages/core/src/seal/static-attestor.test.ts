import { describe, expect, test } from '@jest/globals';
import { generateSigningKey, hash43, signBoot } from '@letterlock/crypto';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { createStaticAttestor } from './static-attestor.ts';
import { describeAttestorContract } from './testing/attestor-contract.ts';
import { FakeAttestor } from './testing/fake-attestor.ts';

const [mine, theirs, stranger] = [generateSigningKey(), generateSigningKey(), generateSigningKey()];
const pinned = new Set([mine.thumbprint, theirs.thumbprint]);
const clock = new FixedClock();
const trustDomain = 'prod.example';
const common = { pinned, trustDomain, clock };

describeAttestorContract('createStaticAttestor()', () => [
  createStaticAttestor({ ...common, identity: mine }),
  createStaticAttestor({ ...common, identity: theirs }),
]);
describeAttestorContract('FakeAttestor', () => [
  new FakeAttestor({ instance: 'pod-1', start: 'container-1' }),
  new FakeAttestor({ instance: 'pod-2', start: 'container-2' }),
]);

describe('createStaticAttestor()', () => {
  const boot = hash43('boot');
  const now = clock.nowSeconds();
  const right = { boot, exp: now + 300, iat: now, td: trustDomain };
  const { verify } = createStaticAttestor({ ...common, identity: mine });

  test('accepts what a pinned key has signed: the control of the table', async () => {
    await expect(verify({ boot, token: signBoot(theirs, right) })).resolves.toEqual({
      instance: `static:${theirs.thumbprint}`,
      start: boot,
    });
  });

  test.each([
    { name: 'a key that is not pinned', key: stranger, claims: right, reason: 'attestation_not_pinned' },
    { name: 'other boot keys', key: theirs, claims: { ...right, boot: hash43('x') }, reason: 'attestation_boot' },
    {
      name: 'another trust domain',
      key: theirs,
      claims: { ...right, td: 'x.example' },
      reason: 'attestation_trust_domain',
    },
    { name: 'a statement that has ended', key: theirs, claims: { ...right, exp: now }, reason: 'attestation_time' },
    {
      name: 'one from far ahead',
      key: theirs,
      claims: { ...right, iat: now + 301, exp: now + 601 },
      reason: 'attestation_time',
    },
    { name: 'one that holds for long', key: theirs, claims: { ...right, exp: now + 301 }, reason: 'attestation_time' },
  ])('refuses $name', async ({ key, claims, reason }) => {
    await expect(verify({ boot, token: signBoot(key, claims) })).rejects.toMatchObject({ code: 'denied', reason });
  });
});
