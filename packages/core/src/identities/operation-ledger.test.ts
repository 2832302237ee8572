import { beforeEach, describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import { ProblemError } from '@letterlock/protocol';
import type { Entry } from '../store/index.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const [anna, ben, carla] = ['anna', 'ben', 'carla'].map((name) => hash43(name)) as [string, string, string];

describe('OperationLedger', () => {
  let fixture: RegistryFixture;
  beforeEach(() => {
    fixture = new RegistryFixture();
  });
  const apply = async (name: string, exp: number) => {
    const once = { oh: hash43(name), exp, signers: [anna] };
    const { compare, then } = await fixture.ledger.claim(once);
    await fixture.memory.transact({ compare, then });
    return once;
  };

  test('an operation is applied once', async () => {
    const once = { oh: hash43('a'), exp: fixture.clock.nowSeconds() + 600, signers: [anna] };
    expect(await fixture.ledger.isApplied(once)).toBe(false);
    await apply('a', once.exp);
    expect(await fixture.ledger.isApplied(once)).toBe(true);
    await expect(fixture.ledger.claim(once)).rejects.toEqual(
      expect.objectContaining({ code: 'conflict', reason: 'operation_applied' }),
    );
  });

  describe('applyOnce()', () => {
    const signers = [anna, ben];
    const put = { do: 'put', key: 'changed', value: Buffer.of(1) } as const;
    const change = (once: Parameters<typeof fixture.ledger.claim>[0]) =>
      fixture.ledger.applyOnce(once, async () => {
        const { compare, then } = await fixture.ledger.claim(once);
        await fixture.memory.transact({ compare, then: [...then, put] });
      });

    test.each([
      { name: 'as it was', again: signers },
      { name: 'with its signatures in another order', again: [ben, anna] },
    ])('answers an operation again $name, and applies it once', async ({ again }) => {
      const once = { oh: hash43('a'), exp: fixture.clock.nowSeconds() + 600, signers };
      await change(once);
      await fixture.memory.transact({ compare: [], then: [{ do: 'delete', key: put.key }] });
      await change({ ...once, signers: again });
      expect((await fixture.memory.range({ key: put.key })).entries).toEqual([]);
    });

    test.each([
      { name: 'others', again: [anna, carla] },
      { name: 'more', again: [anna, ben, carla] },
      { name: 'fewer', again: [anna] },
    ])('refuses it when $name signed it', async ({ again }) => {
      const once = { oh: hash43('a'), exp: fixture.clock.nowSeconds() + 600, signers };
      await change(once);
      await expect(change({ ...once, signers: again })).rejects.toEqual(
        expect.objectContaining({ code: 'conflict', reason: 'operation_applied' }),
      );
    });

    test('does not take another conflict for it', async () => {
      const once = { oh: hash43('a'), exp: fixture.clock.nowSeconds() + 600, signers };
      await change(once);
      const other = new ProblemError('conflict', { reason: 'grants_limit' });
      await expect(fixture.ledger.applyOnce(once, () => Promise.reject(other))).rejects.toBe(other);
    });
  });

  test('of two claims made before either was applied, only one transaction succeeds', async () => {
    const once = { oh: hash43('a'), exp: fixture.clock.nowSeconds() + 600, signers: [anna] };
    const claims = [await fixture.ledger.claim(once), await fixture.ledger.claim(once)];
    const outcomes = [];
    for (const { compare, then } of claims) outcomes.push((await fixture.memory.transact({ compare, then })).succeeded);
    expect(outcomes).toEqual([true, false]);
  });

  test('is not forgotten while any clock within 300 s still accepts it, and then is', async () => {
    const once = await apply('a', fixture.clock.nowSeconds() + 600);
    fixture.clock.advance(600 + 299);
    expect(await fixture.ledger.sweep({ limit: 10 })).toEqual({ deleted: 0, damaged: 0 });
    expect(await fixture.ledger.isApplied(once)).toBe(true);
    fixture.clock.advance(1);
    expect(await fixture.ledger.sweep({ limit: 10 })).toEqual({ deleted: 1, damaged: 0 });
    expect(await fixture.ledger.isApplied(once)).toBe(false);
  });

  test('a sweep goes on where it stopped, and leaves what is valid', async () => {
    const now = fixture.clock.nowSeconds();
    for (let number = 0; number < 5; number += 1) await apply(`ended ${number}`, now);
    const valid = await apply('valid', now + 600);
    fixture.clock.advance(300);
    let deleted = 0;
    let after: string | undefined;
    do {
      const swept = await fixture.ledger.sweep({ limit: 2, ...(after === undefined ? {} : { after }) });
      deleted += swept.deleted;
      ({ after } = swept);
    } while (after !== undefined);
    expect(deleted).toBe(5);
    expect(await fixture.ledger.isApplied(valid)).toBe(true);
    expect(fixture.memory.size).toBe(1);
  });

  test('a damaged record is counted, kept, and holds up no other', async () => {
    const now = fixture.clock.nowSeconds();
    for (let number = 0; number < 3; number += 1) await apply(`ended ${number}`, now);
    const { entries } = await fixture.memory.range({ prefix: fixture.barrier.keyOf('op'), limit: 1 });
    const [{ key, value }] = entries as [Entry];
    await fixture.memory.transact({ compare: [], then: [{ do: 'put', key, value: value.slice(0, -1) }] });
    fixture.clock.advance(300);
    expect(await fixture.ledger.sweep({ limit: 10 })).toEqual({ deleted: 2, damaged: 1 });
    expect(await fixture.ledger.sweep({ limit: 10 })).toEqual({ deleted: 0, damaged: 1 });
    expect(await fixture.memory.range({ key })).toMatchObject({ entries: [{ key }] });
  });
});
