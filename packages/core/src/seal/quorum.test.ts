import { describe, expect, test } from '@jest/globals';
import { importVerifyingKey, openJws, SecretBytes, shareAcknowledgement } from '@letterlock/crypto';
import { encodeUtf8, transcriptClaims, typ } from '@letterlock/protocol';
import { MemoryStore } from '../store/memory-store.ts';
import { FaultyStore, type Fault } from '../store/testing/faulty-store.ts';
import { delayOnce } from './testing/delay-once.ts';
import { makeTestAdmin, SealWorld, type ShareChanges, type TestAdmin } from './testing/seal-world.ts';

const collectedSeconds = 900;
const sixteen = Array.from({ length: 16 }, (_, index) => makeTestAdmin(`admin ${index}`));
const admins = sixteen.slice(0, 3);
const ids = admins.map(({ certificate }) => certificate.id);
const stranger = makeTestAdmin('stranger');

type WorldOptions = ConstructorParameters<typeof SealWorld>[0];

/** An installation that two of three admins unseal. */
function unsealedQuorum(o: WorldOptions = {}): Promise<SealWorld> {
  return SealWorld.unsealed({ admins, threshold: 2, ...o });
}
/** A process on it that is sealed. */
async function sealedQuorum(o: WorldOptions = {}): Promise<SealWorld> {
  const { store, ...others } = o;
  const first = await unsealedQuorum();
  return first.restarted({ ...others, threshold: 2, ...(store === undefined ? {} : { store }) });
}
function statusOf(world: SealWorld, admin: TestAdmin = world.admin()) {
  return world.installation.unsealStatus(admin.certificate.id);
}

describe('a quorum', () => {
  test.each([
    { k: 2, n: 2 },
    { k: 2, n: 3 },
    { k: 3, n: 3 },
    { k: 3, n: 5 },
    { k: 2, n: 16 },
    { k: 16, n: 16 },
  ])('of $k of $n unseals with the last share that is needed, whoever gives it', async ({ k, n }) => {
    const first = await SealWorld.unsealed({ admins: sixteen.slice(0, n), threshold: k });
    const { barrier, instanceKey } = first.installation.unsealed!;
    const record = barrier.seal('wrap/x', encodeUtf8('content'));
    for (const start of [0, n - 1]) {
      const world = await first.restarted({ threshold: k });
      const order = Array.from({ length: k }, (_, index) => (start + index) % n);
      const answers = await world.giveShares(...order);
      expect(answers.slice(0, -1)).toEqual(order.slice(1).map((_, index) => ({ have: index + 1, k })));
      expect(world.installation.state).toBe('unsealed');
      const { transcript } = answers.at(-1) as { transcript: string };
      const key = importVerifyingKey(world.installation.configuration!.sik);
      expect(key.thumbprint).toBe(instanceKey.thumbprint);
      const claims = openJws(transcript, { typ: typ.transcript, key, claims: transcriptClaims });
      expect(claims.admins).toEqual(order.map((index) => world.admin(index).certificate.id));
      expect(Buffer.from(world.installation.unsealed!.barrier.open('wrap/x', record)).toString()).toBe('content');
    }
  });

  test('is written into the seal configuration, and the share of one admin is not the key', async () => {
    const world = await unsealedQuorum();
    expect(world.installation.configuration).toMatchObject({ k: 2, n: 3, scheme: 'shamir' });
    const shares = await Promise.all(world.admins.map((admin) => world.shareOf(admin)));
    expect(shares.map(({ lengthBytes }) => lengthBytes)).toEqual([33, 33, 33]);
    expect(new Set(shares.map((share) => share.expose().at(-1))).size).toBe(3);
    const numbers = world.admins.map((admin) => statusOf(world, admin).x);
    expect(numbers).toEqual(shares.map((share) => share.expose().at(-1)));
  });

  test('is initialised by an operation that names the threshold', async () => {
    const world = new SealWorld({ admins, threshold: 2 });
    await world.installation.load();
    const initialise = (k: number) =>
      world.installation.initialiseByOperation(world.initJws(world.admin(), { args: { k } }), {
        requestId: 'r',
        channel: { listener: 'direct' },
      });
    await expect(initialise(1)).rejects.toMatchObject({ reason: 'init_threshold' });
    expect(await initialise(2)).toEqual({ transcript: expect.any(String) });
    expect(world.installation.configuration).toMatchObject({ k: 2, n: 3 });
  });

  test('shows who has given a share, and forgets that at the unseal and at a seal', async () => {
    const world = await sealedQuorum();
    expect(statusOf(world)).toMatchObject({ have: 0, k: 2, n: 3, given: [], admins: ids });
    await world.giveShares(2);
    expect(statusOf(world)).toMatchObject({ have: 1, given: [ids[2]] });
    expect(statusOf(world)).not.toHaveProperty('transcript');
    await world.giveShares(0);
    expect(statusOf(world)).toMatchObject({ have: 2, given: [ids[2], ids[0]], transcript: expect.any(String) });
    await world.seal();
    expect(statusOf(world)).toMatchObject({ have: 0, given: [] });
    expect(await world.giveShares(0, 1)).toEqual([{ have: 1, k: 2 }, { transcript: expect.any(String) }]);
  });

  test('tells the log of every share that counts', async () => {
    const world = await sealedQuorum();
    const counted: unknown[] = [];
    world.installation.onShareCounted((share) => counted.push(share));
    await world.giveShares(1, 2);
    expect(counted).toEqual([{ who: ids[1], have: 1, k: 2 }]);
  });

  test('has the audit record of every giver in the transaction that unseals', async () => {
    const world = await sealedQuorum();
    await world.giveShares(1, 2);
    const records = await world.auditRecords();
    expect(records.map(({ act, who, outcome }) => ({ act, who, outcome }))).toEqual([
      { act: 'unseal.share', who: ids[1], outcome: 'ok' },
      { act: 'unseal.share', who: ids[2], outcome: 'ok' },
      { act: 'unseal', who: ids[2], outcome: 'ok' },
    ]);
  });
});

describe('a bad share (T-24)', () => {
  interface Case {
    readonly name: string;
    readonly change: (world: SealWorld) => ShareChanges | Promise<ShareChanges>;
    readonly code: string;
    readonly reason: string;
  }
  const flipped = async (world: SealWorld, at: number): Promise<SecretBytes> => {
    const share = await world.shareOf(world.admin(1));
    share.expose()[at]! ^= 1;
    return share;
  };
  const cases: readonly Case[] = [
    ...[0, 31].map((at) => ({
      name: `with a bit of byte ${at} flipped`,
      change: async (world: SealWorld) => ({ share: await flipped(world, at) }),
      code: 'conflict',
      reason: 'share_commitment',
    })),
    {
      name: "under the right commitment's name",
      change: async (world) => ({
        share: await flipped(world, 3),
        claims: { c: world.installation.configuration!.admins[1]!.c },
      }),
      code: 'conflict',
      reason: 'share_commitment',
    },
    {
      name: 'that is the share of another admin',
      change: async (world) => ({ share: await world.shareOf(world.admin(2)) }),
      code: 'conflict',
      reason: 'share_commitment',
    },
    {
      name: 'at the place of the master key',
      change: () => ({ share: SecretBytes.take(new Uint8Array(33)) }),
      code: 'bad_encoding',
      reason: 'share_malformed',
    },
    {
      name: 'that is truncated',
      change: () => ({ share: SecretBytes.random(32) }),
      code: 'bad_encoding',
      reason: 'share_malformed',
    },
    {
      name: 'that is too long',
      change: () => ({ share: SecretBytes.random(34) }),
      code: 'bad_encoding',
      reason: 'share_malformed',
    },
    {
      name: 'of an older generation',
      change: () => ({ claims: { gen: 2 } }),
      code: 'conflict',
      reason: 'share_generation',
    },
    {
      name: 'that is its stored form, not sealed to this boot (T-23)',
      change: (world) => ({ claims: { s: statusOf(world, world.admin(1)).share } }),
      code: 'bad_encoding',
      reason: 'wrong_typ',
    },
    {
      name: 'given for a rekey',
      change: () => ({ claims: { purpose: `rekey:${'A'.repeat(43)}` } }),
      code: 'conflict',
      reason: 'share_purpose',
    },
  ];

  test.each(cases)('$name is refused before combining, names its sender and costs nobody else', async (each) => {
    const world = await sealedQuorum();
    const refused: string[] = [];
    world.installation.onRefused(({ who, reason }) => refused.push(`${who} ${reason}`));
    await world.giveShares(0);
    const jws = await world.unsealJws(world.admin(1), await each.change(world));
    await expect(world.giveShare(jws)).rejects.toMatchObject({ code: each.code, reason: each.reason });
    expect(refused).toEqual([`${ids[1]} ${each.reason}`]);
    expect(world.installation.alarm).toBeUndefined();
    expect(statusOf(world)).toMatchObject({ have: 1, given: [ids[0]] });
    await world.giveShares(2);
    expect(world.installation.state).toBe('unsealed');
    const records = await world.auditRecords();
    expect(records.map(({ act, who, reason }) => `${act} ${who} ${reason}`)).toEqual([
      `unseal.share ${ids[1]} ${each.reason}`,
      `unseal.share ${ids[0]} ok`,
      `unseal.share ${ids[2]} ok`,
      `unseal ${ids[2]} ok`,
    ]);
  });

  test('a second share of one admin does not count, and its own first one still does', async () => {
    const world = await sealedQuorum();
    await world.giveShares(0);
    await expect(world.giveShares(0)).rejects.toMatchObject({ code: 'conflict', reason: 'share_duplicate' });
    expect(statusOf(world)).toMatchObject({ have: 1, given: [ids[0]] });
    await world.giveShares(1);
    expect(world.installation.state).toBe('unsealed');
  });

  test('one admin alone never unseals, also with two shares at once', async () => {
    const world = await sealedQuorum();
    const [one, other] = [await world.unsealJws(), await world.unsealJws()];
    const results = await Promise.allSettled([world.giveShare(one), world.giveShare(other)]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(world.installation.state).toBe('sealed');
  });

  test('right shares that open nothing raise an alarm, and none of them is kept', async () => {
    const world = await sealedQuorum();
    const [entry] = (await world.store.range({ key: 'sys/keyring' })).entries;
    const value = new Uint8Array(entry!.value);
    value[40]! ^= 1;
    await world.store.transact({ compare: [], then: [{ do: 'put', key: 'sys/keyring', value }] });
    await expect(world.giveShares(0, 1)).rejects.toMatchObject({ code: 'internal', reason: 'keyring_unreadable' });
    expect(world.installation.alarm).toBe('keyring_unreadable');
    expect(statusOf(world)).toMatchObject({ have: 0, given: [] });
    await world.store.transact({ compare: [], then: [{ do: 'put', key: 'sys/keyring', value: entry!.value }] });
    await world.giveShares(0, 2);
    expect(world.installation).toMatchObject({ state: 'unsealed', alarm: undefined });
  });

  test('a configuration that was exchanged meanwhile is adopted, and its shares are asked for again', async () => {
    const world = await sealedQuorum();
    await world.giveShares(0);
    const [entry] = (await world.store.range({ key: 'sys/seal' })).entries;
    const other = await unsealedQuorum();
    const foreign = (await other.store.range({ key: 'sys/seal' })).entries[0]!.value;
    await world.store.transact({ compare: [], then: [{ do: 'put', key: 'sys/seal', value: foreign }] });
    await expect(world.giveShares(1)).rejects.toMatchObject({ reason: 'seal_configuration_changed' });
    expect(statusOf(world)).toMatchObject({ have: 0, inst: other.installation.configuration!.inst });
    await world.store.transact({ compare: [], then: [{ do: 'put', key: 'sys/seal', value: entry!.value }] });
    await world.installation.load();
    await world.giveShares(0, 1);
    expect(world.installation.state).toBe('unsealed');
  });

  test('a whole installation put in the place of the pinned one gets no share (T-35)', async () => {
    const first = await unsealedQuorum();
    const pinnedInstanceKey = first.installation.unsealed!.instanceKey.thumbprint;
    const world = await first.restarted({ threshold: 2, pinnedInstanceKey });
    await world.giveShares(0);
    const last = await world.unsealJws(world.admin(1));
    const other = await unsealedQuorum();
    for (const key of ['sys/seal', 'sys/keyring']) {
      const { value } = (await other.store.range({ key })).entries[0]!;
      await world.store.transact({ compare: [], then: [{ do: 'put', key, value }] });
    }
    await expect(world.giveShare(last)).rejects.toMatchObject({ code: 'internal', reason: 'instance_key_pinned' });
    expect(world.installation).toMatchObject({ state: 'sealed', alarm: 'instance_key_pinned' });
    expect(statusOf(world)).toMatchObject({ have: 0, inst: first.installation.configuration!.inst });
  });

  test('reading the store again keeps the progress', async () => {
    const world = await sealedQuorum();
    await world.giveShares(0);
    await world.installation.load();
    expect(statusOf(world)).toMatchObject({ have: 1 });
  });

  test('a configuration edited to want a quorum raises an alarm and blames nobody', async () => {
    const first = await SealWorld.unsealed({ admins });
    const text = new TextDecoder()
      .decode((await first.store.range({ key: 'sys/seal' })).entries[0]!.value)
      .replace('"k":1', '"k":2')
      .replace('"scheme":"any"', '"scheme":"shamir"');
    await first.store.transact({ compare: [], then: [{ do: 'put', key: 'sys/seal', value: encodeUtf8(text) }] });
    const world = await first.restarted();
    await expect(world.giveShares(0)).rejects.toMatchObject({ code: 'internal', reason: 'shares_inconsistent' });
    expect(world.installation).toMatchObject({ state: 'sealed', alarm: 'shares_inconsistent' });
  });
});

describe('collected shares', () => {
  test('are forgotten after a quarter of an hour each, and the trail says so', async () => {
    const world = await sealedQuorum();
    const refused: string[] = [];
    world.installation.onRefused(({ who, reason }) => refused.push(`${who} ${reason}`));
    await world.giveShares(0);
    world.clock.advance(collectedSeconds - 1);
    world.installation.forgetOldShares();
    expect(statusOf(world)).toMatchObject({ have: 1 });
    world.clock.advance(1);
    world.installation.forgetOldShares();
    expect(refused).toEqual([`${ids[0]} share_expired`]);
    expect(statusOf(world)).toMatchObject({ have: 0, given: [] });
    expect(await world.giveShares(1)).toEqual([{ have: 1, k: 2 }]);
    await world.giveShares(0);
    expect((await world.auditRecords())[0]).toMatchObject({
      act: 'unseal.share',
      who: ids[0],
      reason: 'share_expired',
    });
  });

  test('do not count after their time although nobody swept', async () => {
    const world = await sealedQuorum();
    await world.giveShares(0);
    world.clock.advance(collectedSeconds - 60);
    const late = await world.unsealJws(world.admin(1));
    world.clock.advance(60);
    expect(await world.giveShare(late)).toEqual({ have: 1, k: 2 });
    expect(statusOf(world)).toMatchObject({ given: [ids[1]] });
  });

  test('time out on the monotonic clock alone', async () => {
    const world = await sealedQuorum();
    await world.giveShares(0);
    world.clock.step(10 * collectedSeconds);
    world.installation.forgetOldShares();
    expect(statusOf(world)).toMatchObject({ have: 1 });
  });

  test('stay when strangers flood the process with what they have', async () => {
    const world = await sealedQuorum();
    await world.giveShares(0);
    const right = await world.unsealJws(world.admin(1));
    const [head, body] = right.split('.') as [string, string];
    const foreign = await world.unsealJws(world.admin(1), { signing: stranger.signing });
    const garbage = [
      'a',
      'a.b.c',
      `${head}.${body}.${'A'.repeat(86)}`,
      foreign,
      await world.unsealJws(world.admin(1), { typ: typ.operation }),
      (await (await sealedQuorum()).unsealJws(world.admin(1))).replace(/.$/, 'A'),
    ];
    const before = statusOf(world);
    for (let round = 0; round < 20; round += 1) {
      for (const jws of garbage)
        await expect(world.giveShare(jws)).rejects.toMatchObject({ status: expect.any(Number) });
      expect(() => statusOf(world, stranger)).toThrow(expect.objectContaining({ code: 'denied' }));
      const init = world.installation.initialiseByOperation(world.initJws(stranger), {
        requestId: 'r',
        channel: { listener: 'direct' },
      });
      await expect(init).rejects.toMatchObject({ code: 'bad_proof' });
    }
    expect(statusOf(world)).toEqual(before);
    await world.giveShare(right);
    expect(world.installation.state).toBe('unsealed');
    // Nor did anything that strangers sent wait for the trail.
    expect(await world.auditRecords()).toHaveLength(3);
  });

  test('are zero at the unseal, at the timeout, at the end of the process, and after an alarm', async () => {
    const ends: readonly ((world: SealWorld) => unknown)[] = [
      (world) => world.giveShares(1),
      (world) => {
        world.clock.advance(collectedSeconds);
        world.installation.forgetOldShares();
      },
      (world) => world.installation.forgetShares(),
      async (world) => {
        await world.store.transact({ compare: [], then: [{ do: 'delete', key: 'sys/keyring' }] });
        await world.giveShares(1).catch(() => {});
      },
    ];
    for (const end of ends) {
      const world = await sealedQuorum();
      const kept = await keptBytes(world);
      expect(kept.some((byte) => byte !== 0)).toBe(true);
      await end(world);
      expect(kept.every((byte) => byte === 0)).toBe(true);
    }
  });

  /** The live bytes of the one share that the process holds after alice gave hers. */
  async function keptBytes(world: SealWorld): Promise<Uint8Array> {
    const { prototype } = SecretBytes as unknown as { prototype: { expose(): Uint8Array } };
    const original = prototype.expose;
    using share = await world.shareOf(world.admin());
    const own = Buffer.from(original.call(share));
    const jws = await world.unsealJws();
    const seen = new Set<Uint8Array>();
    prototype.expose = function expose(this: SecretBytes): Uint8Array {
      const bytes = original.call(this);
      if (Buffer.from(bytes).equals(own)) seen.add(bytes);
      return bytes;
    };
    try {
      await world.giveShare(jws);
    } finally {
      prototype.expose = original;
    }
    expect(seen.size).toBe(1);
    return [...seen][0]!;
  }
});

describe('two replicas', () => {
  test('each count the shares that name their own boot (3.10.7)', async () => {
    const first = await unsealedQuorum();
    const [one, other] = [await first.restarted({ threshold: 2 }), await first.restarted({ threshold: 2 })];
    await one.giveShares(0);
    await expect(one.giveShare(await other.unsealJws(other.admin(1)))).rejects.toMatchObject({ reason: 'share_boot' });
    expect([statusOf(one).have, statusOf(other).have]).toEqual([1, 0]);
    await other.giveShares(1);
    expect([one.installation.state, other.installation.state]).toEqual(['sealed', 'sealed']);
    await one.giveShares(1);
    expect([one.installation.state, other.installation.state]).toEqual(['unsealed', 'sealed']);
    await other.giveShares(0);
    expect(other.installation.state).toBe('unsealed');
  });
});

describe('when the store fails', () => {
  const kinds: readonly Fault[] = ['lost', 'answer_lost', 'late', 'sent_twice'];

  /** Store calls of one run without a fault. */
  async function callsOf(run: (store: FaultyStore) => Promise<unknown>, inner: () => Promise<MemoryStore>) {
    const store = new FaultyStore(await inner());
    await run(store);
    return store.calls;
  }

  test.each(kinds)(
    '"%s" at any call of an initialisation, the next start has one installation or none',
    async (fault) => {
      const start = async (store: SealWorld['store']): Promise<SealWorld> => {
        const world = new SealWorld({ store, admins, threshold: 2 });
        await world.installation.load();
        if (world.installation.state === 'uninitialised') await world.installation.initialise();
        return world;
      };
      const total = await callsOf(start, async () => new MemoryStore());
      expect(total).toBeGreaterThan(2);
      for (let failing = 0; failing < total; failing += 1) {
        const inner = new MemoryStore();
        const faulty = new FaultyStore(inner, ({ index }) => (index === failing ? fault : 'none'));
        const before = await start(faulty).catch(() => undefined);
        await faulty.deliverLate();
        const after = await start(inner);
        if (after.installation.state === 'sealed') await after.giveShares(2, 0);
        expect(after.installation.state).toBe('unsealed');
        // Whoever was told that it is initialised has the installation that is in the store.
        const claimed = before?.installation.unsealed?.inst;
        expect([undefined, after.installation.unsealed!.inst]).toContain(claimed);
      }
    },
  );

  test.each(kinds)('"%s" at any call of an unseal, the ceremony goes on or begins anew', async (fault) => {
    const first = await unsealedQuorum();
    const store = first.store as MemoryStore;
    const ceremony = async (faulty: FaultyStore): Promise<SealWorld> => {
      const world = await first.restarted({ store: faulty, threshold: 2 });
      await world.giveShares(0, 1);
      return world;
    };
    const total = await callsOf(ceremony, async () => store);
    expect(total).toBe(3);
    for (let failing = 1; failing < total; failing += 1) {
      const faulty = new FaultyStore(store, ({ index }) => (index === failing ? fault : 'none'));
      const world = await first.restarted({ store: faulty, threshold: 2 });
      await world.giveShares(0);
      const outcome = await world.giveShares(1).then(
        () => 'unsealed',
        (error: unknown) => (error as { code: string }).code,
      );
      await faulty.deliverLate();
      // The admin whose call failed repeats it; the other is not asked again.
      const left = outcome === 'unavailable' ? [ids[0]] : [ids[0], ids[1]];
      expect(['unsealed', 'unavailable']).toContain(outcome);
      expect(statusOf(world)).toMatchObject({ have: left.length, given: left });
      expect(world.installation.alarm).toBeUndefined();
      if (outcome === 'unavailable') await world.giveShares(1);
      expect(world.installation.state).toBe('unsealed');
      // A process that ended there leaves nothing that hinders the next.
      const next = await first.restarted({ threshold: 2 });
      await next.giveShares(1, 2);
      expect(next.installation.state).toBe('unsealed');
    }
  });

  test('a share that comes while the last one is being used does not hinder it', async () => {
    const first = await unsealedQuorum();
    const store = new FaultyStore(first.store);
    const world = await first.restarted({ store, threshold: 2 });
    await world.giveShares(0);
    const [second, third] = [await world.unsealJws(world.admin(1)), await world.unsealJws(world.admin(2))];
    const reached = delayOnce(store, ({ transaction }) => transaction?.then[0]?.do === 'put');
    const overtaken = world.giveShare(second);
    await reached;
    await world.giveShare(third);
    store.release();
    await expect(overtaken).rejects.toMatchObject({ code: 'conflict', reason: 'already_unsealed' });
    expect(world.installation.state).toBe('unsealed');
    expect(statusOf(world)).toMatchObject({ given: [ids[0], ids[2]] });
  });

  test('a share that is being opened while others unseal is not kept', async () => {
    const first = await unsealedQuorum();
    const store = new FaultyStore(first.store);
    const world = await first.restarted({ store, threshold: 2 });
    await world.giveShares(0);
    const [second, third] = [await world.unsealJws(world.admin(1)), await world.unsealJws(world.admin(2))];
    const reached = delayOnce(store, ({ transaction }) => transaction?.then[0]?.do === 'put');
    const unsealing = world.giveShare(second);
    await reached;
    const late = world.giveShare(third);
    store.release();
    await expect(late).rejects.toMatchObject({ code: 'conflict', reason: 'already_unsealed' });
    await unsealing;
    await world.seal();
    expect(statusOf(world)).toMatchObject({ have: 0, given: [] });
  });
});

describe('requireAcknowledgedShares()', () => {
  const missing = { code: 'conflict', reason: 'shares_unacknowledged' };

  test('holds a durable installation back until every admin has acknowledged, at every replica', async () => {
    const world = await unsealedQuorum({ isTransient: false });
    const other = await world.restarted({ isTransient: false, threshold: 2 });
    await other.giveShares(0, 1);
    for (const [index, admin] of world.admins.entries()) {
      for (const { installation } of [world, other]) {
        await expect(installation.requireAcknowledgedShares()).rejects.toMatchObject(missing);
      }
      expect(await world.acknowledge(admin)).toEqual({ have: index + 1, n: 3 });
      for (const { installation } of [world, other]) {
        expect(await installation.acknowledgedAdmins()).toEqual(ids.slice(0, index + 1));
      }
    }
    await world.installation.requireAcknowledgedShares();
    await other.installation.requireAcknowledgedShares();
    const later = await world.restarted({ isTransient: false, threshold: 2 });
    await later.giveShares(1, 2);
    await later.installation.requireAcknowledgedShares();
  });

  test('asks the store no more once all have', async () => {
    const store = new FaultyStore(new MemoryStore());
    const world = await unsealedQuorum({ isTransient: false, store });
    for (const admin of world.admins) await world.acknowledge(admin);
    await world.installation.requireAcknowledgedShares();
    const before = store.calls;
    await world.installation.requireAcknowledgedShares();
    expect(store.calls).toBe(before);
  });

  test('says how many are missing', async () => {
    const world = await unsealedQuorum({ isTransient: false });
    await world.acknowledge();
    await expect(world.installation.requireAcknowledgedShares()).rejects.toMatchObject({
      detail: expect.stringContaining('1 of 3'),
    });
  });

  test('counts one admin once', async () => {
    const world = await unsealedQuorum({ isTransient: false });
    for (let round = 0; round < 3; round += 1) await world.acknowledge();
    await expect(world.installation.requireAcknowledgedShares()).rejects.toMatchObject(missing);
  });

  test('does not believe records that were put into the store', async () => {
    const world = await unsealedQuorum({ isTransient: false });
    await world.acknowledge();
    const own = (await world.store.range({ key: `sys/ack/1/${ids[0]}` })).entries[0]!.value;
    for (const id of ids.slice(1)) {
      await world.store.transact({ compare: [], then: [{ do: 'put', key: `sys/ack/1/${id}`, value: own }] });
    }
    await expect(world.installation.requireAcknowledgedShares()).rejects.toMatchObject(missing);
  });

  test("does not take one admin's acknowledgement for another's", async () => {
    const world = await unsealedQuorum({ isTransient: false });
    const ack = shareAcknowledgement(await world.shareOf(world.admin(0)), world.installation.configuration!.inst);
    await expect(world.acknowledge(world.admin(1), ack)).rejects.toMatchObject({ reason: 'share_acknowledgement' });
  });

  test('holds nothing back in a transient installation', async () => {
    const world = await unsealedQuorum({ isTransient: true });
    await world.installation.requireAcknowledgedShares();
    expect(await world.installation.acknowledgedAdmins()).toBeUndefined();
  });

  test('is for who is unsealed', async () => {
    const world = await sealedQuorum({ isTransient: false });
    await expect(world.installation.requireAcknowledgedShares()).rejects.toMatchObject({ code: 'sealed' });
    expect(await world.installation.acknowledgedAdmins()).toBeUndefined();
  });
});

describe('followEpoch()', () => {
  /** Two replicas of one store that nobody has initialised yet. */
  async function waiting(): Promise<readonly [SealWorld, SealWorld]> {
    const first = new SealWorld({ threshold: 2, isTransient: false });
    await first.installation.load();
    return [first, await first.restarted({ threshold: 2, isTransient: false })];
  }

  test('finds what another replica has initialised, and waits for shares', async () => {
    const [first, other] = await waiting();
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('uninitialised');
    await first.installation.initialise();
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('sealed');
    await other.giveShares(0, 1);
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('unsealed');
  });

  test('seals what was found so when it is sealed elsewhere', async () => {
    const [first, other] = await waiting();
    await first.installation.initialise();
    await other.installation.followEpoch();
    await other.giveShares(0, 1);
    await first.seal();
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('sealed');
  });

  /** Two unsealed replicas that have looked at the epoch. */
  async function replicas(): Promise<readonly [SealWorld, SealWorld]> {
    const first = await unsealedQuorum();
    const other = await first.restarted({ threshold: 2 });
    await other.giveShares(0, 1);
    for (const { installation } of [first, other]) await installation.followEpoch();
    return [first, other];
  }

  test('seals when another replica was sealed, and leaves a record', async () => {
    const [first, other] = await replicas();
    const sealed: string[] = [];
    other.installation.onSealed(() => sealed.push('sealed'));
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('unsealed');
    await first.seal();
    expect(other.installation.state).toBe('unsealed');
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('sealed');
    expect(sealed).toEqual(['sealed']);
    await other.giveShares(0, 2);
    expect(await other.auditRecords()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ act: 'seal', who: 'service', factor: 'service', reason: 'epoch_moved' }),
      ]),
    );
  });

  test('seals at the first look although none came before, from what the unseal rested on', async () => {
    const first = await unsealedQuorum();
    const other = await first.restarted({ threshold: 2 });
    await other.giveShares(0, 1);
    await first.seal();
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('sealed');
  });

  test.each([
    { name: 'changed', then: { do: 'put', key: 'sys/epoch', value: new Uint8Array(3) } as const },
    { name: 'deleted', then: { do: 'delete', key: 'sys/epoch' } as const },
  ])('seals when the record was $name', async ({ then }) => {
    const [first] = await replicas();
    await first.store.transact({ compare: [], then: [then] });
    await first.installation.followEpoch();
    expect(first.installation.state).toBe('sealed');
  });

  test('does not seal again what was unsealed since', async () => {
    const [first, other] = await replicas();
    await first.seal();
    await other.installation.followEpoch();
    await other.giveShares(0, 1);
    await other.installation.followEpoch();
    await first.giveShares(0, 1);
    await first.installation.followEpoch();
    await first.installation.followEpoch();
    expect([first.installation.state, other.installation.state]).toEqual(['unsealed', 'unsealed']);
  });

  test('keeps the shares of a ceremony that began after the seal of this process', async () => {
    const [first] = await replicas();
    await first.seal();
    await first.giveShares(0);
    await first.installation.followEpoch();
    expect(statusOf(first)).toMatchObject({ have: 1 });
  });

  test('cancels a ceremony that began before the seal', async () => {
    const [first] = await replicas();
    const other = await first.restarted({ threshold: 2 });
    await other.giveShares(0);
    await other.installation.followEpoch();
    expect(statusOf(other)).toMatchObject({ have: 1 });
    await first.seal();
    await other.installation.followEpoch();
    expect(statusOf(other)).toMatchObject({ have: 0 });
  });

  test('an unseal during which another replica was sealed does not happen', async () => {
    const [first] = await replicas();
    const store = new FaultyStore(first.store);
    const world = await first.restarted({ store, threshold: 2 });
    await world.giveShares(0);
    const last = await world.unsealJws(world.admin(1));
    const reached = delayOnce(store, ({ transaction }) => transaction?.then[0]?.do === 'put');
    const attempt = world.giveShare(last);
    await reached;
    await first.seal();
    store.release();
    await expect(attempt).rejects.toMatchObject({ code: 'unavailable', reason: 'unseal_not_recorded' });
    expect(world.installation.state).toBe('sealed');
  });

  test('a look that an unseal overtook changes nothing', async () => {
    const first = await unsealedQuorum();
    const store = new FaultyStore(first.store);
    const world = await first.restarted({ store, threshold: 2 });
    const reached = delayOnce(store, ({ transaction }) => transaction === undefined);
    const look = world.installation.followEpoch();
    await reached;
    await first.seal();
    await world.giveShares(0, 1);
    store.release();
    await look;
    expect(world.installation.state).toBe('unsealed');
  });

  test('news that came during a seal of its own, which then was none, are not forgotten', async () => {
    const [first] = await replicas();
    const store = new FaultyStore(first.store);
    const other = await first.restarted({ store, threshold: 2 });
    await other.giveShares(0, 1);
    const { permitted, operation } = await first.permitted('seal', {});
    const reachedLook = delayOnce(store, ({ transaction }) => transaction === undefined);
    const look = other.installation.followEpoch();
    await reachedLook;
    await first.installation.seal(permitted, operation);
    const reachedSeal = delayOnce(store, ({ transaction }) => transaction !== undefined);
    const again = other.installation.seal(permitted, operation);
    await reachedSeal;
    store.release();
    await look;
    await expect(again).rejects.toMatchObject({ reason: 'operation_applied' });
    expect(other.installation.state).toBe('unsealed');
    await other.installation.followEpoch();
    expect(other.installation.state).toBe('sealed');
  });

  test('does nothing while the store does not answer, nor before there is an installation', async () => {
    const store = new FaultyStore(new MemoryStore());
    const empty = new SealWorld({ store, admins, threshold: 2 });
    await empty.installation.load();
    const before = store.calls;
    await empty.installation.followEpoch();
    expect(store.calls).toBe(before);
    await empty.installation.initialise();
    store.choose = () => 'lost';
    await expect(empty.installation.followEpoch()).rejects.toMatchObject({ code: 'unavailable' });
    expect(empty.installation.state).toBe('unsealed');
  });
});
