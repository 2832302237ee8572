import { describe, expect, test } from '@jest/globals';
import { SecretStore, type HeldSecret } from './secret-store.ts';
import { valuesOf } from './testing/values.ts';

const held = (version: number, instance = 'one'): HeldSecret => ({ version, instance, values: valuesOf({ a: 'x' }) });
const offer = (version: number, secret = 'db') => ({ binding: 'b', secret, version, wrap: '', delivery: {} });
const isErased = ({ values }: HeldSecret): boolean => {
  try {
    return values.get('a')!.expose().length === 0;
  } catch {
    return true;
  }
};

describe('SecretStore', () => {
  test.each([
    { name: 'a higher version', fresh: held(8), isTaken: true },
    { name: 'the same version', fresh: held(7), isTaken: false },
    { name: 'a lower version', fresh: held(6), isTaken: false },
    { name: 'the first version of another instance', fresh: held(1, 'two'), isTaken: true },
  ])('takes $name: $isTaken, and erases the one that goes', ({ fresh, isTaken }) => {
    const store = new SecretStore();
    const before = held(7);
    store.take('b/db', before);
    expect(store.take('b/db', fresh)).toBe(isTaken);
    expect([isErased(before), isErased(fresh)]).toEqual([isTaken, !isTaken]);
  });

  test('knows what is to be read', () => {
    const store = new SecretStore();
    store.take('b/db', held(7));
    store.offer(offer(7));
    store.offer(offer(0, 'empty'));
    expect(store.unread('one')).toEqual([]);
    expect(store.unread('two')).toHaveLength(1);
    store.offer(offer(8));
    expect(store.unread('one')).toHaveLength(1);
  });

  test('what opens once is to be opened when it is another wrap, whatever instance or start it came from', () => {
    const store = new SecretStore();
    const wrapped = (wrap: string): HeldSecret => ({ ...held(1, ''), wrap });
    store.offer({ ...offer(1), wrap: 'w1' });
    expect(store.unread('one')).toHaveLength(1);
    store.take('b/db', wrapped('w1'));
    expect(store.unread('one')).toEqual([]);
    expect(store.unread('two')).toEqual([]);
    store.offer({ ...offer(0), wrap: '' });
    expect(store.unread('one')).toEqual([]);
    store.offer({ ...offer(1), wrap: 'w2' });
    expect(store.unread('one')).toHaveLength(1);
    expect(store.take('b/db', wrapped('w2'))).toBe(true);
    // The binding now says that it may be read again and again.
    store.offer(offer(1));
    expect(store.unread('one')).toHaveLength(1);
  });

  test('keeps what was read of a secret that is no longer offered', () => {
    const store = new SecretStore();
    store.take('b/db', held(7));
    store.offer(offer(7));
    store.keepOffers(new Set(['b/other']));
    expect(store.offers).toEqual([]);
    expect(store.held('b/db')?.version).toBe(7);
  });

  test('erases everything at the end', () => {
    const store = new SecretStore();
    const mine = held(7);
    store.take('b/db', mine);
    store.clear();
    expect(isErased(mine)).toBe(true);
  });
});
