import { beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey, openBundle, publicOf } from '@letterlock/crypto';
import { decodeBase64url, workloadUri } from '@letterlock/protocol';
import { permit } from '../policy/index.ts';
import { prove } from '../proof/proven.ts';
import { reviewedPod } from '../proof/testing/token-reviews.ts';
import { callerFor, makeParty } from '../wraps/testing/wrap-world.ts';
import { isReplaced } from './row-events.ts';
import { readLivePod } from './live-pod.ts';
import { FakeWitness } from './testing/fake-witness.ts';
import { describeWitnessContract } from './testing/witness-contract.ts';
import {
  enrolAudience,
  enrolToken,
  firstContainer,
  podAddress,
  podIdentity,
  podOf,
  trustDomain,
  WorkloadsWorld,
} from './testing/workloads-world.ts';

const thief = makeParty();
const secondContainer = 'containerd://b77e02';
const otherUid = 'ffffffff-2b39-4c52-9c0e-5a1f7d3e8b60';

describeWitnessContract('FakeWitness', () => {
  const witness = new FakeWitness();
  witness.tokens.set(enrolToken, { facts: reviewedPod, audience: enrolAudience });
  witness.pods.set(`${reviewedPod.namespace}/${reviewedPod.podName}`, podOf());
  const cutOff = (): void => void (witness.isAway = true);
  return { witness, token: enrolToken, audience: enrolAudience, facts: reviewedPod, cutOff };
});

let world: WorkloadsWorld;
beforeEach(async () => {
  world = await WorkloadsWorld.make();
});

describe('enrol()', () => {
  test('gives a certificate in the name of the pod, the bundle and the instance key', async () => {
    const { bundle, chain, sik } = await world.enrol();
    const svid = world.authorities.parse(decodeBase64url(chain[0]!));
    expect(svid).toMatchObject({ identity: podIdentity, key: { thumbprint: world.agent.id } });
    expect(decodeBase64url(chain[1]!)).toEqual(world.authorities.trusted[0]!.der);
    const key = publicOf(world.instanceKey);
    expect(sik).toEqual(key.jwk);
    expect(openBundle(bundle, key, { nowSeconds: world.clock.nowSeconds(), leastSeq: 1 }).seq).toBe(1);
    await expect(world.knows()).resolves.toBe(true);
  });

  test('records who enrolled which pod, in the transaction of the row', async () => {
    await world.enrol();
    const [, record] = await world.records();
    expect(record).toMatchObject({
      act: 'workload.enrol',
      who: world.agent.id,
      obj: workloadUri(podIdentity),
      outcome: 'ok',
      cb: 'exporter',
    });
  });

  test.each([
    { name: 'a token of another audience', token: 'other', audience: `letterlock-write:${trustDomain}` },
    { name: 'a token of another trust domain', token: 'other', audience: 'letterlock-enrol:evil.example' },
  ])('refuses $name', async ({ token, audience }) => {
    world.witness.tokens.set(token, { facts: reviewedPod, audience });
    await expect(world.enrol(world.agent, { token })).rejects.toMatchObject({ code: 'denied' });
    await expect(world.knows()).resolves.toBe(false);
  });

  test('refuses a token that is none without asking about one that is too long', async () => {
    const token = 'x'.repeat(8193);
    await expect(world.enrol(world.agent, { token })).rejects.toMatchObject({ reason: 'token_too_long' });
    expect(world.witness.asked).toBe(0);
  });

  test('refuses what the decision refuses, and records why', async () => {
    world.show(podOf({ metadata: { uid: otherUid } }));
    await expect(world.enrol()).rejects.toMatchObject({ code: 'denied', reason: 'pod_replaced' });
    expect((await world.records()).at(-1)).toMatchObject({ outcome: 'refused', reason: 'pod_replaced', obj: 'wl' });
  });

  test('refuses another address, unless addresses are not compared', async () => {
    await expect(world.enrol(world.agent, { from: '192.0.2.9' })).rejects.toMatchObject({ reason: 'source_address' });
    const behindMesh = await WorkloadsWorld.make({ checkSourceAddress: false });
    await expect(behindMesh.enrol(behindMesh.agent, { from: '192.0.2.9' })).resolves.toHaveProperty('chain');
  });

  test('asks to come again while the kubelet lags', async () => {
    world.show(podOf({ agent: 'unreported' }));
    await expect(world.enrol()).rejects.toMatchObject({ code: 'unavailable', reason: 'agent_not_running' });
    world.show(podOf());
    await expect(world.enrol()).resolves.toHaveProperty('chain');
  });

  test.each([
    { name: 'of another kind', party: makeParty({ sig: generateSigningKey('P-384') }), reason: 'key_kind' },
    { name: 'whose keyset has ended', party: makeParty({ exp: 1_790_000_000 }), reason: 'keyset_expired' },
  ])('refuses a key $name', async ({ party, reason }) => {
    await expect(world.enrol(party)).rejects.toMatchObject({ code: 'bad_key', reason });
  });

  test('is not permitted without the exporter of this connection', () => {
    const key = { code: 'channel_required', reason: 'channel_missing' };
    expect(() => world.permitEnrol(world.agent, { binding: 'key' })).toThrow(expect.objectContaining(key));
  });

  test('is not permitted for another’s keyset', async () => {
    const act = { act: 'workload.enrol', id: world.agent.id } as const;
    const asThief = prove(callerFor(thief), undefined);
    const none = { grants: [], nowSeconds: 0 };
    expect(() => permit<'workload.enrol'>(act, asThief, none)).toThrow(
      expect.objectContaining({ reason: 'identity_not_own' }),
    );
    const request = { keyset: world.agent.keyset, token: enrolToken, sourceAddress: podAddress };
    await expect(world.workloads.enrol(world.permitEnrol(thief), request)).rejects.toThrow(TypeError);
  });
});

describe('one key for each start of an agent', () => {
  test('serves the same key again, also after a lost answer and with a token used before', async () => {
    await world.enrol();
    world.clock.advance(7200);
    await expect(world.enrol()).resolves.toHaveProperty('chain');
    expect(world.alarms).toEqual([]);
    expect(world.revoked).toEqual([]);
  });

  test('serves it although the answer of the store was lost', async () => {
    let isArmed = true;
    world.store.choose = ({ transaction }) => {
      const isLost = isArmed && transaction !== undefined;
      if (isLost) isArmed = false;
      return isLost ? 'answer_lost' : 'none';
    };
    await expect(world.enrol()).resolves.toHaveProperty('chain');
    await expect(world.knows()).resolves.toBe(true);
  });

  test('refuses a second key, first as if the report were late, and raises the alarm once after ten seconds', async () => {
    await world.enrol();
    await expect(world.enrol(thief)).rejects.toMatchObject({ code: 'unavailable', reason: 'container_key_taken' });
    world.clock.advance(9);
    await expect(world.enrol(thief)).rejects.toMatchObject({ code: 'unavailable' });
    expect(world.alarms).toEqual([]);
    world.clock.advance(1);
    const refused = { code: 'denied', reason: 'container_key_taken' };
    await expect(world.enrol(thief)).rejects.toMatchObject(refused);
    await expect(world.enrol(thief)).rejects.toMatchObject(refused);
    expect(world.alarms).toEqual([
      {
        namespace: 'shop',
        pod: reviewedPod.podName,
        podUid: reviewedPod.podUid,
        containerId: firstContainer,
        kid: thief.id,
      },
    ]);
    const alarms = (await world.records()).filter(({ act }) => act === 'workload.alarm');
    expect(alarms).toHaveLength(1);
    await expect(world.knows()).resolves.toBe(true);
    await expect(world.knows(thief)).resolves.toBe(false);
  });

  test('raises the alarm although the thief came only once', async () => {
    await world.enrol();
    await expect(world.enrol(thief)).rejects.toMatchObject({ code: 'unavailable' });
    world.clock.advance(9);
    await world.workloads.judgeSuspicions();
    expect(world.alarms).toHaveLength(0);
    world.clock.advance(1);
    await world.workloads.judgeSuspicions();
    await world.workloads.judgeSuspicions();
    expect(world.alarms).toHaveLength(1);
  });

  test('gives no time to who comes with ever new keys', async () => {
    await world.enrol();
    for (const party of [thief, makeParty(), makeParty()]) {
      await expect(world.enrol(party)).rejects.toMatchObject({ reason: 'container_key_taken' });
      world.clock.advance(5);
    }
    await world.workloads.judgeSuspicions();
    expect(world.alarms).toHaveLength(1);
  });

  test('lets an agent in that restarted faster than the kubelet reports, without an alarm', async () => {
    await world.enrol();
    const restarted = makeParty();
    await expect(world.enrol(restarted)).rejects.toMatchObject({ code: 'unavailable' });
    world.clock.advance(1);
    world.show(podOf({ agent: { container: secondContainer, restarts: 1 } }));
    await expect(world.enrol(restarted)).resolves.toHaveProperty('chain');
    world.clock.advance(60);
    await world.workloads.judgeSuspicions();
    expect(world.alarms).toEqual([]);
    await expect(world.knows(restarted)).resolves.toBe(true);
    await expect(world.knows()).resolves.toBe(false);
    expect(world.revoked).toEqual([reviewedPod.podUid]);
  });

  test('raises no alarm for a pod that is gone by then', async () => {
    await world.enrol();
    await expect(world.enrol(thief)).rejects.toMatchObject({ code: 'unavailable' });
    world.show(undefined);
    world.clock.advance(10);
    await world.workloads.judgeSuspicions();
    expect(world.alarms).toEqual([]);
  });

  test('does not put a newer start out by an older report', async () => {
    world.show(podOf({ agent: { container: secondContainer, restarts: 1 } }));
    await world.enrol();
    world.show(podOf());
    await expect(world.enrol(thief)).rejects.toMatchObject({ code: 'unavailable', reason: 'agent_not_running' });
    await expect(world.knows()).resolves.toBe(true);
  });

  test('lets one of two keys win that come at once', async () => {
    const results = await Promise.allSettled([world.enrol(), world.enrol(thief)]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('renew()', () => {
  const permitRenew = (workload: object | undefined) => {
    const caller = callerFor(world.agent, {
      ...(workload === undefined ? {} : { workload: workload as never }),
      factor: 'svid',
    });
    return permit<'workload.renew'>({ act: 'workload.renew', id: world.agent.id }, prove(caller, undefined), {
      grants: [],
      nowSeconds: 0,
    });
  };
  const request = { token: enrolToken, sourceAddress: podAddress };

  test('gives a new certificate for the same key', async () => {
    await world.enrol();
    world.clock.advance(1800);
    const { chain } = await world.workloads.renew(permitRenew({ ...podIdentity, by: 'svid' }), request);
    const { key, notAfter } = world.authorities.parse(decodeBase64url(chain[0]!));
    expect(key.thumbprint).toBe(world.agent.id);
    expect(notAfter).toBe(world.clock.nowSeconds() + 3600);
  });

  test('refuses the token of another pod', async () => {
    await world.enrol();
    const other = { ...podIdentity, pod: otherUid, by: 'svid' };
    await expect(world.workloads.renew(permitRenew(other), request)).rejects.toMatchObject({
      reason: 'token_other_pod',
    });
  });

  test('is not permitted without a certificate', () => {
    expect(() => permitRenew(undefined)).toThrow(expect.objectContaining({ reason: 'svid_missing' }));
    expect(() => permitRenew({ ...podIdentity, by: 'token' })).toThrow(
      expect.objectContaining({ reason: 'svid_missing' }),
    );
  });
});

describe('directoryOf()', () => {
  test.each([
    { name: 'another namespace', identity: { ...podIdentity, ns: 'bank' } },
    { name: 'another ServiceAccount', identity: { ...podIdentity, sa: 'payments' } },
    { name: 'another pod', identity: { ...podIdentity, pod: otherUid } },
  ])('knows nobody for a certificate of $name', async ({ identity }) => {
    await world.enrol();
    const directory = world.workloads.directoryOf({ identity, key: world.agent.keyset.sig });
    await expect(Promise.resolve(directory.find(world.agent.id))).resolves.toBeUndefined();
  });

  test('knows nobody for a certificate of another key', async () => {
    await world.enrol();
    const directory = world.workloads.directoryOf({ identity: podIdentity, key: thief.keyset.sig });
    await expect(Promise.resolve(directory.find(world.agent.id))).resolves.toBeUndefined();
    await expect(Promise.resolve(directory.find(thief.id))).resolves.toBeUndefined();
  });

  test('gives the pod with its node', async () => {
    await world.enrol();
    const directory = world.workloads.directoryOf({ identity: podIdentity, key: world.agent.keyset.sig });
    expect(await directory.find(world.agent.id)).toMatchObject({
      id: world.agent.id,
      isAdmin: false,
      workload: { ...podIdentity, by: 'svid', nodeUid: reviewedPod.nodeUid },
    });
  });

  test('notices a row that was put in another pod’s place', async () => {
    await world.enrol();
    const entries = [...world.memory.dump()];
    const from = world.barrier.keyOf(`wl/${podIdentity.pod}`);
    const value = entries.find(({ key }) => key === from)!.value;
    await world.memory.transact({
      compare: [],
      then: [{ do: 'put', key: world.barrier.keyOf(`wl/${otherUid}`), value }],
    });
    const directory = world.workloads.directoryOf({
      identity: { ...podIdentity, pod: otherUid },
      key: world.agent.keyset.sig,
    });
    await expect(directory.find(world.agent.id)).rejects.toMatchObject({ reason: 'storage_integrity' });
  });
});

describe('revocation', () => {
  beforeEach(() => world.enrol());

  test.each([
    { name: 'terminates', pod: podOf({ metadata: { deletionTimestamp: '2026-11-24T12:00:00Z' } }) },
    { name: 'has ended', pod: podOf({ status: { phase: 'Failed' } }) },
    { name: 'has a newer start of its agent', pod: podOf({ agent: { container: secondContainer, restarts: 1 } }) },
    { name: 'has an agent that has ended', pod: podOf({ agent: { state: { terminated: { exitCode: 1 } } } }) },
  ])('follows a pod that $name', async ({ pod }) => {
    await world.workloads.podChanged(pod);
    await expect(world.knows()).resolves.toBe(false);
    expect(world.revoked).toEqual([podIdentity.pod]);
    expect((await world.records()).at(-1)).toMatchObject({ act: 'workload.revoke', obj: workloadUri(podIdentity) });
  });

  test.each([
    { name: 'as it was', pod: podOf() },
    { name: 'from before its agent was reported', pod: podOf({ agent: 'unreported' }) },
    { name: 'of another pod', pod: podOf({ metadata: { uid: otherUid, deletionTimestamp: 'x' } }) },
    { name: 'that is none', pod: { kind: 'Status' } },
  ])('does nothing after a report $name', async ({ pod }) => {
    await world.workloads.podChanged(pod);
    await expect(world.knows()).resolves.toBe(true);
    expect(world.revoked).toEqual([]);
  });

  test('forgets a pod that is deleted, with all its starts', async () => {
    await world.workloads.podGone(podIdentity.pod);
    await expect(world.knows()).resolves.toBe(false);
    expect(world.revoked).toEqual([podIdentity.pod]);
    const left = [...world.memory.dump()].filter(({ key }) => key.startsWith(world.barrier.keyOf('issued')));
    expect(left).toEqual([]);
  });

  test('forgets starts whose row had gone before', async () => {
    await world.workloads.podChanged(podOf({ status: { phase: 'Failed' } }));
    await world.workloads.podGone(podIdentity.pod);
    const left = [...world.memory.dump()].filter(({ key }) => key.startsWith(world.barrier.keyOf('issued')));
    expect(left).toEqual([]);
  });

  test('keeps the first key of a start although its row went', async () => {
    await world.workloads.podChanged(podOf({ agent: { state: { terminated: { exitCode: 1 } } } }));
    await expect(world.enrol(thief)).rejects.toMatchObject({ reason: 'container_key_taken' });
  });

  test('revokes after a list what is not in it, and nothing that came after the list was asked for', async () => {
    const asked = world.clock.nowSeconds();
    await world.workloads.keepOnly(new Set(), asked);
    await expect(world.knows()).resolves.toBe(true);
    await world.workloads.keepOnly(new Set([podIdentity.pod]), asked + 1);
    await expect(world.knows()).resolves.toBe(true);
    await world.workloads.keepOnly(new Set(), asked + 1);
    await expect(world.knows()).resolves.toBe(false);
  });
});

describe('isReplaced()', () => {
  const row = { container: secondContainer, restarts: 1 };
  const report = (agent: object) => readLivePod(podOf({ agent }))!;

  test.each([
    { name: 'an older start that runs', pod: report({ restarts: 0 }), expected: false },
    {
      name: 'an older start that has ended',
      pod: report({ restarts: 0, state: { terminated: { exitCode: 1 } } }),
      expected: false,
    },
    { name: 'the same start', pod: report({ container: secondContainer, restarts: 1 }), expected: false },
    {
      name: 'the same start, ended',
      pod: report({ container: secondContainer, restarts: 1, state: { waiting: {} } }),
      expected: true,
    },
    { name: 'a newer start', pod: report({ container: 'containerd://c', restarts: 2 }), expected: true },
  ])('after $name', ({ pod, expected }) => {
    expect(isReplaced(row, pod)).toBe(expected);
  });
});
