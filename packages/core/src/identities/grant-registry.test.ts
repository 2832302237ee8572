import { beforeEach, describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import type { Grant } from '@letterlock/protocol';
import { GrantRegistry } from './grant-registry.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const who = hash43('somebody');
const workload = 'spiffe://prod.example/ns/team-a/sa/app';
const grant: Grant = { who, verbs: ['wrap', 'write'], path: 'team-a/db' };

describe('GrantRegistry', () => {
  let fixture: RegistryFixture;
  beforeEach(() => {
    fixture = new RegistryFixture();
  });
  const put = (given: Grant) => {
    const { once } = fixture.sign('grant.put', given);
    return fixture.grants.put(fixture.asAdmin({ act: 'grant.put', who: given.who, path: given.path }), given, once);
  };
  const remove = (from: string, path: string) => {
    const { once } = fixture.sign('grant.delete', { who: from, path });
    return fixture.grants.delete(fixture.asAdmin({ act: 'grant.delete', who: from, path }), once);
  };
  const list = () => fixture.grants.list(fixture.asAdmin({ act: 'grant.list' }, 'proof'));

  test('nobody has a grant to begin with', async () => {
    expect(await fixture.grants.of(who)).toEqual([]);
    expect(await list()).toEqual([]);
  });

  test.each([
    { name: 'an identity', given: grant },
    { name: 'a workload', given: { ...grant, who: workload } },
    { name: 'somebody, with an end', given: { ...grant, until: 1_800_000_000 } },
  ])('gives a grant to $name, seen at once and audited', async ({ given }) => {
    await fixture.grants.of(given.who);
    await put(given);
    expect(await fixture.grants.of(given.who)).toEqual([given]);
    expect(await fixture.audited()).toEqual([`grant.put admin grant/${given.who} ok`]);
  });

  test('replaces the grant of the same grantee and path', async () => {
    await put(grant);
    await put({ ...grant, verbs: ['read'] });
    expect(await fixture.grants.of(who)).toEqual([{ ...grant, verbs: ['read'] }]);
  });

  test('keeps grants on other paths and of other grantees apart', async () => {
    await put(grant);
    await put({ ...grant, path: 'team-a' });
    await put({ ...grant, who: workload });
    expect(await fixture.grants.of(who)).toEqual([{ ...grant, path: 'team-a' }, grant]);
    expect(await fixture.grants.of(workload)).toEqual([{ ...grant, who: workload }]);
    expect(await fixture.grants.of(hash43('another'))).toEqual([]);
  });

  test('takes one grant away, and nothing else', async () => {
    await put(grant);
    await put({ ...grant, path: 'team-a' });
    await fixture.grants.of(who);
    await remove(who, 'team-a');
    expect(await fixture.grants.of(who)).toEqual([grant]);
    expect((await fixture.audited()).at(-1)).toBe(`grant.delete admin grant/${who} ok`);
  });

  test('taking away what is not there is recorded and changes nothing', async () => {
    await remove(who, 'team-a');
    expect(await fixture.grants.of(who)).toEqual([]);
    expect(await fixture.audited()).toEqual([`grant.delete admin grant/${who} ok`]);
  });

  test('applies an operation once: a replay does not bring a grant back', async () => {
    const { once } = fixture.sign('grant.put', grant);
    const permitted = fixture.asAdmin({ act: 'grant.put', who, path: grant.path });
    await fixture.grants.put(permitted, grant, once);
    await remove(who, grant.path);
    await expect(fixture.grants.put(permitted, grant, once)).rejects.toEqual(
      expect.objectContaining({ code: 'conflict', reason: 'operation_applied' }),
    );
    expect(await fixture.grants.of(who)).toEqual([]);
  });

  test('the same operation at two replicas at once is applied once', async () => {
    const { once } = fixture.sign('grant.put', grant);
    const permitted = fixture.asAdmin({ act: 'grant.put', who, path: grant.path });
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => fixture.grants.put(permitted, grant, once)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('different operations at once are all applied', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map((path) => put({ ...grant, path })));
    expect((await fixture.grants.of(who)).map(({ path }) => path)).toEqual(['a', 'b', 'c', 'd']);
  });

  test.each([
    { name: 'grantee', change: { who: workload } },
    { name: 'path', change: { path: 'elsewhere' } },
  ])('a permission for another $name is a mistake of the caller', async ({ change }) => {
    const { once } = fixture.sign('grant.put', grant);
    const permitted = fixture.asAdmin({ act: 'grant.put', who, path: grant.path });
    await expect(fixture.grants.put(permitted, { ...grant, ...change }, once)).rejects.toThrow('another');
  });

  test('a grantee has at most 256 grants', async () => {
    for (let number = 0; number < 256; number += 1)
      await fixture.grants.applyConfigured({ ...grant, path: `p/${number}` });
    await expect(put({ ...grant, path: 'one/more' })).rejects.toEqual(
      expect.objectContaining({ code: 'conflict', reason: 'grants_limit' }),
    );
    await expect(put({ ...grant, path: 'p/7' })).resolves.toBeUndefined();
  });

  test('list() gives all grants by grantee and path, and is audited', async () => {
    await put({ ...grant, who: workload });
    await put(grant);
    await put({ ...grant, path: 'team-a' });
    expect(await list()).toEqual([{ ...grant, path: 'team-a' }, grant, { ...grant, who: workload }]);
    expect((await fixture.audited()).at(-1)).toBe('grant.list proof grant ok');
  });

  test('list() pages through more grantees than one page holds', async () => {
    for (let number = 0; number < 501; number += 1) {
      await fixture.grants.applyConfigured({ ...grant, who: hash43(String(number)) });
    }
    expect(new Set((await list()).map((each) => each.who)).size).toBe(501);
  });

  test('reads no store for a grantee that was asked for before, with grants or without', async () => {
    await put(grant);
    await fixture.grants.of(who);
    await fixture.grants.of(workload);
    const { calls } = fixture.store;
    await fixture.grants.of(who);
    await fixture.grants.of(workload);
    expect(fixture.store.calls).toBe(calls);
  });

  test('sees what another replica wrote when it is told to look again', async () => {
    await fixture.grants.of(who);
    await new GrantRegistry(fixture).applyConfigured(grant);
    expect(await fixture.grants.of(who)).toEqual([]);
    fixture.grants.invalidate();
    expect(await fixture.grants.of(who)).toEqual([grant]);
  });

  test('a record that was moved to another grantee is not believed', async () => {
    await put(grant);
    const to = `grant/${hash43('thief')}/0`;
    const from = `grant/${who}/0`;
    const { entries } = await fixture.memory.range({ key: fixture.barrier.keyOf(from) });
    const value = fixture.barrier.seal(to, fixture.barrier.open(from, entries[0]!.value));
    await fixture.memory.transact({ compare: [], then: [{ do: 'put', key: fixture.barrier.keyOf(to), value }] });
    await expect(fixture.grants.of(hash43('thief'))).rejects.toEqual(
      expect.objectContaining({ code: 'internal', reason: 'storage_integrity' }),
    );
  });

  test.each(['answer_lost', 'lost', 'sent_twice'] as const)('%s: granted once and recorded once', async (fault) => {
    let left = 1;
    fixture.store.choose = ({ transaction }) => (transaction !== undefined && left-- > 0 ? fault : 'none');
    await put(grant);
    expect(await fixture.grants.of(who)).toEqual([grant]);
    expect((await fixture.audited()).filter((line) => line.startsWith('grant.put'))).toHaveLength(1);
  });
});
