import { describe, expect, test } from '@jest/globals';
import { GenerationCache } from './generation-cache.ts';

interface Answer {
  readonly value: string;
}
const read = (value: string) => async (): Promise<Answer> => ({ value });
const unread = (): Promise<Answer> => Promise.reject(new Error('was read'));

describe('GenerationCache', () => {
  test('reads once', async () => {
    const cache = new GenerationCache<Answer>(10);
    expect(await cache.load('a', read('1'))).toEqual({ value: '1' });
    expect(await cache.load('a', unread)).toEqual({ value: '1' });
    expect(cache.get('a')).toEqual({ value: '1' });
  });

  test('does not keep the absence of an answer', async () => {
    const cache = new GenerationCache<Answer>(10);
    expect(await cache.load('a', async () => undefined)).toBeUndefined();
    expect(await cache.load('a', read('1'))).toEqual({ value: '1' });
  });

  test('keeps what is used and drops what is not, within its bound', async () => {
    const cache = new GenerationCache<Answer>(10);
    for (let number = 0; number < 100; number += 1) {
      await cache.load(`k${number}`, read(String(number)));
      expect(cache.get('k0')).toEqual({ value: '0' });
    }
    const kept = Array.from({ length: 100 }, (_, number) => cache.get(`k${number}`)).filter(
      (answer) => answer !== undefined,
    );
    expect(kept.length).toBeLessThanOrEqual(20);
    expect(cache.get('k1')).toBeUndefined();
  });

  test.each([
    { name: 'one', key: 'a', left: [undefined, { value: 'b' }] },
    { name: 'all', key: undefined, left: [undefined, undefined] },
  ])('invalidate() forgets $name', async ({ key, left }) => {
    const cache = new GenerationCache<Answer>(10);
    for (const name of ['a', 'b']) await cache.load(name, read(name));
    cache.invalidate(key);
    expect([cache.get('a'), cache.get('b')]).toEqual(left);
  });

  test('forgets an answer of the older generation too', async () => {
    const cache = new GenerationCache<Answer>(1);
    for (const name of ['a', 'b']) await cache.load(name, read(name));
    cache.invalidate('a');
    expect(cache.get('a')).toBeUndefined();
  });

  test('does not keep an answer that was read before an invalidation', async () => {
    const cache = new GenerationCache<Answer>(10);
    const reading = cache.load('a', async () => {
      cache.invalidate('a');
      return { value: 'old' };
    });
    expect(await reading).toEqual({ value: 'old' });
    expect(cache.get('a')).toBeUndefined();
  });
});
