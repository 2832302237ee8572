import { describe, expect, test } from '@jest/globals';
import { openRecord, sealRecord } from '@letterlock/crypto';
import { canonicalize, encodeUtf8 } from '@letterlock/protocol';
import type { Store } from '../store/store.ts';
import { createKeyring } from './keyring.ts';
import { isAuthentic, encodeSealConfiguration, type SealConfiguration } from './seal-configuration.ts';
import { SealWorld } from './testing/seal-world.ts';

async function valueOf(store: Store, key: string): Promise<Buffer> {
  return Buffer.from((await store.range({ key })).entries[0]!.value);
}
async function put(store: Store, key: string, value: Uint8Array): Promise<void> {
  await store.transact({ compare: [], then: [{ do: 'put', key, value }] });
}
async function remove(store: Store, key: string): Promise<void> {
  await store.transact({ compare: [], then: [{ do: 'delete', key }] });
}
function flip(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
}
/** The configuration with some members changed, and the MAC left as it was. */
function edited(configuration: SealConfiguration, change: Partial<SealConfiguration>): Uint8Array {
  return encodeUtf8(canonicalize({ ...configuration, ...change }));
}

describe('load()', () => {
  interface Case {
    readonly name: string;
    readonly tamper: (store: Store, world: SealWorld, other: SealWorld) => Promise<void>;
    readonly reason: string;
  }
  const configurationOf = (world: SealWorld) => world.installation.configuration!;
  const cases: readonly Case[] = [
    {
      name: 'a deleted seal configuration',
      tamper: (store) => remove(store, 'sys/seal'),
      reason: 'seal_configuration_missing',
    },
    { name: 'a newer schema', tamper: (store) => put(store, 'sys/schema', encodeUtf8('2')), reason: 'schema_newer' },
    { name: 'no schema', tamper: (store) => remove(store, 'sys/schema'), reason: 'schema_unreadable' },
    {
      name: 'a schema that is no number',
      tamper: (store) => put(store, 'sys/schema', encodeUtf8('one')),
      reason: 'schema_unreadable',
    },
    {
      name: 'half a seal configuration',
      tamper: async (store) => put(store, 'sys/seal', (await valueOf(store, 'sys/seal')).subarray(0, 200)),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'another trust domain',
      tamper: (store, world) => put(store, 'sys/seal', edited(configurationOf(world), { td: 'other.example' })),
      reason: 'trust_domain',
    },
    {
      name: 'a scheme that contradicts k',
      tamper: (store, world) => put(store, 'sys/seal', edited(configurationOf(world), { scheme: 'shamir' })),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'a number of holders that contradicts the list',
      tamper: (store, world) => put(store, 'sys/seal', edited(configurationOf(world), { n: 2 })),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'one holder twice',
      tamper: (store, world) =>
        put(
          store,
          'sys/seal',
          edited(configurationOf(world), {
            admins: [...configurationOf(world).admins.slice(0, 2), configurationOf(world).admins[0]!],
          }),
        ),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'one holder twice, counted once',
      tamper: (store, world) =>
        put(
          store,
          'sys/seal',
          edited(configurationOf(world), {
            n: 2,
            admins: [...configurationOf(world).admins.slice(0, 2), configurationOf(world).admins[0]!],
          }),
        ),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'an id that is not that of the key',
      tamper: (store, world) =>
        put(
          store,
          'sys/seal',
          edited(configurationOf(world), {
            admins: configurationOf(world).admins.map((holder, index, all) => ({
              ...holder,
              sig: all[(index + 1) % 3]!.sig,
            })),
          }),
        ),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'a share to another key',
      tamper: (store, world) =>
        put(
          store,
          'sys/seal',
          edited(configurationOf(world), {
            admins: configurationOf(world).admins.map((holder, index, all) => ({
              ...holder,
              share: all[(index + 1) % 3]!.share,
            })),
          }),
        ),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'another generation than that of the shares',
      tamper: (store, world) => put(store, 'sys/seal', edited(configurationOf(world), { gen: 2 })),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'another instance than that of the shares',
      tamper: (store, world) => put(store, 'sys/seal', edited(configurationOf(world), { inst: 'A'.repeat(22) })),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'an instance key that is none',
      tamper: (store, world) => put(store, 'sys/seal', edited(configurationOf(world), { sik: { kty: 'EC' } })),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: 'an unknown member',
      tamper: (store, world) => put(store, 'sys/seal', edited(configurationOf(world), { extra: 1 } as never)),
      reason: 'seal_configuration_unreadable',
    },
    {
      name: "another installation's configuration, keyring and shares (T-35)",
      tamper: async (store, _, other) => {
        for (const key of ['sys/seal', 'sys/keyring']) await put(store, key, await valueOf(other.store, key));
      },
      reason: 'instance_key_pinned',
    },
  ];

  test.each(cases)('refuses to start on $name', async ({ tamper, reason }) => {
    const first = await SealWorld.unsealed();
    const pinnedInstanceKey = first.installation.unsealed!.instanceKey.thumbprint;
    await tamper(first.store, first, await SealWorld.unsealed());
    const next = new SealWorld({ store: first.store, admins: first.admins, pinnedInstanceKey });
    await expect(next.installation.load()).rejects.toMatchObject({ code: 'internal', reason });
    expect(next.installation.state).toBe('sealed');
    await expect(next.installation.initialise()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('starts on the pinned instance', async () => {
    const first = await SealWorld.unsealed();
    const pinnedInstanceKey = first.installation.unsealed!.instanceKey.thumbprint;
    const next = await first.restarted({ pinnedInstanceKey });
    await next.unseal();
    expect(next.installation.state).toBe('unsealed');
  });

  test('refuses an empty store when an instance key is pinned', async () => {
    const world = new SealWorld({ pinnedInstanceKey: 'A'.repeat(43) });
    await expect(world.installation.load()).rejects.toMatchObject({ reason: 'instance_key_pinned' });
    expect(world.installation.state).toBe('sealed');
  });

  test('refuses a store with other data only', async () => {
    const world = new SealWorld();
    await put(world.store, 'AAAA', encodeUtf8('x'));
    await expect(world.installation.load()).rejects.toMatchObject({ reason: 'seal_configuration_missing' });
  });

  test('changes nothing while unsealed', async () => {
    const world = await SealWorld.unsealed();
    await remove(world.store, 'sys/seal');
    await world.installation.load();
    expect(world.installation.state).toBe('unsealed');
  });
});

describe('giveShare() on a tampered store', () => {
  interface Case {
    readonly name: string;
    readonly tamper: (store: Store, world: SealWorld) => Promise<void>;
    readonly reason: string;
  }
  const rewriteKeyring = async (
    store: Store,
    world: SealWorld,
    change: { inst?: string; gen?: number },
  ): Promise<void> => {
    const { inst, gen } = world.installation.configuration!;
    using kek = await world.kekOf();
    const keyring = createKeyring({ inst: change.inst ?? inst, generation: change.gen ?? gen, nowSeconds: 1 });
    await put(
      store,
      'sys/keyring',
      sealRecord({ term: 0, termKey: kek, path: 'sys/keyring', plaintext: keyring.encode().expose(), generation: gen }),
    );
    // The attacker knows the KEK here, so that the configuration can name the new key under a right MAC.
    const { mac: _, ...unsigned } = world.installation.configuration!;
    await put(
      store,
      'sys/seal',
      encodeSealConfiguration({ unsigned: { ...unsigned, sik: { ...keyring.instanceKey.jwk } }, kek }),
    );
  };
  const cases: readonly Case[] = [
    { name: 'a deleted keyring', tamper: (store) => remove(store, 'sys/keyring'), reason: 'keyring_missing' },
    {
      name: 'half a keyring',
      tamper: async (store) => {
        const record = await valueOf(store, 'sys/keyring');
        await put(store, 'sys/keyring', record.subarray(0, record.length / 2));
      },
      reason: 'keyring_unreadable',
    },
    ...[0, 4, 10, 25, 60, -1].map((at) => ({
      name: `a keyring with byte ${at} changed`,
      tamper: async (store: Store) => {
        const record = await valueOf(store, 'sys/keyring');
        await put(store, 'sys/keyring', flip(record, at < 0 ? record.length + at : at));
      },
      reason: 'keyring_unreadable',
    })),
    {
      name: "another installation's keyring",
      tamper: async (store) =>
        put(store, 'sys/keyring', await valueOf((await SealWorld.unsealed()).store, 'sys/keyring')),
      reason: 'keyring_unreadable',
    },
    {
      name: 'a keyring moved from another path',
      tamper: async (store, world) => {
        using kek = await world.kekOf();
        const plaintext = openRecord({
          termKeyOf: () => kek,
          path: 'sys/keyring',
          record: await valueOf(store, 'sys/keyring'),
          generation: 1,
        });
        await put(
          store,
          'sys/keyring',
          sealRecord({ term: 0, termKey: kek, path: 'sys/other', plaintext, generation: 1 }),
        );
      },
      reason: 'keyring_unreadable',
    },
    {
      name: 'a keyring of another generation',
      tamper: async (store, world) => {
        using kek = await world.kekOf();
        const plaintext = openRecord({
          termKeyOf: () => kek,
          path: 'sys/keyring',
          record: await valueOf(store, 'sys/keyring'),
          generation: 1,
        });
        await put(
          store,
          'sys/keyring',
          sealRecord({ term: 0, termKey: kek, path: 'sys/keyring', plaintext, generation: 2 }),
        );
      },
      reason: 'keyring_unreadable',
    },
    {
      name: 'a keyring under a term',
      tamper: async (store, world) => {
        using kek = await world.kekOf();
        const plaintext = openRecord({
          termKeyOf: () => kek,
          path: 'sys/keyring',
          record: await valueOf(store, 'sys/keyring'),
          generation: 1,
        });
        await put(
          store,
          'sys/keyring',
          sealRecord({ term: 1, termKey: kek, path: 'sys/keyring', plaintext, generation: 1 }),
        );
      },
      reason: 'keyring_unreadable',
    },
    {
      name: 'a keyring that names another installation inside',
      tamper: (store, world) => rewriteKeyring(store, world, { inst: 'A'.repeat(22) }),
      reason: 'keyring_instance',
    },
    {
      name: 'a keyring that names another generation inside',
      tamper: (store, world) => rewriteKeyring(store, world, { gen: 2 }),
      reason: 'keyring_instance',
    },
    {
      name: 'an edited configuration',
      tamper: (store, world) =>
        put(
          store,
          'sys/seal',
          edited(world.installation.configuration!, {
            admins: world.installation.configuration!.admins.slice(0, 2),
            n: 2,
          }),
        ),
      reason: 'seal_configuration_mac',
    },
    {
      name: 'a configuration with another acknowledgement hash',
      tamper: (store, world) =>
        put(
          store,
          'sys/seal',
          edited(world.installation.configuration!, {
            admins: world.installation.configuration!.admins.map((holder) => ({ ...holder, a: 'A'.repeat(43) })),
          }),
        ),
      reason: 'seal_configuration_mac',
    },
    {
      name: 'a configuration with another instance key',
      tamper: async (store, world) => {
        const other = await SealWorld.unsealed();
        await put(
          store,
          'sys/seal',
          edited(world.installation.configuration!, { sik: other.installation.configuration!.sik }),
        );
      },
      reason: 'seal_configuration_mac',
    },
    {
      name: 'a configuration with another instance key under a right MAC',
      tamper: async (store, world) => {
        using kek = await world.kekOf();
        const { mac: _, ...unsigned } = world.installation.configuration!;
        const { sik } = (await SealWorld.unsealed()).installation.configuration!;
        await put(store, 'sys/seal', encodeSealConfiguration({ unsigned: { ...unsigned, sik }, kek }));
      },
      reason: 'keyring_instance_key',
    },
  ];

  test.each(cases)(
    'stays sealed on $name, says why, and unseals once it is right again',
    async ({ tamper, reason }) => {
      const first = await SealWorld.unsealed();
      const original = {
        seal: await valueOf(first.store, 'sys/seal'),
        keyring: await valueOf(first.store, 'sys/keyring'),
      };
      await tamper(first.store, first);
      const world = await first.restarted();
      const refused: string[] = [];
      world.installation.onRefused((facts) => refused.push(facts.reason));
      await expect(world.unseal()).rejects.toMatchObject({ code: 'internal', reason });
      expect(world.installation.state).toBe('sealed');
      expect(world.installation.unsealed).toBeUndefined();
      expect(world.installation.alarm).toBe(reason);
      expect(refused).toEqual([reason]);
      expect(() => world.installation.stateStatement('A'.repeat(43))).toThrow(
        expect.objectContaining({ code: 'sealed' }),
      );
      await put(world.store, 'sys/seal', original.seal);
      await put(world.store, 'sys/keyring', original.keyring);
      await world.installation.load();
      await world.unseal();
      expect(world.installation.state).toBe('unsealed');
      expect(world.installation.alarm).toBeUndefined();
    },
  );

  test('a missing keyring is an alarm from the start', async () => {
    const first = await SealWorld.unsealed();
    await remove(first.store, 'sys/keyring');
    const world = await first.restarted();
    expect(world.installation).toMatchObject({ state: 'sealed', alarm: 'keyring_missing' });
    await expect(world.installation.initialise()).rejects.toMatchObject({ reason: 'already_initialised' });
  });

  test('a configuration that is replaced in between is taken over, and the share is not used', async () => {
    const first = await SealWorld.unsealed();
    const world = await first.restarted();
    const jws = await world.unsealJws();
    const other = await SealWorld.unsealed({ admins: first.admins });
    for (const key of ['sys/seal', 'sys/keyring']) await put(world.store, key, await valueOf(other.store, key));
    await expect(world.giveShare(jws)).rejects.toMatchObject({
      code: 'conflict',
      reason: 'seal_configuration_changed',
    });
    expect(world.installation.configuration).toEqual(other.installation.configuration);
    await world.unseal();
    expect(world.installation.unsealed!.inst).toBe(other.installation.unsealed!.inst);
  });

  test('a configuration of another instance that is put there later is refused against the pin (T-35)', async () => {
    const first = await SealWorld.unsealed();
    const pinnedInstanceKey = first.installation.unsealed!.instanceKey.thumbprint;
    const world = await first.restarted({ pinnedInstanceKey });
    const jws = await world.unsealJws();
    const other = await SealWorld.unsealed({ admins: first.admins });
    for (const key of ['sys/seal', 'sys/keyring']) await put(world.store, key, await valueOf(other.store, key));
    await expect(world.giveShare(jws)).rejects.toMatchObject({ code: 'internal', reason: 'instance_key_pinned' });
    expect(world.installation.alarm).toBe('instance_key_pinned');
    expect(world.installation.configuration).toEqual(first.installation.configuration);
  });

  test('a configuration that is deleted in between is an alarm', async () => {
    const world = await (await SealWorld.unsealed()).restarted();
    const jws = await world.unsealJws();
    await remove(world.store, 'sys/seal');
    await expect(world.giveShare(jws)).rejects.toMatchObject({
      code: 'internal',
      reason: 'seal_configuration_missing',
    });
    expect(world.installation.state).toBe('sealed');
  });

  test('records that change while the unseal is recorded void it', async () => {
    const first = await SealWorld.unsealed();
    for (const key of ['sys/seal', 'sys/keyring']) {
      const value = await valueOf(first.store, key);
      let isArmed = true;
      const store: Store = {
        range: (request) => first.store.range(request),
        transact: async (transaction) => {
          if (isArmed && transaction.then.some((operation) => operation.do === 'put')) {
            isArmed = false;
            await put(first.store, key, value);
          }
          return first.store.transact(transaction);
        },
      };
      const world = await first.restarted({ store });
      await expect(world.unseal()).rejects.toMatchObject({ code: 'unavailable', reason: 'unseal_not_recorded' });
      expect(world.installation.state).toBe('sealed');
      await world.unseal();
    }
  });
});

describe('isAuthentic()', () => {
  test('depends on every member', async () => {
    const world = await SealWorld.unsealed();
    using kek = await world.kekOf();
    const configuration = world.installation.configuration!;
    expect(isAuthentic(configuration, kek)).toBe(true);
    const changes: Partial<SealConfiguration>[] = [
      { admins: configuration.admins.slice(1) },
      { gen: 2 },
      { inst: 'A'.repeat(22) },
      { k: 2 },
      { mac: 'A'.repeat(43) },
      { n: 2 },
      { scheme: 'shamir' },
      { sik: configuration.admins[0]!.sig },
      { td: 'other.example' },
    ];
    for (const change of changes) expect(isAuthentic({ ...configuration, ...change }, kek)).toBe(false);
  });
});
