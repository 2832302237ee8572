import { describe, expect, test } from '@jest/globals';
import type { Keyset } from '@letterlock/crypto';
import { AuditTrail, NewsFollower, newsParent, type AuditFacts } from '../audit/index.ts';
import { makePerson } from '../proof/testing/proof-fixture.ts';
import { FaultyStore } from '../store/testing/faulty-store.ts';
import { forgetChanged, forgetEverything } from './forget-changed.ts';
import { GrantRegistry } from './grant-registry.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const path = 'team-a/db';

/** Another replica on the store of the fixture, where every change is made. */
class OtherReplica {
  readonly store: FaultyStore;
  readonly audit: AuditTrail;
  readonly identities: RegistryFixture['identities'];
  readonly grants: GrantRegistry;
  readonly follower: NewsFollower;

  constructor(fixture: RegistryFixture, replica = 'BBBBBBBBBBB') {
    const { barrier, clock, memory } = fixture;
    this.store = new FaultyStore(memory);
    this.audit = new AuditTrail({ replica, barrier, clock });
    this.identities = fixture.otherIdentities([], this.store);
    this.grants = new GrantRegistry({ store: this.store, barrier, audit: this.audit, clock });
    this.follower = new NewsFollower({ store: this.store, barrier, clock, replica });
  }

  async look(): Promise<void> {
    forgetChanged(await this.follower.look(), this);
  }

  /** Whether an answer is still kept: reading it again would need the store. */
  async keeps(...ids: readonly string[]): Promise<readonly boolean[]> {
    const kept: boolean[] = [];
    for (const id of ids) {
      const calls = this.store.calls;
      await this.identities.find(id);
      kept.push(this.store.calls === calls);
    }
    return kept;
  }
}

async function world(): Promise<{ fixture: RegistryFixture; other: OtherReplica; alice: Keyset; bob: Keyset }> {
  const fixture = new RegistryFixture();
  const [alice, bob] = [makePerson().keyset, makePerson().keyset];
  await fixture.registerByOperation(alice);
  await fixture.registerByOperation(bob);
  const other = new OtherReplica(fixture);
  await other.look();
  // Both are kept from here on.
  await other.identities.find(alice.id);
  await other.identities.find(bob.id);
  return { fixture, other, alice, bob };
}

async function putGrant(fixture: RegistryFixture, who: string): Promise<void> {
  const grant = { who, path, verbs: ['read'] as const };
  await fixture.grants.put(
    fixture.asAdmin({ act: 'grant.put', path, who }),
    grant,
    fixture.sign('grant.put', grant).once,
  );
}

async function deleteGrant(fixture: RegistryFixture, who: string): Promise<void> {
  const args = { path, who };
  await fixture.grants.delete(
    fixture.asAdmin({ act: 'grant.delete', ...args }),
    fixture.sign('grant.delete', args).once,
  );
}

async function newsKeys(fixture: RegistryFixture): Promise<number> {
  const prefix = `${fixture.barrier.keyOf(newsParent)}/`;
  return (await fixture.memory.range({ prefix, limit: 1000 })).entries.length;
}

describe('a replica that follows another one', () => {
  test('forgets exactly the identity that was revoked elsewhere', async () => {
    const { fixture, other, alice, bob } = await world();
    await fixture.revoke(alice.id);
    expect(await other.identities.find(alice.id)).toBeDefined();
    await other.look();
    expect(await other.keeps(bob.id)).toEqual([true]);
    expect(await other.identities.find(alice.id)).toBeUndefined();
    expect(other.identities.wasRevoked(alice.id)).toBe(true);
  });

  test('forgets a revocation that was taken back elsewhere', async () => {
    const { fixture, other, alice } = await world();
    await fixture.revoke(alice.id);
    await other.look();
    await other.identities.find(alice.id);
    await fixture.allow(alice.id);
    await fixture.register(alice);
    await other.look();
    expect(await other.identities.find(alice.id)).toBeDefined();
  });

  test('forgets exactly the grants that were changed elsewhere', async () => {
    const { fixture, other, alice, bob } = await world();
    await putGrant(fixture, alice.id);
    await putGrant(fixture, bob.id);
    await other.look();
    expect(await other.grants.of(alice.id)).toHaveLength(1);
    expect(await other.grants.of(bob.id)).toHaveLength(1);
    await deleteGrant(fixture, alice.id);
    expect(await other.grants.of(alice.id)).toHaveLength(1);
    await other.look();
    const calls = other.store.calls;
    expect(await other.grants.of(bob.id)).toHaveLength(1);
    expect(other.store.calls).toBe(calls);
    expect(await other.grants.of(alice.id)).toEqual([]);
  });

  test('is told each piece of news once, and its own never', async () => {
    const { fixture, other, alice } = await world();
    await fixture.revoke(alice.id);
    expect(await other.follower.look()).toMatchObject({
      records: [{ act: 'identity.revoke', obj: `id/${alice.id}`, rep: fixture.audit.replica }],
      mayHaveMissed: false,
    });
    expect(await other.follower.look()).toEqual({ records: [], mayHaveMissed: false });
    const { barrier, clock, memory } = fixture;
    const own = new NewsFollower({ store: memory, barrier, clock, replica: fixture.audit.replica });
    expect(await own.look()).toEqual({ records: [], mayHaveMissed: false });
  });

  test('hears nothing of acts that change nothing for it, nor of refusals', async () => {
    const { fixture, other, alice } = await world();
    const before = await newsKeys(fixture);
    const facts = (act: AuditFacts['act'], outcome: AuditFacts['outcome']): AuditFacts => ({
      act,
      who: alice.id,
      factor: 'proof',
      listener: 'direct',
      cb: 'exporter',
      obj: `id/${alice.id}`,
      outcome,
      reason: outcome,
      req: 'request-1',
    });
    await fixture.audit.record(fixture.store, facts('identity.read', 'ok'));
    await fixture.audit.record(fixture.store, facts('identity.revoke', 'refused'));
    expect(await newsKeys(fixture)).toBe(before);
    expect((await other.follower.look()).records).toEqual([]);
  });

  test('takes news away when every replica has had the time to see it', async () => {
    const { fixture, other } = await world();
    expect(await newsKeys(fixture)).toBe(2);
    for (let second = 0; second < 9; second += 1) {
      fixture.clock.advance(1);
      await other.look();
    }
    expect(await newsKeys(fixture)).toBe(2);
    fixture.clock.advance(1);
    await other.look();
    expect(await newsKeys(fixture)).toBe(0);
  });

  test('forgets everything after a pause in which news may have come and gone', async () => {
    const { fixture, other, alice, bob } = await world();
    const third = new OtherReplica(fixture, 'CCCCCCCCCCC');
    await fixture.revoke(alice.id);
    for (let second = 0; second < 11; second += 1) {
      await third.look();
      fixture.clock.advance(1);
    }
    expect(await newsKeys(fixture)).toBe(0);
    await other.look();
    expect(await other.identities.find(alice.id)).toBeUndefined();
    expect(await other.keeps(bob.id)).toEqual([false]);
  });

  test('misses nothing in a pause that is not longer than five seconds', async () => {
    const { fixture, other, bob } = await world();
    fixture.clock.advance(5);
    await other.look();
    expect(await other.keeps(bob.id)).toEqual([true]);
  });

  test.each([
    { name: 'an act that it does not know', act: 'identity.rename', obj: 'id/x' },
    { name: 'an object that it does not understand', act: 'grant.put', obj: 'grants' },
    { name: 'an act named like a member of every object', act: 'constructor', obj: 'id/x' },
  ])('forgets everything at $name', async ({ act, obj }) => {
    const { fixture, other, alice, bob } = await world();
    const facts = { act, obj } as unknown as AuditFacts;
    const record = { who: 'x', factor: 'proof', listener: 'direct', cb: 'none', outcome: 'ok', reason: 'ok', req: 'r' };
    const prepared = fixture.audit.prepare({ ...record, ...facts });
    const { barrier, memory } = fixture;
    const key = barrier.keyOf(`${newsParent}/AAAAAAAAAAA/1000`);
    const bytes = barrier.open(`au/AAAAAAAAAAA/${prepared.seq}`, (prepared.put as { value: Uint8Array }).value);
    await memory.transact({ compare: [], then: [{ do: 'put', key, value: barrier.seal(newsParent, bytes) }] });
    await other.look();
    expect(await other.keeps(alice.id, bob.id)).toEqual([false, false]);
  });

  test('forgets everything at news that cannot be read', async () => {
    const { fixture, other, alice, bob } = await world();
    const { barrier, memory } = fixture;
    const key = barrier.keyOf(`${newsParent}/AAAAAAAAAAA/1000`);
    await memory.transact({ compare: [], then: [{ do: 'put', key, value: barrier.seal('other', new Uint8Array(4)) }] });
    await other.look();
    expect(await other.keeps(alice.id, bob.id)).toEqual([false, false]);
    // Once.
    await other.look();
    expect(await other.keeps(alice.id, bob.id)).toEqual([true, true]);
  });

  test('reads page by page, and gives up beyond what one look may take', async () => {
    const { fixture, other } = await world();
    const { barrier, memory, audit } = fixture;
    const facts = { act: 'grant.put', obj: 'grant/x', who: 'x' } as unknown as AuditFacts;
    const rest = { factor: 'admin', listener: 'direct', cb: 'none', outcome: 'ok', reason: 'ok', req: 'r' };
    const prepared = audit.prepare({ ...rest, ...facts });
    const bytes = barrier.open(`au/AAAAAAAAAAA/${prepared.seq}`, (prepared.put as { value: Uint8Array }).value);
    const putMany = async (from: number, count: number): Promise<void> => {
      for (let n = from; n < from + count; n += 1) {
        const key = barrier.keyOf(`${newsParent}/AAAAAAAAAAA/${1000 + n}`);
        await memory.transact({ compare: [], then: [{ do: 'put', key, value: barrier.seal(newsParent, bytes) }] });
      }
    };
    await putMany(0, 600);
    const some = await other.follower.look();
    expect(some.records).toHaveLength(600);
    expect(some.mayHaveMissed).toBe(false);
    await putMany(600, 4000);
    expect(await other.follower.look()).toMatchObject({ mayHaveMissed: true });
  });

  test('tells of a look that failed, and forgets everything then', async () => {
    const { other, alice, bob } = await world();
    other.store.choose = () => 'lost';
    await expect(other.look()).rejects.toMatchObject({ code: 'unavailable' });
    other.store.choose = () => 'none';
    forgetEverything(other);
    expect(await other.keeps(alice.id, bob.id)).toEqual([false, false]);
  });
});
