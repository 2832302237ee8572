import { describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@letterlock/protocol';
import { MemoryStore } from './memory-store.ts';
import { describeStoreContract } from './testing/store-contract.ts';
import { FaultyStore } from './testing/faulty-store.ts';

describeStoreContract('MemoryStore', async () => new MemoryStore());
describeStoreContract('FaultyStore without faults', async () => new FaultyStore(new MemoryStore()));

describe('MemoryStore', () => {
  test('starts at a revision above 0, so that 0 means "no such key"', () => {
    expect(new MemoryStore().revision).toBe(1);
  });

  test('dumps all entries in order', async () => {
    const store = new MemoryStore();
    const keys = Array.from({ length: 2500 }, (_, index) => `k/${String((index * 7919) % 2500).padStart(4, '0')}`);
    for (const key of keys) await store.transact({ compare: [], then: [{ do: 'put', key, value: encodeUtf8(key) }] });
    expect([...store.dump()].map((entry) => entry.key)).toEqual(keys.toSorted());
    expect(store.size).toBe(2500);
  });
});
