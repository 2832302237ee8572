import { Session } from 'node:inspector/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { combineShares, deriveKey, hash43, SecretBytes } from '@letterlock/crypto';
import { canonicalize, encodeUtf8, labels } from '@letterlock/protocol';
import { FaultyStore } from '../store/testing/faulty-store.ts';
import type { Keyring } from './keyring.ts';
import { delayOnce } from './testing/delay-once.ts';
import { FakeAttestor } from './testing/fake-attestor.ts';
import { receivedDirect, SealWorld } from './testing/seal-world.ts';

/** A secret as numbers that are not its bytes, so that the search does not find what it searches with. */
interface Needle {
  readonly name: string;
  readonly masked: readonly number[];
}

function needle(name: string, secret: Uint8Array): Needle {
  return { name, masked: Array.from(secret, (byte, index) => byte + 1000 + index) };
}

/** Runs in the debugger on the array of all live buffers. */
const search = `function (needles) {
  const isIn = (masked, buffer) => {
    const bytes = new Uint8Array(buffer);
    const at = (index) => masked[index] - 1000 - index;
    for (let start = bytes.indexOf(at(0)); start !== -1; start = bytes.indexOf(at(0), start + 1)) {
      if (masked.every((_, index) => bytes[start + index] === at(index))) return true;
    }
    return false;
  };
  return needles.filter(({ masked }) => this.some((buffer) => isIn(masked, buffer))).map(({ name }) => name);
}`;

/** Searches every ArrayBuffer that survives a garbage collection, private fields and Node's pool included: no walk over properties reaches those. */
async function foundInMemory(needles: readonly Needle[]): Promise<readonly string[]> {
  const session = new Session();
  session.connect();
  try {
    const { result: prototype } = await session.post('Runtime.evaluate', { expression: 'ArrayBuffer.prototype' });
    const { objects } = await session.post('Runtime.queryObjects', { prototypeObjectId: prototype.objectId! });
    const { result, exceptionDetails } = await session.post('Runtime.callFunctionOn', {
      objectId: objects.objectId!,
      functionDeclaration: search,
      arguments: [{ value: needles }],
      returnByValue: true,
    });
    expect(exceptionDetails).toBeUndefined();
    return result.value as readonly string[];
  } finally {
    session.disconnect();
  }
}

async function needlesOf(world: SealWorld): Promise<readonly Needle[]> {
  using share = await world.shareOf(world.admin());
  using kek = await world.kekOf();
  const { keyring } = world.installation.unsealed!.barrier as unknown as { readonly keyring: Keyring };
  return [
    needle('master key', share.expose()),
    needle('KEK', kek.expose()),
    needle('term', keyring.termKey(1)!.expose()),
    needle('names key', keyring.namesKey.expose()),
    needle('instance key', keyring.encode().expose().slice(-80, -32)),
  ];
}

/** A heap is searched several times, also on a busy machine. */
jest.setTimeout(60_000);

describe('the memory of an installation', () => {
  test('holds neither master key nor KEK while unsealed, and no key after a seal', async () => {
    const world = await SealWorld.unsealed();
    const needles = await needlesOf(world);
    // The control: what must be there is found.
    expect(await foundInMemory(needles)).toEqual(['term', 'names key', 'instance key']);
    await world.seal();
    expect(await foundInMemory(needles)).toEqual([]);
  });

  test('holds the KEK where a peer may get it, also at that peer, and at neither after the seal', async () => {
    const attestors = ['a', 'b'].map((name) => new FakeAttestor({ instance: name, start: name }));
    const first = await SealWorld.unsealed({ attestor: attestors[0]! });
    const needles = await needlesOf(first);
    const second = await first.restarted({ attestor: attestors[1]! });
    await second.installation.unsealByPeer((request) =>
      first.installation.grantPeer(request, second.boot.tls.thumbprint, receivedDirect),
    );
    await first.seal();
    // The second one has not heard of it yet.
    expect(await foundInMemory(needles)).toEqual(['KEK', 'term', 'names key', 'instance key']);
    await second.installation.followEpoch();
    expect(second.installation.state).toBe('sealed');
    expect(await foundInMemory(needles)).toEqual([]);
  });

  test('is the same after an unseal by share', async () => {
    const first = await SealWorld.unsealed();
    const needles = await needlesOf(first);
    const world = await first.restarted();
    await first.seal();
    expect(await foundInMemory(needles)).toEqual([]);
    await world.unseal(world.admin(1));
    expect(await foundInMemory(needles)).toEqual(['term', 'names key', 'instance key']);
    await world.seal();
    expect(await foundInMemory(needles)).toEqual([]);
  });
});

describe('the memory of a quorum (T-28)', () => {
  const options = { threshold: 2 };

  async function quorumNeedles(world: SealWorld): Promise<readonly Needle[]> {
    using first = await world.shareOf(world.admin(0));
    using second = await world.shareOf(world.admin(1));
    using masterKey = await combineShares(
      2,
      [first, second].map((share) => ({ x: share.expose().at(-1)!, share })),
    );
    using kek = deriveKey(masterKey, new Uint8Array(0), labels.kek);
    return [
      needle('master key', masterKey.expose()),
      needle('KEK', kek.expose()),
      needle('first share', first.expose().subarray(0, -1)),
      needle('second share', second.expose().subarray(0, -1)),
    ];
  }

  test('holds no share, master key or KEK after the initialisation, the unseal and the seal', async () => {
    const first = await SealWorld.unsealed(options);
    const needles = await quorumNeedles(first);
    expect(await foundInMemory(needles)).toEqual([]);
    const world = await first.restarted(options);
    await world.giveShares(0);
    // The control: a share that waits for the others is found, and nothing else.
    expect(await foundInMemory(needles)).toEqual(['first share']);
    await world.giveShares(1);
    expect(world.installation.state).toBe('unsealed');
    expect(await foundInMemory(needles)).toEqual([]);
    await world.seal();
    expect(await foundInMemory(needles)).toEqual([]);
  });

  test.each([
    {
      name: 'time out',
      end: ({ clock, installation }: SealWorld) => {
        clock.advance(900);
        installation.forgetOldShares();
      },
    },
    { name: 'end with the process', end: ({ installation }: SealWorld) => installation.forgetShares() },
  ])('holds no share after its shares $name', async ({ end }) => {
    const first = await SealWorld.unsealed(options);
    const needles = await quorumNeedles(first);
    const world = await first.restarted(options);
    await world.giveShares(0);
    end(world);
    expect(await foundInMemory(needles)).toEqual([]);
  });
});

describe('a ceremony fills with zeros', () => {
  /** Counts disposals by the hash of what was disposed of. */
  async function disposalsDuring(ceremony: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
    const counted = new Map<string, number>();
    const { prototype } = SecretBytes as unknown as { prototype: SecretBytes };
    const original = prototype[Symbol.dispose];
    prototype[Symbol.dispose] = function dispose(this: SecretBytes): void {
      try {
        const hash = hash43(this.expose());
        counted.set(hash, (counted.get(hash) ?? 0) + 1);
      } catch {
        // Disposed of before.
      }
      original.call(this);
    };
    try {
      await ceremony();
    } finally {
      prototype[Symbol.dispose] = original;
    }
    return counted;
  }

  test('the master key, every share, the KEK and the encoded keyring at initialisation', async () => {
    const world = new SealWorld();
    await world.installation.load();
    const disposals = await disposalsDuring(() => world.installation.initialise());
    using share = await world.shareOf(world.admin());
    using kek = await world.kekOf();
    const { keyring } = world.installation.unsealed!.barrier as unknown as { readonly keyring: Keyring };
    using encoded = keyring.encode();
    // The master key and its three copies.
    expect(disposals.get(hash43(share.expose()))).toBe(4);
    expect(disposals.get(hash43(kek.expose()))).toBe(1);
    expect(disposals.get(hash43(encoded.expose()))).toBe(1);
  });

  test.each([
    { name: 'that succeeds', tamper: undefined, count: 2 },
    { name: 'that finds a damaged keyring', tamper: 'sys/keyring', count: 2 },
  ])('the share, the master key and the KEK at an unseal $name', async ({ tamper, count }) => {
    const world = await (await SealWorld.unsealed()).restarted();
    using share = await world.shareOf(world.admin());
    using kek = await world.kekOf();
    const jws = await world.unsealJws();
    if (tamper !== undefined) {
      await world.store.transact({ compare: [], then: [{ do: 'put', key: tamper, value: new Uint8Array(100) }] });
    }
    const disposals = await disposalsDuring(() => world.giveShare(jws).catch(() => {}));
    expect(world.installation.state).toBe(tamper === undefined ? 'unsealed' : 'sealed');
    expect(disposals.get(hash43(share.expose()))).toBe(count);
    expect(disposals.get(hash43(kek.expose()))).toBe(1);
  });

  test.each([
    { name: 'that succeeds', tamper: false },
    { name: 'that finds a damaged keyring', tamper: true },
  ])('every share, the master key and the KEK at an unseal by a quorum $name', async ({ tamper }) => {
    const world = await (await SealWorld.unsealed({ threshold: 2 })).restarted({ threshold: 2 });
    using first = await world.shareOf(world.admin(0));
    using second = await world.shareOf(world.admin(1));
    using masterKey = await combineShares(
      2,
      [first, second].map((share) => ({ x: share.expose().at(-1)!, share })),
    );
    await world.giveShares(0);
    const jws = await world.unsealJws(world.admin(1));
    if (tamper) {
      await world.store.transact({
        compare: [],
        then: [{ do: 'put', key: 'sys/keyring', value: new Uint8Array(100) }],
      });
    }
    const disposals = await disposalsDuring(() => world.giveShare(jws).catch(() => {}));
    expect(world.installation.state).toBe(tamper ? 'sealed' : 'unsealed');
    using kek = deriveKey(masterKey, new Uint8Array(0), labels.kek);
    expect([first, second, masterKey, kek].map((secret) => disposals.get(hash43(secret.expose())))).toEqual([
      1, 1, 1, 1,
    ]);
  });

  test('a share that is refused', async () => {
    const world = await (await SealWorld.unsealed()).restarted();
    using share = SecretBytes.random(32);
    const jws = await world.unsealJws(world.admin(), { share });
    const disposals = await disposalsDuring(() => world.giveShare(jws).catch(() => {}));
    expect(disposals.get(hash43(share.expose()))).toBe(1);
  });

  test('a keyring that does not belong to the configuration, and one that came too late', async () => {
    const first = await SealWorld.unsealed();
    const { keyring } = first.installation.unsealed!.barrier as unknown as { readonly keyring: Keyring };
    const term = hash43(keyring.termKey(1)!.expose());
    const edited = { ...first.installation.configuration!, td: 'test.example', mac: 'A'.repeat(43) };
    const store = new FaultyStore(first.store);
    const late = await first.restarted({ store });
    const [one, other] = await Promise.all([late.unsealJws(late.admin(0)), late.unsealJws(late.admin(1))]);
    const tooLate = await disposalsDuring(async () => {
      const reached = delayOnce(store, ({ transaction }) => transaction?.then[0]?.do === 'put');
      const overtaken = late.giveShare(one);
      await reached;
      await late.giveShare(other);
      store.release();
      await overtaken.catch(() => {});
    });
    expect(tooLate.get(term)).toBe(1);
    await first.store.transact({
      compare: [],
      then: [{ do: 'put', key: 'sys/seal', value: encodeUtf8(canonicalize(edited)) }],
    });
    const world = await first.restarted();
    const jws = await world.unsealJws();
    const foreign = await disposalsDuring(() => world.giveShare(jws).catch(() => {}));
    expect(world.installation.alarm).toBe('seal_configuration_mac');
    expect(foreign.get(term)).toBe(1);
  });

  test('every key at a seal', async () => {
    const world = await SealWorld.unsealed();
    const { keyring } = world.installation.unsealed!.barrier as unknown as { readonly keyring: Keyring };
    const live = [keyring.termKey(1)!.expose(), keyring.namesKey.expose()];
    await world.seal();
    for (const bytes of live) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});
