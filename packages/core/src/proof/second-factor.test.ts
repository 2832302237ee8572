import { beforeEach, describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import type { CallerWorkload } from './proven.ts';
import { SecondFactor } from './second-factor.ts';
import { ProofFixture, provenCaller } from './testing/proof-fixture.ts';
import { FakeTokenReviewer, reviewedPod } from './testing/token-reviews.ts';
import { verifyProof } from './verify-proof.ts';

const trustDomain = 'prod.example';
const audience = `letterlock-write:${trustDomain}`;
const writerToken = 'the token of the application';
const otherUid = 'ffffffff-2b39-4c52-9c0e-5a1f7d3e8b60';
const workload: CallerWorkload = {
  td: trustDomain,
  ns: reviewedPod.namespace,
  sa: reviewedPod.serviceAccount,
  pod: reviewedPod.podUid,
  by: 'svid',
  nodeUid: reviewedPod.nodeUid,
};

describe('SecondFactor', () => {
  let clock: FixedClock;
  let reviewer: FakeTokenReviewer;
  let secondFactor: SecondFactor;
  const fixture = new ProofFixture();
  const received = { ...fixture.receive('a.b.c'), writerToken };
  const proven = (change: Partial<CallerWorkload> = {}) =>
    provenCaller({ proof: 'a.b.c', factor: 'svid', workload: { ...workload, ...change } }, 'the request');
  beforeEach(() => {
    clock = new FixedClock();
    reviewer = new FakeTokenReviewer();
    reviewer.tokens.set(writerToken, { facts: reviewedPod, audience });
    secondFactor = new SecondFactor({ reviewer, clock, trustDomain });
  });

  test('proves both factors', async () => {
    const { caller, request } = await secondFactor.prove(proven(), received);
    expect(caller).toMatchObject({ factor: 'svid-token', workload });
    expect(request).toBe('the request');
  });

  test('takes a token without a node', async () => {
    const { nodeUid: _, ...facts } = reviewedPod;
    reviewer.tokens.set(writerToken, { facts, audience });
    await expect(secondFactor.prove(proven(), received)).resolves.toBeDefined();
  });

  test.each([
    { name: 'in another namespace', change: { ns: 'bank' }, reason: 'token_other_namespace' },
    { name: 'of another ServiceAccount', change: { sa: 'payments' }, reason: 'token_other_service_account' },
    { name: 'of pod A with the token of pod B', change: { pod: otherUid }, reason: 'token_other_pod' },
    { name: 'on another node', change: { nodeUid: otherUid }, reason: 'token_other_node' },
  ])('refuses a certificate $name, also when the review is remembered', async ({ change, reason }) => {
    const refused = { code: 'denied', reason };
    await expect(secondFactor.prove(proven(change), received)).rejects.toMatchObject(refused);
    await secondFactor.prove(proven(), received);
    await expect(secondFactor.prove(proven(change), received)).rejects.toMatchObject(refused);
  });

  test('refuses a request without a token', async () => {
    const { writerToken: _, ...without } = received;
    const refused = { code: 'denied', reason: 'writer_token_missing' };
    await expect(secondFactor.prove(proven(), without)).rejects.toMatchObject(refused);
  });

  test.each([
    { name: 'nobody', change: undefined },
    { name: 'a key that a token registered', change: { ...workload, by: 'token' } as const },
  ])('refuses a token beside $name: one factor', async ({ change }) => {
    const alone = provenCaller({ proof: 'a.b.c', ...(change === undefined ? {} : { workload: change }) }, '');
    await expect(secondFactor.prove(alone, received)).rejects.toMatchObject({ reason: 'svid_missing' });
  });

  test.each([
    { name: 'for another audience', token: { facts: reviewedPod, audience: `letterlock-enrol:${trustDomain}` } },
    { name: 'for another trust domain', token: { facts: reviewedPod, audience: 'letterlock-write:evil.example' } },
  ])('refuses a token $name', async ({ token }) => {
    reviewer.tokens.set(writerToken, token);
    const refused = { code: 'denied', reason: 'token_not_authenticated' };
    await expect(secondFactor.prove(proven(), received)).rejects.toMatchObject(refused);
  });

  test('refuses a token that is too long, without asking', async () => {
    const long = { ...received, writerToken: 'x'.repeat(8193) };
    await expect(secondFactor.prove(proven(), long)).rejects.toMatchObject({ reason: 'token_too_long' });
    expect(reviewer.asked).toBe(0);
  });

  test('remembers a good review for less than ten seconds, and a bad one not at all', async () => {
    await secondFactor.prove(proven(), received);
    clock.advance(9);
    await secondFactor.prove(proven(), received);
    expect(reviewer.asked).toBe(1);
    clock.advance(1);
    reviewer.tokens.clear();
    for (const asked of [2, 3]) {
      await expect(secondFactor.prove(proven(), received)).rejects.toMatchObject({ code: 'denied' });
      expect(reviewer.asked).toBe(asked);
    }
  });

  test('says so when the API server is away', async () => {
    reviewer.isAway = true;
    await expect(secondFactor.prove(proven(), received)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('is not for another request than the proven one', async () => {
    await expect(secondFactor.prove(proven(), { ...received, proof: 'x.y.z' })).rejects.toThrow(TypeError);
    await expect(secondFactor.prove(provenCaller({ workload }, ''), received)).rejects.toThrow(TypeError);
  });
});

describe('verifyProof() of a workload', () => {
  let fixture: ProofFixture;
  const ofAgent = (change: object = {}) =>
    fixture.receive(fixture.proof({ channelBinding: undefined as never }), {
      channel: { listener: 'agent', exporter: undefined, clientKey: fixture.person.keyset.sig, ...change },
    });
  beforeEach(() => {
    fixture = new ProofFixture();
    const { known } = fixture.person;
    fixture.directory.keys.set(known.id, { ...known, workload });
  });

  test('gives the pod, by the equality of the two keys', async () => {
    const { caller } = await verifyProof(ofAgent(), '', fixture.context);
    expect(caller).toMatchObject({ factor: 'svid', binding: 'key', listener: 'agent', workload });
  });

  test.each([
    { name: 'on another listener', received: () => ofAgent({ listener: 'direct' }) },
    {
      name: 'bound by an exporter',
      received: () =>
        fixture.receive(fixture.proof(), { channel: { listener: 'agent', clientKey: fixture.person.keyset.sig } }),
    },
    { name: 'without a client certificate', received: () => ofAgent({ clientKey: undefined }) },
  ])('refuses one $name', async ({ received }) => {
    await expect(verifyProof(received(), '', fixture.context)).rejects.toMatchObject({ code: 'channel_required' });
  });

  test('refuses one without a proof, where others need none', async () => {
    const context = { ...fixture.context, authentication: 'proof-or-mtls' } as const;
    const received = { ...ofAgent(), proof: undefined };
    await expect(verifyProof(received, '', context)).rejects.toMatchObject({ reason: 'proof_missing' });
  });

  const th = hash43(writerToken);
  test.each([
    { name: 'a token that the proof names', token: writerToken, th, reason: undefined },
    { name: 'neither', token: undefined, th: undefined, reason: undefined },
    { name: 'a token that the proof does not name', token: writerToken, th: undefined, reason: 'proof_token_mismatch' },
    { name: 'another token', token: 'another', th, reason: 'proof_token_mismatch' },
    { name: 'no token although the proof names one', token: undefined, th, reason: 'proof_token_mismatch' },
  ])('with $name', async ({ token, th: tokenHash, reason }) => {
    const proof = fixture.proof({
      channelBinding: undefined as never,
      ...(tokenHash === undefined ? {} : { writerTokenHash: tokenHash }),
    });
    const request = { ...ofAgent(), proof, ...(token === undefined ? {} : { writerToken: token }) };
    const answer = verifyProof(request, '', fixture.context).then(
      () => undefined,
      (error: { readonly reason?: string }) => error.reason,
    );
    await expect(answer).resolves.toBe(reason);
  });
});
