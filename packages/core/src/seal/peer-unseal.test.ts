import { describe, expect, test } from '@jest/globals';
import {
  generateOpeningKey,
  generateSigningKey,
  hash43,
  publicOfOpening,
  randomIdentifier,
  sealPeerKek,
  SecretBytes,
  signPeer,
  type SigningKey,
} from '@letterlock/crypto';
import type { PeerClaims, PeerUnsealRequest, PeerUnsealResponse } from '@letterlock/protocol';
import { FaultyStore } from '../store/testing/faulty-store.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { FakeAttestor } from './testing/fake-attestor.ts';
import { receivedDirect, SealWorld } from './testing/seal-world.ts';

const received = { ...receivedDirect, channel: { ...receivedDirect.channel, listener: 'peer' } } as const;
const podA = new FakeAttestor({ instance: 'pod-a', start: 'container-a' });
const podB = new FakeAttestor({ instance: 'pod-b', start: 'container-b' });
const elsewhere = await sealPeerKek({
  to: publicOfOpening(generateOpeningKey()),
  gen: 1,
  kek: SecretBytes.random(32),
});
type Options = NonNullable<ConstructorParameters<typeof SealWorld>[0]>;

/** A is unsealed, B is another process on its store. */
async function replicas(o: Options = {}): Promise<{ a: SealWorld; b: SealWorld }> {
  const a = await SealWorld.unsealed({ attestor: podA, ...o });
  return { a, b: await a.restarted({ attestor: podB }) };
}

/** The connection from one to the other: TLS has shown the caller's boot key. */
function wire(from: SealWorld, to: SealWorld): (request: PeerUnsealRequest) => Promise<PeerUnsealResponse> {
  return (request) => to.installation.grantPeer(request, from.boot.tls.thumbprint, received);
}

async function requestOf({ boot }: SealWorld, attestor = podB): Promise<PeerUnsealRequest> {
  return { benc: { ...boot.enc.jwk }, token: await attestor.present(boot.boot) };
}

function ask(a: SealWorld, b: SealWorld, request: PeerUnsealRequest): Promise<PeerUnsealResponse> {
  return a.installation.grantPeer(request, b.boot.tls.thumbprint, received);
}

describe('a sealed replica', () => {
  test('is unsealed by its peer, and both write it down', async () => {
    const { a, b } = await replicas();
    await b.installation.unsealByPeer(wire(b, a));
    expect(b.installation.state).toBe('unsealed');
    expect(b.installation.unsealed!.instanceKey.thumbprint).toBe(a.installation.unsealed!.instanceKey.thumbprint);
    expect((await a.auditRecords()).at(-1)).toMatchObject({
      act: 'peer.unseal',
      who: 'pod-b',
      factor: 'peer',
      listener: 'peer',
      obj: `boot/${b.boot.boot}`,
      outcome: 'ok',
    });
    expect(await b.auditRecords()).toMatchObject([{ act: 'unseal', who: 'service', factor: 'peer' }]);
    // It can do the same for the next one.
    const c = await a.restarted({ attestor: new FakeAttestor({ instance: 'pod-c', start: 'container-c' }) });
    await c.installation.unsealByPeer(wire(c, b));
    expect(c.installation.state).toBe('unsealed');
  });

  test('asks nobody when it is unsealed, or when nobody attests it', async () => {
    const { a, b } = await replicas();
    const never = (): Promise<PeerUnsealResponse> => Promise.reject(new TypeError('asked'));
    await a.installation.unsealByPeer(never);
    const alone = await a.restarted();
    await alone.installation.unsealByPeer(never);
    expect(alone.installation.state).toBe('sealed');
    expect(b.installation.state).toBe('sealed');
  });

  test('stays sealed when somebody seals between the answer and its unseal', async () => {
    const { a, b } = await replicas();
    const unsealing = b.installation.unsealByPeer(async (request) => {
      const answer = await wire(b, a)(request);
      await a.seal();
      return answer;
    });
    await expect(unsealing).rejects.toMatchObject({ code: 'unavailable', reason: 'unseal_not_recorded' });
    expect(b.installation.state).toBe('sealed');
  });

  test('stays sealed when somebody seals and unseals between the question and the answer', async () => {
    const { a, b } = await replicas();
    const unsealing = b.installation.unsealByPeer(async (request) => {
      await a.seal();
      await a.unseal();
      return wire(b, a)(request);
    });
    await expect(unsealing).rejects.toMatchObject({ reason: 'unseal_not_recorded' });
    // The next question is of the new time.
    await b.installation.unsealByPeer(wire(b, a));
    expect(b.installation.state).toBe('unsealed');
  });

  describe('judges the answer', () => {
    async function answerWith(
      change: Partial<PeerClaims>,
      o: { readonly key?: SigningKey; readonly kek?: SecretBytes } = {},
    ): Promise<{ b: SealWorld; unsealing: Promise<void> }> {
      const { a, b } = await replicas();
      const { configuration, unsealed } = a.installation;
      using own = await a.kekOf();
      const k = await sealPeerKek({ to: publicOfOpening(b.boot.enc), gen: 1, kek: o.kek ?? own });
      const claims = { boot: b.boot.boot, gen: 1, inst: configuration!.inst, k, ...change };
      const jws = signPeer(o.key ?? unsealed!.instanceKey, claims);
      return { b, unsealing: b.installation.unsealByPeer(() => Promise.resolve({ jws })) };
    }

    test('and takes a right one: the control of the table', async () => {
      const { b, unsealing } = await answerWith({});
      await unsealing;
      expect(b.installation.state).toBe('unsealed');
    });

    test.each([
      { name: 'of another instance', change: {}, o: { key: generateSigningKey() }, problem: { code: 'bad_proof' } },
      { name: 'for another start', change: { boot: hash43('boot') }, o: {}, problem: { reason: 'peer_boot' } },
      {
        name: 'of another installation',
        change: { inst: randomIdentifier() },
        o: {},
        problem: { reason: 'peer_instance' },
      },
      { name: 'of another generation', change: { gen: 2 }, o: {}, problem: { reason: 'peer_generation' } },
      {
        name: 'sealed to another key',
        change: { k: elsewhere },
        o: {},
        problem: { code: 'bad_envelope' },
      },
      {
        name: 'with a KEK that opens nothing',
        change: {},
        o: { kek: SecretBytes.random(32) },
        problem: { code: 'internal', reason: 'keyring_unreadable' },
      },
    ])('and refuses one $name', async ({ change, o, problem }) => {
      const { b, unsealing } = await answerWith(change, o);
      await expect(unsealing).rejects.toMatchObject(problem);
      expect(b.installation.state).toBe('sealed');
      expect(b.installation.alarm).toBe(problem.code === 'internal' ? problem.reason : undefined);
    });
  });
});

describe('an unsealed replica', () => {
  async function attempted(
    change: (worlds: { a: SealWorld; b: SealWorld }) => Promise<Partial<PeerUnsealRequest> & { tls?: string }>,
    o: Options = {},
  ): Promise<{ a: SealWorld; answer: Promise<PeerUnsealResponse>; before: number }> {
    const { a, b } = await replicas(o);
    const { tls = b.boot.tls.thumbprint, ...changed } = await change({ a, b });
    const request = { ...(await requestOf(b)), ...changed };
    const before = a.installation.audit.lastSeq;
    return { a, before, answer: a.installation.grantPeer(request, tls, received) };
  }

  test.each([
    {
      name: 'a token about another start',
      change: async ({ a }: { a: SealWorld }) => ({ token: await podB.present(a.boot.boot) }),
    },
    { name: 'a connection with another key', change: async () => ({ tls: generateSigningKey().thumbprint }) },
    {
      name: 'another receiving key than the attested one',
      change: async () => ({ benc: { ...generateOpeningKey().jwk } }),
    },
    { name: 'no token', change: async () => ({ token: '' }) },
  ])('refuses $name, and leaves no trace of a stranger', async ({ change }) => {
    const { a, answer, before } = await attempted(change);
    await expect(answer).rejects.toMatchObject({ code: 'denied', reason: 'attestation_boot' });
    expect(a.installation.audit.lastSeq).toBe(before);
  });

  test.each([
    { name: 'initialised with off', o: { peerUnseal: 'off' as const }, change: async () => ({}) },
    {
      name: 'whose setting was deleted in the store',
      o: {},
      change: async ({ a }: { a: SealWorld }) => {
        await a.store.transact({ compare: [], then: [{ do: 'delete', key: 'sys/peer-unseal' }] });
        return {};
      },
    },
    {
      name: 'whose setting was replaced in the store',
      o: {},
      change: async ({ a }: { a: SealWorld }) => {
        const [epoch] = (await a.store.range({ key: 'sys/epoch' })).entries;
        await a.store.transact({
          compare: [],
          then: [{ do: 'put', key: 'sys/peer-unseal', value: epoch!.value }],
        });
        return {};
      },
    },
    {
      name: 'that a quorum has switched off',
      o: {},
      change: async ({ a }: { a: SealWorld }) => {
        const { permitted, operation } = await a.permitted('peer_unseal.set', { mode: 'off' });
        await a.installation.setPeerUnseal(permitted, 'off', operation);
        return {};
      },
    },
  ])('refuses in an installation $name, and writes down whom', async ({ o, change }) => {
    const { a, answer } = await attempted(change, o);
    await expect(answer).rejects.toMatchObject({ code: 'denied', reason: 'peer_unseal_off' });
    expect((await a.auditRecords()).at(-1)).toMatchObject({
      act: 'peer.unseal',
      who: 'pod-b',
      outcome: 'refused',
      reason: 'peer_unseal_off',
    });
  });

  test('can be switched on by a quorum, with an operation that counts once', async () => {
    const { a, b } = await replicas({ peerUnseal: 'off' });
    const { permitted, operation } = await a.permitted('peer_unseal.set', { mode: 'attested' });
    await a.installation.setPeerUnseal(permitted, 'attested', operation);
    await b.installation.unsealByPeer(wire(b, a));
    expect(b.installation.state).toBe('unsealed');
    const off = await a.permitted('peer_unseal.set', { mode: 'off' });
    await a.installation.setPeerUnseal(off.permitted, 'off', off.operation);
    const before = await a.auditRecords();
    await a.installation.setPeerUnseal(permitted, 'attested', operation);
    expect(await a.auditRecords()).toEqual(before);
    const c = await a.restarted({ attestor: podB });
    await expect(ask(a, c, await requestOf(c))).rejects.toMatchObject({ code: 'denied', reason: 'peer_unseal_off' });
    const others = { ...operation, signers: operation.signers.slice(1) };
    await expect(a.installation.setPeerUnseal(permitted, 'attested', others)).rejects.toMatchObject({
      code: 'conflict',
      reason: 'operation_applied',
    });
  });

  test('refuses where nobody attests', async () => {
    const a = await SealWorld.unsealed();
    const b = await a.restarted({ attestor: podB });
    await expect(ask(a, b, await requestOf(b))).rejects.toMatchObject({ code: 'denied', reason: 'peer_unseal_off' });
  });

  test('gives nothing in the name of one that has the key and has written it down', async () => {
    const { a } = await replicas();
    // As who has stolen what A proves its pod with.
    const thief = await a.restarted({ attestor: podA });
    const request = await requestOf(thief, podA);
    await expect(a.installation.claimOwnStart()).resolves.toBe('claimed');
    await expect(ask(a, thief, request)).rejects.toMatchObject({ code: 'denied', reason: 'peer_start_granted' });
    // Its own answer may have been lost.
    await expect(a.installation.claimOwnStart()).resolves.toBe('claimed');
  });

  test('tells one that has the key that another process was there before', async () => {
    const { a } = await replicas();
    const thief = await a.restarted({ attestor: podA });
    await ask(a, thief, await requestOf(thief, podA));
    await expect(a.installation.claimOwnStart()).resolves.toBe('taken');
    await expect(a.installation.claimOwnStart()).resolves.toBe('taken');
  });

  test('writes down no start that nobody attests, nor one before a seal', async () => {
    const alone = await SealWorld.unsealed();
    await expect(alone.installation.claimOwnStart()).resolves.toBeUndefined();
    const { a, b } = await replicas();
    await expect(b.installation.claimOwnStart()).rejects.toMatchObject({ code: 'sealed' });
    await b.installation.unsealByPeer(wire(b, a));
    await b.seal();
    expect(a.installation.state).toBe('unsealed');
    await expect(a.installation.claimOwnStart()).rejects.toMatchObject({ code: 'sealed' });
  });

  test('gives each start of a process to one pair of boot keys', async () => {
    const { a, b } = await replicas();
    await ask(a, b, await requestOf(b));
    // The same container, other keys: somebody has its token.
    const thief = await a.restarted({ attestor: podB });
    await expect(ask(a, thief, await requestOf(thief))).rejects.toMatchObject({ reason: 'peer_start_granted' });
    expect((await a.auditRecords()).at(-1)).toMatchObject({ outcome: 'refused', reason: 'peer_start_granted' });
    // The container that Kubernetes starts after it is another.
    const next = new FakeAttestor({ instance: 'pod-b', start: 'container-b-2' });
    await expect(ask(a, thief, await requestOf(thief, next))).resolves.toBeDefined();
  });

  test('knows what another replica gave', async () => {
    const { a, b } = await replicas();
    await b.installation.unsealByPeer(wire(b, a));
    const thief = await a.restarted({ attestor: podB });
    await expect(ask(b, thief, await requestOf(thief))).rejects.toMatchObject({ reason: 'peer_start_granted' });
  });

  test('answers the same keys again after a lost answer, eight times', async () => {
    const { a, b } = await replicas();
    for (let n = 1; n <= 8; n += 1) await ask(a, b, await requestOf(b));
    await expect(ask(a, b, await requestOf(b))).rejects.toMatchObject({ reason: 'peer_granted_too_often' });
    // A seal on purpose and its end begin anew.
    await a.seal();
    await a.unseal();
    await expect(ask(a, b, await requestOf(b))).resolves.toBeDefined();
  });

  test('refuses once it is sealed', async () => {
    const { a, b } = await replicas();
    await a.seal();
    await expect(ask(a, b, await requestOf(b))).rejects.toMatchObject({ code: 'sealed' });
  });

  test('refuses when it was sealed elsewhere and has not heard yet', async () => {
    const { a, b } = await replicas();
    await b.installation.unsealByPeer(wire(b, a));
    await b.seal();
    expect(a.installation.state).toBe('unsealed');
    const c = await a.restarted({ attestor: new FakeAttestor({ instance: 'pod-c', start: 'container-c' }) });
    const request = await requestOf(c, new FakeAttestor({ instance: 'pod-c', start: 'container-c' }));
    await expect(ask(a, c, request)).rejects.toMatchObject({ code: 'sealed' });
  });

  const [imageB, imageC] = [`sha256:${'0b'.repeat(32)}`, `sha256:${'0c'.repeat(32)}`];
  const podC = new FakeAttestor({ instance: 'pod-c', start: 'container-c', image: imageC });
  test.each([
    { name: 'a seal', act: (b: SealWorld) => b.seal(), reason: 'sealed' },
    {
      name: 'a quorum that switches it off',
      act: async (b: SealWorld) => {
        const { permitted, operation } = await b.permitted('peer_unseal.set', { mode: 'off' });
        await b.installation.setPeerUnseal(permitted, 'off', operation);
      },
      reason: 'peer_unseal_off',
    },
    {
      name: 'a quorum that takes the image away',
      act: async (b: SealWorld) => {
        const { permitted, operation } = await b.permitted('images.set', { images: [imageB] });
        await b.installation.setBootImages(permitted, [imageB], operation);
      },
      reason: 'peer_image',
    },
    {
      name: 'a grant of the same start to other keys',
      act: async (b: SealWorld) => {
        const first = await b.restarted({ attestor: podC });
        await ask(b, first, await requestOf(first, podC));
      },
      reason: 'peer_start_granted',
    },
  ])('refuses when $name comes between its look and its record', async ({ act, reason }) => {
    const store = new FaultyStore(new MemoryStore());
    const { a, b } = await replicas({ store, bootImages: [imageC] });
    await b.installation.unsealByPeer(wire(b, a));
    const c = await a.restarted({ attestor: podC });
    const sent = Promise.withResolvers<void>();
    let isDelayed = false;
    store.choose = ({ transaction }) => {
      const isGrant = transaction?.compare.some(({ key }) => key === 'sys/peer-unseal') === true;
      if (!isGrant || isDelayed) return 'none';
      isDelayed = true;
      sent.resolve();
      return 'delayed';
    };
    const answer = ask(a, c, await requestOf(c, podC));
    answer.catch(() => undefined);
    await sent.promise;
    await act(b);
    store.release();
    await expect(answer).rejects.toMatchObject({ reason });
  });

  describe('where images are attested', () => {
    const [listed, other] = [`sha256:${'1a'.repeat(32)}`, `sha256:${'2b'.repeat(32)}`];
    const podWith = (image: string, start = 'container-b'): FakeAttestor =>
      new FakeAttestor({ instance: 'pod-b', start, image });

    test('gives the key to a listed image alone', async () => {
      const { a, b } = await replicas({ bootImages: [listed] });
      await expect(ask(a, b, await requestOf(b, podWith(other)))).rejects.toMatchObject({
        code: 'image_not_listed',
        reason: 'peer_image',
      });
      expect((await a.auditRecords()).at(-1)).toMatchObject({ act: 'peer.unseal', reason: 'peer_image' });
      await expect(ask(a, b, await requestOf(b, podWith(listed)))).resolves.toBeDefined();
    });

    test('knows none until somebody lists one', async () => {
      const { a, b } = await replicas();
      const request = await requestOf(b, podWith(listed));
      await expect(ask(a, b, request)).rejects.toMatchObject({ reason: 'peer_image' });
      const { permitted, operation } = await a.permitted('images.set', { images: [listed] });
      await a.installation.setBootImages(permitted, [listed], operation);
      expect((await a.auditRecords()).at(-1)).toMatchObject({ act: 'images.set', outcome: 'ok' });
      await expect(ask(a, b, request)).resolves.toBeDefined();
    });

    test('tells who is refused, and why, once it is known to be a replica', async () => {
      const { a, b } = await replicas({ bootImages: [listed] });
      const told: unknown[] = [];
      a.installation.onReplicaRefused((replica) => told.push(replica));
      const named = new FakeAttestor({ instance: 'pod-b', name: 'b', start: 'container-b', image: other });
      await expect(ask(a, b, await requestOf(b, named))).rejects.toBeDefined();
      expect(told).toEqual([
        {
          attested: { instance: 'pod-b', name: 'b', start: 'container-b', image: other },
          reason: 'peer_image',
        },
      ]);
      const request = await requestOf(b, named);
      await expect(ask(a, b, { ...request, token: 'x' })).rejects.toMatchObject({ code: 'denied' });
      expect(told).toHaveLength(1);
    });

    test('counts one start once, whatever its image is said to be', async () => {
      const { a, b } = await replicas({ bootImages: [listed, other] });
      await ask(a, b, await requestOf(b, podWith(listed)));
      const thief = await a.restarted({ attestor: podB });
      const refused = ask(a, thief, await requestOf(thief, podWith(other)));
      await expect(refused).rejects.toMatchObject({ reason: 'peer_start_granted' });
    });
  });

  test('gives nothing when its record may not be stored', async () => {
    const store = new FaultyStore(new MemoryStore());
    const { a, b } = await replicas({ store });
    store.choose = ({ transaction }) =>
      transaction?.compare.some(({ key }) => key === 'sys/peer-unseal') === true ? 'lost' : 'none';
    await expect(ask(a, b, await requestOf(b))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('records of granted starts', () => {
  /** Keys of the store that a grant to B adds. */
  async function granted(): Promise<{ a: SealWorld; b: SealWorld; keys: readonly string[] }> {
    const { a, b } = await replicas();
    const before = new Set(await keysOf(a));
    await ask(a, b, await requestOf(b));
    const keys = (await keysOf(a)).filter((key) => !before.has(key));
    return { a, b, keys };
  }
  /** Of two segments; records of the audit trail have three. */
  const keysOf = async ({ store }: SealWorld): Promise<readonly string[]> =>
    (await store.range({ prefix: '', limit: 1000 })).entries
      .map(({ key }) => key)
      .filter((key) => key.split('/').length === 2);

  test('are kept until somebody seals on purpose, and then swept', async () => {
    const { a, keys } = await granted();
    expect(keys).toHaveLength(1);
    expect(await a.installation.sweepPeerGrants({ limit: 10 })).toEqual({ deleted: 0, damaged: 0 });
    await a.seal();
    await a.unseal();
    expect(await a.installation.sweepPeerGrants({ limit: 10 })).toEqual({ deleted: 1, damaged: 0 });
    expect(await keysOf(a)).not.toContain(keys[0]);
  });

  test('are told of and kept when they were changed', async () => {
    const { a, keys } = await granted();
    await a.seal();
    await a.unseal();
    await a.store.transact({ compare: [], then: [{ do: 'put', key: keys[0]!, value: new Uint8Array(100) }] });
    expect(await a.installation.sweepPeerGrants({ limit: 10 })).toEqual({ deleted: 0, damaged: 1 });
    expect(await keysOf(a)).toContain(keys[0]);
  });

  test('count for no other start when they are moved', async () => {
    const { a, b, keys } = await granted();
    const podC = new FakeAttestor({ instance: 'pod-c', start: 'container-c' });
    const c = await a.restarted({ attestor: podC });
    const before = new Set(await keysOf(a));
    await ask(a, c, await requestOf(c, podC));
    const keyOfC = (await keysOf(a)).find((key) => !before.has(key))!;
    const [recordOfC] = (await a.store.range({ key: keyOfC })).entries;
    await a.store.transact({ compare: [], then: [{ do: 'put', key: keys[0]!, value: recordOfC!.value }] });
    await expect(ask(a, b, await requestOf(b))).rejects.toMatchObject({ reason: 'storage_integrity' });
  });
});
