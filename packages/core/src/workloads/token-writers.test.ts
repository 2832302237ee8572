import { beforeEach, describe, expect, test } from '@jest/globals';
import { permit } from '../policy/index.ts';
import { prove, type Caller } from '../proof/proven.ts';
import { SecondFactor } from '../proof/second-factor.ts';
import { reviewedPod } from '../proof/testing/token-reviews.ts';
import { callerFor, makeParty } from '../wraps/testing/wrap-world.ts';
import { podIdentity, podOf, trustDomain, WorkloadsWorld } from './testing/workloads-world.ts';
import { TokenWriters } from './token-writers.ts';

const writeToken = 'the writer token';
const writer = makeParty();
let world: WorkloadsWorld;
let tokenWriters: TokenWriters;
beforeEach(async () => {
  world = await WorkloadsWorld.make();
  const { store, barrier, audit, clock, witness } = world;
  witness.tokens.set(writeToken, { facts: reviewedPod, audience: `letterlock-write:${trustDomain}` });
  const secondFactor = new SecondFactor({ reviewer: witness, clock, trustDomain });
  tokenWriters = new TokenWriters({ store, barrier, audit, clock, trustDomain, witness, secondFactor });
});

function register(party = writer, token = writeToken, change: Partial<Caller> = {}, keyset = party.keyset) {
  const action = { act: 'workload.token', id: party.id } as const;
  const proven = prove(callerFor(party, change), undefined);
  const permitted = permit<'workload.token'>(action, proven, { grants: [], nowSeconds: 0 });
  return tokenWriters.register(permitted, { keyset, token });
}

describe('TokenWriters', () => {
  test('knows a key for ten minutes as that of the token’s pod', async () => {
    const start = world.clock.nowSeconds();
    await expect(register()).resolves.toEqual({ id: writer.id, until: start + 600 });
    world.clock.advance(599);
    expect(await tokenWriters.find(writer.id)).toMatchObject({
      id: writer.id,
      isAdmin: false,
      workload: { ...podIdentity, by: 'token', nodeUid: reviewedPod.nodeUid },
    });
    world.clock.advance(1);
    await expect(tokenWriters.find(writer.id)).resolves.toBeUndefined();
    await expect(tokenWriters.find(makeParty().id)).resolves.toBeUndefined();
  });

  test('records who registered for which pod', async () => {
    await register();
    expect((await world.records()).at(-1)).toMatchObject({
      act: 'workload.token',
      who: writer.id,
      obj: `spiffe://prod.example/ns/shop/sa/orders/pod/${podIdentity.pod}`,
      outcome: 'ok',
    });
  });

  test.each([
    { name: 'a token of the agent', token: 'the token of the pod', reason: 'token_not_authenticated' },
    { name: 'no token', token: 'x', reason: 'token_not_authenticated' },
  ])('refuses $name, and records that', async ({ token, reason }) => {
    await expect(register(writer, token)).rejects.toMatchObject({ code: 'denied', reason });
    expect((await world.records()).at(-1)).toMatchObject({ act: 'workload.token', outcome: 'refused', reason });
    await expect(tokenWriters.find(writer.id)).resolves.toBeUndefined();
  });

  test.each([
    { name: 'is gone', pod: undefined },
    { name: 'was made anew', pod: podOf({ metadata: { uid: 'ffffffff-2b39-4c52-9c0e-5a1f7d3e8b60' } }) },
    { name: 'has another ServiceAccount', pod: podOf({ spec: { serviceAccountName: 'other' } }) },
    { name: 'terminates', pod: podOf({ metadata: { deletionTimestamp: '2026-11-24T12:00:00Z' } }) },
    { name: 'has ended', pod: podOf({ status: { phase: 'Failed' } }) },
  ])('refuses a token whose pod $name', async ({ pod }) => {
    world.show(pod);
    await expect(register()).rejects.toMatchObject({ code: 'denied', reason: 'pod_gone' });
  });

  test('is not permitted without the exporter of this connection, nor for another’s keyset', async () => {
    expect(() => register(writer, writeToken, { binding: 'key' })).toThrow(
      expect.objectContaining({ code: 'channel_required' }),
    );
    await expect(register(writer, writeToken, {}, makeParty().keyset)).rejects.toThrow(TypeError);
  });

  test('refuses a keyset that has ended', async () => {
    const ended = makeParty({ exp: world.clock.nowSeconds() });
    await expect(register(ended)).rejects.toMatchObject({ code: 'bad_key', reason: 'keyset_expired' });
  });

  test('sweeps what has ended, and nothing else', async () => {
    const count = () =>
      [...world.memory.dump()].filter(({ key }) => key.startsWith(world.barrier.keyOf('tokenkey'))).length;
    await register();
    world.clock.advance(300);
    await register(makeParty());
    world.clock.advance(300);
    await tokenWriters.sweep();
    expect(count()).toBe(1);
  });

  test('notices a record that was put in another key’s place', async () => {
    await register();
    const other = makeParty();
    const [entry] = (await world.memory.range({ key: world.barrier.keyOf(`tokenkey/${writer.id}`) })).entries;
    const key = world.barrier.keyOf(`tokenkey/${other.id}`);
    await world.memory.transact({ compare: [], then: [{ do: 'put', key, value: entry!.value }] });
    await expect(tokenWriters.find(other.id)).rejects.toMatchObject({ reason: 'storage_integrity' });
  });

  const uid = podIdentity.pod;
  const ended = { status: { phase: 'Succeeded' } };
  const terminating = { metadata: { deletionTimestamp: '2026-11-24T12:00:00Z' } };
  test.each<{ name: string; what: () => Promise<void>; isKnown: boolean }>([
    { name: 'its pod is gone', what: () => tokenWriters.podGone(uid), isKnown: false },
    { name: 'another pod is gone', what: () => tokenWriters.podGone('other'), isKnown: true },
    { name: 'its pod has ended', what: () => tokenWriters.podChanged(podOf(ended)), isKnown: false },
    { name: 'its pod terminates', what: () => tokenWriters.podChanged(podOf(terminating)), isKnown: false },
    { name: 'its pod changes', what: () => tokenWriters.podChanged(podOf()), isKnown: true },
    {
      name: 'a later list is without its pod',
      what: () => tokenWriters.keepOnly(new Set(), world.clock.nowSeconds() + 1),
      isKnown: false,
    },
    {
      name: 'a list of before is without its pod',
      what: () => tokenWriters.keepOnly(new Set(), world.clock.nowSeconds()),
      isKnown: true,
    },
    {
      name: 'a later list has its pod',
      what: () => tokenWriters.keepOnly(new Set([uid]), world.clock.nowSeconds() + 1),
      isKnown: true,
    },
  ])('when $name, a key is known: $isKnown', async ({ what, isKnown }) => {
    await register();
    await what();
    expect((await tokenWriters.find(writer.id)) !== undefined).toBe(isKnown);
  });
});
