import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  createKeyset,
  generateOpeningKey,
  generateSigningKey,
  hash43,
  publicOfOpening,
  randomIdentifier,
  verifyKeyset,
  type Keyset,
} from '@letterlock/crypto';
import { decodeBase64url, type Evidence } from '@letterlock/protocol';
import { permit } from '../policy/index.ts';
import { makePerson, provenCaller, type Person } from '../proof/testing/proof-fixture.ts';
import { MemoryStore } from '../store/index.ts';
import { applyInitial, markInitial, type InitialState } from './apply-initial.ts';
import { authority, keyset as certifiedKeyset, leaf, otherAuthority } from './testing/certificate-evidence.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

function refused(code: string, reason: string): unknown {
  return expect.objectContaining({ code, reason });
}

describe('IdentityRegistry', () => {
  let fixture: RegistryFixture;
  let person: Person;
  beforeEach(() => {
    fixture = new RegistryFixture();
    person = makePerson();
  });
  /** A later keyset of the same person. */
  const next = (change: { seq?: number; exp?: number; name?: string; enc?: Keyset['enc'] } = {}): Keyset =>
    verifyKeyset(
      createKeyset({
        sig: person.key,
        enc: publicOfOpening(generateOpeningKey()),
        seq: 2,
        iat: fixture.clock.nowSeconds(),
        ...change,
      }),
    );

  describe('register()', () => {
    test('registers a new identity with evidence, which is then found', async () => {
      expect(await fixture.identities.find(person.keyset.id)).toBeUndefined();
      await expect(fixture.registerByOperation(person.keyset)).resolves.toEqual({
        created: true,
        id: person.keyset.id,
        seq: 1,
      });
      expect(await fixture.identities.find(person.keyset.id)).toMatchObject({
        ...person.known,
        keyset: { jws: person.keyset.jws },
      });
      expect((await fixture.identities.currentKeyset(person.keyset.id))?.jws).toBe(person.keyset.jws);
      expect(await fixture.audited()).toEqual([`identity.register proof id/${person.keyset.id} ok`]);
    });

    test('takes the same keyset again without evidence and changes nothing', async () => {
      await fixture.registerByOperation(person.keyset);
      const { revision } = fixture.memory;
      await expect(fixture.register(person.keyset)).resolves.toEqual({ created: false, id: person.keyset.id, seq: 1 });
      expect(fixture.memory.revision).toBe(revision);
    });

    test('knows the same keyset by what was signed, not by its signature', async () => {
      const fields = { sig: person.key, enc: person.keyset.enc, seq: 1, iat: 1 };
      const [first, second] = [verifyKeyset(createKeyset(fields)), verifyKeyset(createKeyset(fields))];
      expect(first.jws).not.toBe(second.jws);
      await fixture.registerByOperation(first);
      await expect(fixture.register(second)).resolves.toMatchObject({ created: false });
      expect((await fixture.identities.currentKeyset(first.id))?.jws).toBe(first.jws);
    });

    test('rotates to a higher seq without evidence, and names the earlier key', async () => {
      await fixture.registerByOperation(person.keyset);
      await fixture.identities.find(person.keyset.id);
      const rotated = next({ name: 'alice' });
      await expect(fixture.register(rotated)).resolves.toEqual({ created: false, id: rotated.id, seq: 2 });
      expect((await fixture.identities.currentKeyset(rotated.id))?.enc.thumbprint).toBe(rotated.enc.thumbprint);
      expect((await fixture.audited()).at(-1)).toBe(`identity.rotate proof id/${rotated.id} ok`);
    });

    test.each([
      { name: 'the same seq with another key', seq: 2 },
      { name: 'a lower seq', seq: 1 },
    ])('refuses $name', async ({ seq }) => {
      await fixture.registerByOperation(person.keyset);
      const current = next();
      await fixture.register(current);
      await expect(fixture.register(next({ seq }))).rejects.toEqual(refused('conflict', 'keyset_seq'));
      expect((await fixture.identities.currentKeyset(current.id))?.jws).toBe(current.jws);
    });

    test('refuses a keyset that has expired', async () => {
      const keyset = next({ exp: fixture.clock.nowSeconds() });
      await expect(fixture.registerByOperation(keyset)).rejects.toEqual(refused('bad_key', 'keyset_expired'));
    });

    test('accepts a keyset that expires in a second', async () => {
      const keyset = next({ exp: fixture.clock.nowSeconds() + 1 });
      await expect(fixture.registerByOperation(keyset)).resolves.toMatchObject({ created: true });
    });

    test("refuses an admin's key: no admin role can open or read", async () => {
      const keyset = verifyKeyset(
        createKeyset({ sig: fixture.admin.key, enc: publicOfOpening(generateOpeningKey()), seq: 1, iat: 1 }),
      );
      await expect(fixture.registerByOperation(keyset)).rejects.toEqual(refused('conflict', 'identity_is_admin'));
    });

    test.each([
      { name: 'the permission', permittedId: 'other', requested: 'own', given: 'own' },
      { name: 'the request', permittedId: 'own', requested: 'other', given: 'own' },
      { name: 'the keyset', permittedId: 'own', requested: 'own', given: 'other' },
    ] as const)('is a mistake of the caller when $name is of another', async ({ permittedId, requested, given }) => {
      const keysets = { own: person.keyset, other: makePerson().keyset };
      const { id } = keysets[permittedId];
      const proven = provenCaller({ id }, { keyset: keysets[requested].jws });
      const permitted = permit({ act: 'identity.register', id }, proven, { grants: [], nowSeconds: 0 });
      await expect(fixture.identities.register(permitted, proven, keysets[given])).rejects.toThrow('one identity');
    });

    describe('evidence', () => {
      const sign = (...signed: Parameters<RegistryFixture['sign']>): Evidence => ({
        t: 'op',
        jws: fixture.sign(...signed).jws,
      });

      test.each([
        { name: 'none', evidence: () => undefined, reason: 'evidence_missing' },
        {
          name: 'a binding that is not there',
          evidence: () => ({ t: 'binding', ns: 'a', name: 'b' }) as const,
          reason: 'evidence_binding',
        },
        {
          name: 'an operation for another id',
          evidence: () => sign('identity.put', { id: hash43('other') }),
          reason: 'evidence_op',
        },
        {
          name: 'another operation about this id',
          evidence: () => sign('identity.revoke', { id: person.keyset.id }),
          reason: 'evidence_op',
        },
        {
          name: 'an operation by nobody in particular',
          evidence: () => sign('identity.put', { id: person.keyset.id }, { key: generateSigningKey() }),
          reason: 'evidence_op',
        },
        {
          name: 'an operation by the person itself',
          evidence: () => sign('identity.put', { id: person.keyset.id }, { key: person.key }),
          reason: 'evidence_op',
        },
        {
          name: 'an operation for another instance',
          evidence: () => sign('identity.put', { id: person.keyset.id }, { inst: randomIdentifier() }),
          reason: 'evidence_op',
        },
        {
          name: 'an operation that has ended',
          evidence: () => sign('identity.put', { id: person.keyset.id }, { exp: fixture.clock.nowSeconds() }),
          reason: 'evidence_op',
        },
        {
          name: 'something that is no operation',
          evidence: () => ({ t: 'op', jws: person.keyset.jws }) as const,
          reason: 'evidence_op',
        },
        {
          name: 'a chain while there are no authorities',
          evidence: () => ({ t: 'x509', chain: [leaf] }) as const,
          reason: 'evidence_x509',
        },
      ])('$name is not enough', async ({ evidence, reason }) => {
        await expect(fixture.register(person.keyset, evidence())).rejects.toEqual(refused('denied', reason));
        expect(await fixture.identities.find(person.keyset.id)).toBeUndefined();
      });

      test('an operation is used up by the registration', async () => {
        const evidence = sign('identity.put', { id: person.keyset.id });
        await fixture.register(person.keyset, evidence);
        await fixture.revoke(person.keyset.id);
        await expect(fixture.register(person.keyset, evidence)).rejects.toEqual(refused('denied', 'evidence_used'));
        expect(await fixture.identities.find(person.keyset.id)).toBeUndefined();
      });

      describe('by certificate', () => {
        const keyset = verifyKeyset(certifiedKeyset);
        const trusted = [new X509Certificate(decodeBase64url(authority))];

        test('a chain to a configured authority registers the key of its leaf', async () => {
          fixture = new RegistryFixture(trusted);
          await expect(fixture.register(keyset, { t: 'x509', chain: [leaf] })).resolves.toMatchObject({
            created: true,
          });
        });

        test('it does not register another key', async () => {
          fixture = new RegistryFixture(trusted);
          await expect(fixture.register(person.keyset, { t: 'x509', chain: [leaf] })).rejects.toEqual(
            refused('denied', 'evidence_x509'),
          );
        });

        test('an authority of the same name with another key does not count', async () => {
          fixture = new RegistryFixture([new X509Certificate(decodeBase64url(otherAuthority))]);
          await expect(fixture.register(keyset, { t: 'x509', chain: [leaf] })).rejects.toEqual(
            refused('denied', 'evidence_x509'),
          );
        });

        test('it does not bring back what an admin revoked', async () => {
          fixture = new RegistryFixture(trusted);
          await fixture.register(keyset, { t: 'x509', chain: [leaf] });
          await fixture.revoke(keyset.id);
          await expect(fixture.register(keyset, { t: 'x509', chain: [leaf] })).rejects.toEqual(
            refused('denied', 'identity_revoked'),
          );
        });
      });
    });
  });

  describe('allow()', () => {
    test('lets an id register without further evidence', async () => {
      await fixture.allow(person.keyset.id);
      expect(await fixture.identities.find(person.keyset.id)).toBeUndefined();
      await expect(fixture.register(person.keyset)).resolves.toMatchObject({ created: true });
      expect(await fixture.audited()).toEqual([
        `identity.put admin id/${person.keyset.id} ok`,
        `identity.register proof id/${person.keyset.id} ok`,
      ]);
    });

    test('applies an operation once', async () => {
      const { id } = person.keyset;
      const { once } = fixture.sign('identity.put', { id });
      const permitted = fixture.asAdmin({ act: 'identity.put', id });
      await fixture.identities.allow(permitted, once);
      await fixture.revoke(id);
      await expect(fixture.identities.allow(permitted, once)).rejects.toEqual(refused('conflict', 'operation_applied'));
      await expect(fixture.register(person.keyset)).rejects.toEqual(refused('denied', 'evidence_missing'));
    });

    test('does not make a revoked identity known before it registers again', async () => {
      const { id } = person.keyset;
      await fixture.registerByOperation(person.keyset);
      await fixture.revoke(id);
      await fixture.allow(id);
      expect(await fixture.identities.find(id)).toBeUndefined();
      expect(await fixture.identities.currentKeyset(id)).toBeUndefined();
      await fixture.register(person.keyset);
      expect(await fixture.identities.find(id)).toBeDefined();
    });

    test('is applied once also where the record stays as it is', async () => {
      const { id } = person.keyset;
      await fixture.registerByOperation(person.keyset);
      const { once } = fixture.sign('identity.put', { id });
      const permitted = fixture.asAdmin({ act: 'identity.put', id });
      const outcomes = await Promise.allSettled([1, 2, 3].map(() => fixture.identities.allow(permitted, once)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await fixture.audited()).filter((line) => line.startsWith('identity.put'))).toHaveLength(1);
    });

    test('changes nothing for one that is active', async () => {
      await fixture.registerByOperation(person.keyset);
      await fixture.allow(person.keyset.id);
      expect(await fixture.identities.find(person.keyset.id)).toBeDefined();
    });

    test.each(['identity.put', 'identity.revoke'] as const)('%s is refused for an admin', async (act) => {
      const { id } = fixture.admin.known;
      const { once } = fixture.sign(act, { id });
      const change =
        act === 'identity.put'
          ? fixture.identities.allow(fixture.asAdmin({ act, id }), once)
          : fixture.identities.revoke(fixture.asAdmin({ act, id }), once);
      await expect(change).rejects.toEqual(refused('conflict', 'identity_is_admin'));
    });
  });

  describe('revoke()', () => {
    test('makes an identity unknown at once, and says why to the log', async () => {
      const { id } = person.keyset;
      await fixture.registerByOperation(person.keyset);
      expect(await fixture.identities.find(id)).toBeDefined();
      await fixture.revoke(id);
      expect(await fixture.identities.find(id)).toBeUndefined();
      expect(fixture.identities.wasRevoked(id)).toBe(true);
      expect(await fixture.identities.currentKeyset(id)).toBeUndefined();
      expect((await fixture.audited()).at(-1)).toBe(`identity.revoke admin id/${id} ok`);
    });

    test('an identity that was never there is not called revoked', async () => {
      await fixture.identities.find(person.keyset.id);
      expect(fixture.identities.wasRevoked(person.keyset.id)).toBe(false);
    });

    test('a revoked identity can neither register nor rotate', async () => {
      await fixture.registerByOperation(person.keyset);
      await fixture.revoke(person.keyset.id);
      await expect(fixture.register(person.keyset)).rejects.toEqual(refused('denied', 'evidence_missing'));
      await expect(fixture.register(next())).rejects.toEqual(refused('denied', 'evidence_missing'));
    });

    test.each([
      { name: 'an allowance', how: 'allow' },
      { name: 'an operation as evidence', how: 'evidence' },
    ] as const)('$name made afterwards brings it back, but no older keyset', async ({ how }) => {
      await fixture.registerByOperation(person.keyset);
      const current = next();
      await fixture.register(current);
      await fixture.revoke(current.id);
      if (how === 'allow') await fixture.allow(current.id);
      const again = (keyset: Keyset) =>
        how === 'allow' ? fixture.register(keyset) : fixture.registerByOperation(keyset);
      await expect(again(person.keyset)).rejects.toEqual(refused('conflict', 'keyset_seq'));
      await expect(again(current)).resolves.toMatchObject({ created: true });
      expect(await fixture.identities.find(current.id)).toBeDefined();
    });

    test('an id that is only allowed can be revoked before it registers', async () => {
      await fixture.allow(person.keyset.id);
      await fixture.revoke(person.keyset.id);
      await expect(fixture.register(person.keyset)).rejects.toEqual(refused('denied', 'evidence_missing'));
    });
  });

  describe('read()', () => {
    test('gives the current keyset and is audited', async () => {
      await fixture.registerByOperation(person.keyset);
      await expect(fixture.identities.read(reading(person.keyset.id))).resolves.toEqual({ keyset: person.keyset.jws });
      expect((await fixture.audited()).at(-1)).toBe(`identity.read proof id/${person.keyset.id} ok`);
    });

    test('finds neither strangers, nor revoked identities, nor admins', async () => {
      await fixture.registerByOperation(person.keyset);
      await fixture.revoke(person.keyset.id);
      for (const id of [hash43('stranger'), person.keyset.id, fixture.admin.known.id]) {
        await expect(fixture.identities.read(reading(id))).rejects.toEqual(refused('not_found', 'identity_unknown'));
      }
    });

    function reading(id: string) {
      return permit({ act: 'identity.read', id }, provenCaller({}, undefined), { grants: [], nowSeconds: 0 });
    }
  });

  test('list() shows every identity and its standing, and is audited', async () => {
    const people = [person, makePerson(), makePerson()] as const;
    await fixture.registerByOperation(people[0].keyset);
    await fixture.register(next({ name: 'alice' }));
    await fixture.registerByOperation(people[1].keyset);
    await fixture.revoke(people[1].keyset.id);
    await fixture.allow(people[2].keyset.id);
    const at = fixture.clock.nowSeconds();
    const listed = await fixture.identities.list(fixture.asAdmin({ act: 'identity.list' }, 'proof'));
    expect(new Map(listed.map((summary) => [summary.id, summary]))).toEqual(
      new Map<string, object>([
        [people[0].keyset.id, { id: people[0].keyset.id, st: 'active', at, seq: 2, name: 'alice' }],
        [people[1].keyset.id, { id: people[1].keyset.id, st: 'revoked', at, seq: 1 }],
        [people[2].keyset.id, { id: people[2].keyset.id, st: 'allowed', at }],
      ]),
    );
    expect((await fixture.audited()).at(-1)).toBe('identity.list proof id ok');
  });

  describe('lookups', () => {
    test('are synchronous and read no store once an identity is known', async () => {
      await fixture.registerByOperation(person.keyset);
      const first = await fixture.identities.find(person.keyset.id);
      const { calls } = fixture.store;
      const second = fixture.identities.find(person.keyset.id);
      expect(second).toBe(first);
      expect(fixture.store.calls).toBe(calls);
    });

    test('an admin is found without a record', () => {
      expect(fixture.identities.find(fixture.admin.known.id)).toBe(fixture.admin.known);
    });

    test('another replica sees a revocation when it is told to look again', async () => {
      await fixture.registerByOperation(person.keyset);
      const other = fixture.otherIdentities();
      expect(await other.find(person.keyset.id)).toBeDefined();
      await fixture.revoke(person.keyset.id);
      other.invalidate();
      expect(await other.find(person.keyset.id)).toBeUndefined();
    });

    test('an answer that was on its way during a revocation is not kept', async () => {
      await fixture.registerByOperation(person.keyset);
      fixture.identities.invalidate();
      const looking = Promise.resolve(fixture.identities.find(person.keyset.id));
      fixture.identities.invalidate(person.keyset.id);
      await looking;
      const { calls } = fixture.store;
      await fixture.identities.find(person.keyset.id);
      expect(fixture.store.calls).toBeGreaterThan(calls);
    });

    test('a record that was moved to another id is not believed', async () => {
      const thief = makePerson();
      await fixture.registerByOperation(person.keyset);
      const [from, to] = [`id/${person.keyset.id}`, `id/${thief.keyset.id}`];
      const { entries } = await fixture.memory.range({ key: fixture.barrier.keyOf(from) });
      const clear = fixture.barrier.open(from, entries[0]!.value);
      const value = fixture.barrier.seal(to, clear);
      await fixture.memory.transact({ compare: [], then: [{ do: 'put', key: fixture.barrier.keyOf(to), value }] });
      await expect(Promise.resolve(fixture.identities.find(thief.keyset.id))).rejects.toEqual(
        refused('internal', 'storage_integrity'),
      );
    });

    test('no name and no key can be read in the store', async () => {
      await fixture.registerByOperation(next({ seq: 1, name: 'recognisable-name' }));
      const { entries } = await fixture.memory.range({ prefix: '', limit: 1000 });
      const bytes = entries.map(({ key, value }) => key + Buffer.from(value).toString('latin1')).join('\n');
      expect(entries.length).toBeGreaterThan(2);
      for (const name of ['recognisable-name', person.keyset.id, 'keyset', 'identity'])
        expect(bytes).not.toContain(name);
    });
  });

  describe('a store that fails', () => {
    const transactions = (fault: 'answer_lost' | 'lost' | 'sent_twice') => {
      let left = 1;
      fixture.store.choose = ({ transaction }) => {
        if (transaction === undefined || left === 0) return 'none';
        left -= 1;
        return fault;
      };
    };

    test.each(['answer_lost', 'lost', 'sent_twice'] as const)(
      '%s: registered once and recorded once',
      async (fault) => {
        transactions(fault);
        await expect(fixture.registerByOperation(person.keyset)).resolves.toMatchObject({ created: true });
        expect(await fixture.identities.find(person.keyset.id)).toBeDefined();
        const registered = (await fixture.audited()).filter((line) => line.startsWith('identity.register'));
        expect(registered).toHaveLength(1);
      },
    );

    test('no answer at all is unavailable, and nothing is kept in the cache', async () => {
      await fixture.registerByOperation(person.keyset);
      await fixture.identities.find(person.keyset.id);
      fixture.store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'answer_lost');
      await expect(fixture.revoke(person.keyset.id)).rejects.toEqual(expect.objectContaining({ code: 'unavailable' }));
      expect(await fixture.identities.find(person.keyset.id)).toBeUndefined();
    });

    test('changes that always lose to others are given up', async () => {
      const inner = new MemoryStore();
      const never = {
        range: inner.range.bind(inner),
        transact: async () => ({ succeeded: false, revision: 1, entries: [undefined] }),
      };
      const identities = fixture.otherIdentities([], never);
      const jws = fixture.sign('identity.put', { id: person.keyset.id }).jws;
      await expect(fixture.register(person.keyset, { t: 'op', jws }, identities)).rejects.toEqual(
        refused('unavailable', 'store_contention'),
      );
    });
  });

  test('two registrations at once make one identity', async () => {
    await fixture.allow(person.keyset.id);
    const results = await Promise.all([fixture.register(person.keyset), fixture.register(person.keyset)]);
    expect(results.filter(({ created }) => created)).toHaveLength(1);
  });

  describe('applyInitial()', () => {
    const mark = () => fixture.memory.transact({ compare: [], then: [markInitial(fixture.barrier)] });
    const apply = async (initial: InitialState) => {
      await mark();
      return applyInitial(initial, fixture);
    };

    test('registers what the configuration names, audited as such', async () => {
      const grant = { who: person.keyset.id, verbs: ['wrap'], path: 'team-a' } as const;
      expect(await apply({ identities: [person.keyset.jws], grants: [grant] })).toBe(true);
      expect(await fixture.identities.find(person.keyset.id)).toBeDefined();
      expect(await fixture.grants.of(person.keyset.id)).toEqual([grant]);
      expect(await fixture.audited()).toEqual([
        `identity.register configuration id/${person.keyset.id} ok`,
        `grant.put configuration grant/${person.keyset.id} ok`,
      ]);
    });

    test('does not bring back what an admin revoked', async () => {
      await fixture.registerByOperation(person.keyset);
      await fixture.revoke(person.keyset.id);
      await apply({ identities: [person.keyset.jws], grants: [] });
      expect(await fixture.identities.find(person.keyset.id)).toBeUndefined();
    });

    test('does nothing without the mark, which it takes away', async () => {
      const initial = { identities: [person.keyset.jws], grants: [] };
      expect(await applyInitial(initial, fixture)).toBe(false);
      expect(await fixture.identities.find(person.keyset.id)).toBeUndefined();
      expect(await apply(initial)).toBe(true);
      expect(await applyInitial(initial, fixture)).toBe(false);
    });

    test('takes no mark that somebody else wrote', async () => {
      const { key } = markInitial(fixture.barrier);
      const put = { do: 'put', key, value: new Uint8Array(40) } as const;
      await fixture.memory.transact({ compare: [], then: [put] });
      await expect(applyInitial({ identities: [], grants: [] }, fixture)).rejects.toEqual(
        expect.objectContaining({ code: 'internal' }),
      );
    });

    test('does not change a grant that an admin gave meanwhile', async () => {
      const grant = { who: person.keyset.id, verbs: ['wrap'], path: 'team-a' } as const;
      await fixture.grants.applyConfigured({ ...grant, verbs: ['read'] });
      await apply({ identities: [], grants: [grant] });
      expect(await fixture.grants.of(person.keyset.id)).toEqual([{ ...grant, verbs: ['read'] }]);
    });

    test("refuses an admin's keyset and one that does not verify", async () => {
      const keyset = createKeyset({
        sig: fixture.admin.key,
        enc: publicOfOpening(generateOpeningKey()),
        seq: 1,
        iat: 1,
      });
      await expect(apply({ identities: [keyset], grants: [] })).rejects.toEqual(
        refused('conflict', 'identity_is_admin'),
      );
      const spoilt = person.keyset.jws.slice(0, -8) + 'AAAAAAAA';
      await expect(apply({ identities: [spoilt], grants: [] })).rejects.toEqual(
        expect.objectContaining({ code: 'bad_proof' }),
      );
    });
  });
});
