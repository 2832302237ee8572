import { beforeEach, describe, expect, test } from '@jest/globals';
import { openBindingKey, publicOf } from '@letterlock/crypto';
import type { BindingKeys } from './binding-keys.ts';
import { BindingWorld, instanceKey } from './testing/binding-world.ts';

let world: BindingWorld;
let keys: BindingKeys;
beforeEach(() => {
  world = new BindingWorld();
  keys = world.keys;
});
const bnd = 'shop/orders-db';
const place = ['shop', 'orders-db'] as const;

describe('BindingKeys', () => {
  test('makes one key for each binding, once', async () => {
    const first = await keys.ensure(...place);
    await expect(keys.ensure(...place)).resolves.toEqual(first);
    expect(first).toMatchObject({ generation: 1, createdAtSeconds: world.clock.nowSeconds() });
    const other = await keys.ensure('shop', 'other');
    expect(other.kid).not.toBe(first.kid);
  });

  test('makes one key for all who ask at once', async () => {
    const made = await Promise.all([keys.ensure(...place), keys.ensure(...place), keys.ensure(...place)]);
    expect(new Set(made.map(({ kid }) => kid)).size).toBe(1);
  });

  test('goes on opening with older keys after a rotation', async () => {
    const first = await keys.ensure(...place);
    const second = await keys.rotate(...place);
    expect(second).toMatchObject({ generation: 2 });
    await expect(keys.currentOf(...place)).resolves.toEqual(second);
    for (const { kid } of [first, second]) {
      expect((await keys.openingKeyOf(bnd, kid))?.thumbprint).toBe(kid);
    }
  });

  test('is due for another after ninety days', async () => {
    const key = await keys.ensure(...place);
    world.clock.advance(90 * 86_400 - 1);
    expect(keys.isDue(key)).toBe(false);
    world.clock.advance(1);
    expect(keys.isDue(key)).toBe(true);
  });

  test('gives a key for its own binding alone', async () => {
    const { kid } = await keys.ensure(...place);
    await keys.ensure('shop', 'other');
    await expect(keys.openingKeyOf('shop/other', kid)).resolves.toBeUndefined();
    await expect(keys.openingKeyOf('bank/orders-db', kid)).resolves.toBeUndefined();
  });

  test('states the newest key, for a week', async () => {
    await keys.ensure(...place);
    const { kid } = await keys.rotate(...place);
    const statement = await keys.statement(...place);
    const expected = { nowSeconds: world.clock.nowSeconds() + 7 * 86_400, bnd };
    const { key, seq, recipients } = openBindingKey(statement, publicOf(instanceKey), expected);
    expect(recipients).toEqual([]);
    const selectors = ['b', 'a'].map((sa) => `spiffe://test.example/ns/shop/sa/${sa}`);
    const told = openBindingKey(
      await keys.statement(...place, { recipients: selectors }),
      publicOf(instanceKey),
      expected,
    );
    expect(told.recipients).toEqual(selectors.toSorted());
    expect({ kid: key.thumbprint, seq }).toEqual({ kid, seq: 2 });
    await expect(keys.statement('shop', 'nobody')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is a new one after ninety days, and the older one goes on opening', async () => {
    const first = await keys.fresh(...place);
    world.clock.advance(90 * 86_400 - 1);
    await expect(keys.fresh(...place)).resolves.toEqual(first);
    world.clock.advance(1);
    const second = await keys.fresh(...place);
    expect(second.generation).toBe(2);
    expect((await keys.openingKeyOf(bnd, first.kid))?.thumbprint).toBe(first.kid);
    await expect(keys.fresh(...place)).resolves.toEqual(second);
  });

  test('destroys all keys of a binding and of no other', async () => {
    const { kid } = await keys.ensure(...place);
    await keys.rotate(...place);
    const other = await keys.ensure('shop', 'other');
    await keys.destroy(...place);
    await keys.destroy(...place);
    await expect(keys.openingKeyOf(bnd, kid)).resolves.toBeUndefined();
    await expect(keys.currentOf('shop', 'other')).resolves.toEqual(other);
  });

  test('notices a key that was put in another binding’s place', async () => {
    await keys.ensure(...place);
    await keys.ensure('shop', 'other');
    const key = world.barrier.keyOf(`bk/${bnd}/1`);
    const [entry] = (await world.store.range({ key })).entries;
    const there = world.barrier.keyOf('bk/shop/other/1');
    await world.store.transact({ compare: [], then: [{ do: 'put', key: there, value: entry!.value }] });
    await expect(keys.currentOf('shop', 'other')).rejects.toMatchObject({ code: 'internal' });
  });

  test('notices an older key that was put in a newer one’s place', async () => {
    await keys.ensure(...place);
    await keys.rotate(...place);
    const [entry] = (await world.store.range({ key: world.barrier.keyOf(`bk/${bnd}/1`) })).entries;
    const there = world.barrier.keyOf(`bk/${bnd}/2`);
    await world.store.transact({ compare: [], then: [{ do: 'put', key: there, value: entry!.value }] });
    await expect(keys.currentOf(...place)).rejects.toMatchObject({ code: 'internal', reason: 'storage_integrity' });
  });

  test('stores no key in clear', async () => {
    await keys.ensure(...place);
    for (const { value } of world.store.dump()) {
      expect(Buffer.from(value).toString('latin1')).not.toContain('orders-db');
    }
  });
});
