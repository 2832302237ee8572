import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createIdentity, identityOf, rotateIdentity } from './identity.ts';
import { startFixture, type Fixture } from './testing/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

describe('identity()', () => {
  test('verifies and returns the keyset', async () => {
    const { alice, bob, client } = fixture;
    expect(await client(alice).identity(bob.id)).toMatchObject({ id: bob.id, seq: 1, name: 'bob' });
  });

  test("refuses somebody else's keyset", async () => {
    const { service, alice, bob, client } = fixture;
    service.keysets.set(bob.id, createIdentity().keyset!);
    await expect(client(alice).identity(bob.id)).rejects.toMatchObject({ name: 'IntegrityError', reason: 'keyset_id' });
  });

  test('refuses a keyset that another key signed', async () => {
    const { service, alice, bob, client } = fixture;
    const forged = createIdentity().keyset!.split('.');
    const [head, payload] = bob.keyset!.split('.');
    service.keysets.set(bob.id, [head, payload, forged[2]].join('.'));
    await expect(client(alice).identity(bob.id)).rejects.toMatchObject({
      name: 'IntegrityError',
      reason: 'signature_invalid',
    });
  });

  test('refuses a lower seq than it has seen', async () => {
    const { service, alice, bob, client } = fixture;
    const calling = client(alice);
    service.keysets.set(bob.id, rotateIdentity(bob).keyset!);
    expect((await calling.identity(bob.id)).seq).toBe(2);
    service.keysets.set(bob.id, bob.keyset!);
    await expect(calling.identity(bob.id)).rejects.toMatchObject({ name: 'IntegrityError', reason: 'keyset_rollback' });
  });

  test('remembers the seq where the caller says', async () => {
    const { alice, bob, client } = fixture;
    const sequences = new Map([[bob.id, 2]]);
    await expect(client(alice, { sequences }).identity(bob.id)).rejects.toMatchObject({ reason: 'keyset_rollback' });
    await client(alice, { sequences }).identity(alice.id);
    expect(sequences.get(alice.id)).toBe(1);
  });

  test('refuses a keyset past its end', async () => {
    const { service, alice, bob, client } = fixture;
    service.keysets.set(bob.id, identityOf(bob.signingKey, bob.openingKeys, { exp: 1_790_000_000 }).keyset!);
    await expect(client(alice).identity(bob.id)).rejects.toMatchObject({
      name: 'IntegrityError',
      reason: 'keyset_expired',
    });
    expect((await client(alice, { now: () => 1_789_999_999 }).identity(bob.id)).id).toBe(bob.id);
  });
});

describe('register()', () => {
  test('needs a keyset', async () => {
    const { alice, client } = fixture;
    const { keyset: _, ...bare } = alice;
    await expect(client(bare).register()).rejects.toThrow('Cannot register: the identity has no keyset');
  });
});
