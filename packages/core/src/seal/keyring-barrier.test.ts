import { describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@letterlock/protocol';
import { describeBarrierContract } from '../store/testing/barrier-contract.ts';
import { createKeyring, decodeKeyring, type Keyring } from './keyring.ts';
import { CurrentBarrier, KeyringBarrier } from './keyring-barrier.ts';

const path = 'wrap/env/AAAAAAAAAAAAAAAAAAAAAA';
const content = encodeUtf8('content');
const inst = 'AAAAAAAAAAAAAAAAAAAAAA';
const newKeyring = (): Keyring => createKeyring({ inst, generation: 1, nowSeconds: 1_790_000_000 });
const sealed = expect.objectContaining({ code: 'sealed' });
const storageIntegrity = expect.objectContaining({ code: 'internal', reason: 'storage_integrity' });

const encoded = newKeyring().encode();
describeBarrierContract('KeyringBarrier', () => new KeyringBarrier(decodeKeyring(encoded.expose())));

describe('KeyringBarrier', () => {
  test('two installations give one path two keys, and neither opens the records of the other', () => {
    const [one, other] = [new KeyringBarrier(newKeyring()), new KeyringBarrier(newKeyring())];
    expect(one.keyOf(path)).not.toBe(other.keyOf(path));
    expect(() => other.open(path, one.seal(path, content))).toThrow(storageIntegrity);
  });

  test('refuses a record of a term that the keyring lacks', () => {
    const barrier = new KeyringBarrier(newKeyring());
    const record = Buffer.from(barrier.seal(path, content));
    record.writeUInt32BE(2, 1);
    expect(() => barrier.open(path, record)).toThrow(storageIntegrity);
  });

  test('gives the same key after its memory was turned over', () => {
    const barrier = new KeyringBarrier(newKeyring());
    const before = barrier.keyOf(path);
    for (let index = 0; index < 20_000; index += 1) barrier.keyOf(`wrap/env/${index}`);
    expect(barrier.keyOf(path)).toBe(before);
  });

  test('refuses to name a record without a path', () => {
    expect(() => new KeyringBarrier(newKeyring()).keyOf('')).toThrow('its path is empty');
  });

  test.each([
    { name: 'keyOf()', use: (barrier: KeyringBarrier) => barrier.keyOf(path) },
    { name: 'keyOf() of a system record', use: (barrier: KeyringBarrier) => barrier.keyOf('sys/epoch') },
    { name: 'seal()', use: (barrier: KeyringBarrier) => barrier.seal(path, content) },
    { name: 'open()', use: (barrier: KeyringBarrier, record: Uint8Array) => barrier.open(path, record) },
    { name: 'keyring', use: (barrier: KeyringBarrier) => barrier.keyring },
  ])('$name stops working once it was disposed of', ({ use }) => {
    const barrier = new KeyringBarrier(newKeyring());
    barrier.keyOf(path);
    const record = barrier.seal(path, content);
    barrier[Symbol.dispose]();
    expect(() => use(barrier, record)).toThrow(sealed);
  });

  test('disposing of it fills the keyring with zeros', () => {
    const keyring = newKeyring();
    const term = keyring.termKey(1)!.expose();
    const names = keyring.namesKey.expose();
    new KeyringBarrier(keyring)[Symbol.dispose]();
    expect([...term, ...names]).toEqual(Array.from({ length: 64 }, () => 0));
    expect(() => keyring.instanceKey).toThrow('it was disposed of');
  });
});

describe('CurrentBarrier', () => {
  const barrier = new KeyringBarrier(newKeyring());

  test('follows the barrier that it is given, and is sealed without one', () => {
    const current = new CurrentBarrier();
    current.use(barrier);
    expect(current.keyOf(path)).toBe(barrier.keyOf(path));
    expect(current.open(path, current.seal(path, content))).toEqual(Buffer.from(content));
    current.use(undefined);
    expect(() => current.keyOf(path)).toThrow(sealed);
    expect(() => current.seal(path, content)).toThrow(sealed);
    expect(() => current.open(path, content)).toThrow(sealed);
  });
});
