import { beforeEach, describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import { permit } from '../policy/index.ts';
import { liveBinding } from '../policy/testing/fake-bindings.ts';
import type { IdentityWriter } from '../policy/live-binding.ts';
import { makePerson, provenCaller } from '../proof/testing/proof-fixture.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const { keyset } = makePerson();
const evidence = { t: 'binding', ns: 'shop', name: 'orders-db' } as const;

describe('registration by a binding', () => {
  let fixture: RegistryFixture;
  const list = (change: Partial<IdentityWriter> = {}): void =>
    fixture.bindings.put(
      liveBinding({
        writers: { serviceAccounts: [], identities: [{ thumbprint: keyset.id, secrets: ['db'], ...change }] },
      }),
    );
  const register = (change: object = {}) => {
    const proven = provenCaller({ id: keyset.id }, { keyset: keyset.jws, evidence: { ...evidence, ...change } });
    const action = { act: 'identity.register', id: keyset.id } as const;
    const permitted = permit<'identity.register'>(action, proven, { grants: [], nowSeconds: 0 });
    return fixture.identities.register(permitted, proven, keyset);
  };
  beforeEach(() => {
    fixture = new RegistryFixture();
  });

  test('is for a key that the live binding lists', async () => {
    list();
    await expect(register()).resolves.toMatchObject({ created: true, id: keyset.id });
  });

  const now = new RegistryFixture().clock.nowSeconds();
  test.each([
    { name: 'that lists another key', listed: { thumbprint: hash43('x') } },
    { name: 'that lists it until now', listed: { notAfter: now } },
    { name: 'of another name', listed: {}, change: { name: 'other' } },
    { name: 'of another namespace', listed: {}, change: { ns: 'bank' } },
  ])('is refused by a binding $name', async ({ listed, change = {} }) => {
    list(listed);
    await expect(register(change)).rejects.toMatchObject({ code: 'denied', reason: 'evidence_binding' });
  });

  test('is refused while the watch is down', async () => {
    list();
    fixture.bindings.isStale = true;
    await expect(register()).rejects.toMatchObject({ code: 'denied', reason: 'evidence_binding' });
  });

  test('does not bring back what an admin has revoked', async () => {
    list();
    await register();
    const { once } = fixture.sign('identity.revoke', { id: keyset.id });
    const admin = provenCaller({ id: fixture.admin.known.id, isAdmin: true, factor: 'admin', binding: 'none' }, {});
    const action = { act: 'identity.revoke', id: keyset.id } as const;
    await fixture.identities.revoke(permit<'identity.revoke'>(action, admin, { grants: [], nowSeconds: 0 }), once);
    await expect(register()).rejects.toMatchObject({ code: 'denied', reason: 'identity_revoked' });
  });
});
