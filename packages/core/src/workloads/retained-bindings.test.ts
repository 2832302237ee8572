import { beforeEach, describe, expect, test } from '@jest/globals';
import { randomIdentifier } from '@letterlock/crypto';
import { liveBinding } from '../policy/testing/fake-bindings.ts';
import { envelopePath } from '../secrets/secret-record.ts';
import { RetainedBindings, type RetainedBinding } from './retained-bindings.ts';
import { BindingWorld, readerPod, secretPath } from './testing/binding-world.ts';

const day = 86_400;
const binding: RetainedBinding = { namespace: 'shop', name: 'orders-db', retainSeconds: 7 * day, once: [] };
let world: BindingWorld;
let retained: RetainedBindings;
let purged: RetainedBinding[];
beforeEach(() => {
  world = new BindingWorld();
  retained = new RetainedBindings(world);
  purged = [];
});

function sweep(isThere: boolean): Promise<readonly string[]> {
  return retained.sweep({ isThere: () => isThere, purge: async (each) => void purged.push(each) });
}

describe('RetainedBindings', () => {
  test('purges what has been gone for its time, once', async () => {
    await retained.note(binding);
    await expect(sweep(false)).resolves.toEqual([]);
    world.clock.advance(7 * day - 1);
    await expect(sweep(false)).resolves.toEqual([]);
    world.clock.advance(1);
    await expect(sweep(false)).resolves.toEqual(['shop/orders-db']);
    expect(purged).toEqual([binding]);
    await expect(sweep(false)).resolves.toEqual([]);
  });

  test('its time begins when it was first seen to be gone', async () => {
    await retained.note(binding);
    world.clock.advance(30 * day);
    await expect(sweep(false)).resolves.toEqual([]);
    expect(purged).toEqual([]);
  });

  test('what is there is never purged', async () => {
    await retained.note({ ...binding, retainSeconds: 0 });
    await expect(sweep(true)).resolves.toEqual([]);
  });

  test('a binding that came back has its whole time again', async () => {
    await retained.note(binding);
    await sweep(false);
    world.clock.advance(6 * day);
    await retained.note(binding);
    await sweep(false);
    world.clock.advance(6 * day);
    await expect(sweep(false)).resolves.toEqual([]);
    world.clock.advance(day);
    await expect(sweep(false)).resolves.toEqual(['shop/orders-db']);
  });

  test('what let a binding go without its purge makes up for it', async () => {
    await retained.note({ ...binding, retainSeconds: 0, once: ['token'] });
    await expect(sweep(false)).resolves.toEqual(['shop/orders-db']);
    expect(purged).toEqual([{ ...binding, retainSeconds: 0, once: ['token'] }]);
  });

  test('a purge that failed is tried again', async () => {
    await retained.note({ ...binding, retainSeconds: 0 });
    const purge = async (): Promise<never> => Promise.reject(new Error('store'));
    await expect(retained.sweep({ isThere: () => false, purge })).rejects.toThrow('store');
    await expect(sweep(false)).resolves.toEqual(['shop/orders-db']);
  });

  test('what a binding says last counts, and saying it again writes nothing', async () => {
    await retained.note(binding);
    await retained.note({ ...binding, retainSeconds: 60 });
    const { revision } = await world.store.range({ prefix: '', limit: 1 });
    await retained.note({ ...binding, retainSeconds: 60 });
    expect((await world.store.range({ prefix: '', limit: 1 })).revision).toBe(revision);
    await sweep(false);
    world.clock.advance(60);
    await expect(sweep(false)).resolves.toHaveLength(1);
  });

  test('what was purged is forgotten', async () => {
    await retained.note({ ...binding, retainSeconds: 0 });
    await retained.forget(binding);
    await expect(sweep(false)).resolves.toEqual([]);
  });
});

describe('a purge', () => {
  test('destroys every version, and leaves what proves it', async () => {
    await world.write(await world.make());
    await world.write(await world.make({ ver: 2 }));
    await world.secrets.purge('k8s/shop/orders-db');
    await world.secrets.purge('k8s/shop/orders-db');
    await expect(world.secrets.observe(secretPath)).resolves.toMatchObject({ ver: 2, s: 'DESTROYED' });
    for (const ver of [1, 2]) {
      await expect(world.contentFor(readerPod, ver)).rejects.toMatchObject({ code: 'gone' });
      const key = world.barrier.keyOf(envelopePath(secretPath, ver));
      expect((await world.store.range({ key })).entries).toEqual([]);
    }
    await world.write(await world.make({ ver: 3, content: 'new' }));
    await expect(world.contentFor(readerPod)).resolves.toBe('new');
  });

  test('destroys nothing of another binding', async () => {
    await world.write(await world.make());
    await world.secrets.purge('k8s/shop/orders');
    await expect(world.contentFor(readerPod)).resolves.toBe('content');
  });

  test('takes back what nobody has opened', async () => {
    world.bindings.put(liveBinding({ secrets: [{ name: 'db', opens: 'Once' }] }));
    const made = await world.makeOnce();
    await world.storeOnce(made);
    await world.wraps.purge(secretPath);
    await expect(world.openOnce(readerPod, made.id, randomIdentifier())).rejects.toMatchObject({ code: 'gone' });
    await expect(world.wraps.observe(secretPath)).resolves.toMatchObject({ st: 'REVOKED' });
    await expect(world.wraps.purge('k8s/shop/orders-db/none')).resolves.toBeUndefined();
  });
});
