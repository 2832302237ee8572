import { describe, expect, test } from '@jest/globals';
import { readTokenReview } from './token-review.ts';
import { refusedStatus, reviewedPod, reviewStatus } from './testing/token-reviews.ts';

const audience = 'letterlock-enrol:prod.example';
const genuine = reviewStatus(reviewedPod, audience);
type Status = typeof genuine;
const extra = (change: object): Status => ({
  ...genuine,
  user: { ...genuine.user, extra: { ...genuine.user.extra, ...change } },
});
const named = (username: unknown): unknown => ({ ...genuine, user: { ...genuine.user, username } });
const podUid = 'authentication.kubernetes.io/pod-uid';
const podName = 'authentication.kubernetes.io/pod-name';
const nodeUid = 'authentication.kubernetes.io/node-uid';
const otherUid = 'ffffffff-2b39-4c52-9c0e-5a1f7d3e8b60';

// T-21
describe('readTokenReview()', () => {
  test('gives the facts of a genuine token', () => {
    expect(readTokenReview(genuine, audience)).toEqual({ isGenuine: true, facts: reviewedPod });
  });

  test('takes a token without a node, as clusters before 1.30 make them', () => {
    const { nodeUid: _, ...facts } = reviewedPod;
    expect(readTokenReview(reviewStatus(facts, audience), audience)).toEqual({ isGenuine: true, facts });
  });

  test('takes one of several confirmed audiences', () => {
    expect(readTokenReview({ ...genuine, audiences: ['other', audience] }, audience).isGenuine).toBe(true);
  });

  test.each([
    { name: 'nothing', status: undefined, reason: 'token_review_form' },
    { name: 'a list', status: [genuine], reason: 'token_review_form' },
    { name: 'a refusal', status: refusedStatus, reason: 'token_not_authenticated' },
    { name: 'not authenticated', status: { ...genuine, authenticated: false }, reason: 'token_not_authenticated' },
    { name: 'the word true', status: { ...genuine, authenticated: 'true' }, reason: 'token_not_authenticated' },
    {
      name: 'no audience in the status',
      status: { ...genuine, audiences: undefined },
      reason: 'token_audience_not_confirmed',
    },
    { name: 'no audience confirmed', status: { ...genuine, audiences: [] }, reason: 'token_audience_not_confirmed' },
    {
      name: 'the audience as a text that contains ours',
      status: { ...genuine, audiences: `${audience}, other` },
      reason: 'token_audience_not_confirmed',
    },
    {
      name: 'another audience',
      status: { ...genuine, audiences: ['https://kubernetes.default.svc'] },
      reason: 'token_audience_mismatch',
    },
    {
      name: 'the audience of another trust domain',
      status: { ...genuine, audiences: [`${audience}.evil`] },
      reason: 'token_audience_mismatch',
    },
    { name: 'a node’s user', status: named('system:node:node-1'), reason: 'token_not_service_account' },
    { name: 'no user', status: { ...genuine, user: undefined }, reason: 'token_not_service_account' },
    {
      name: 'a user whose name continues',
      status: named('system:serviceaccount:shop:orders:x'),
      reason: 'token_not_service_account',
    },
    {
      name: 'a user whose name has a line before',
      status: named('x\nsystem:serviceaccount:shop:orders'),
      reason: 'token_not_service_account',
    },
    {
      name: 'a name that is a list',
      status: named(['system:serviceaccount:shop:orders']),
      reason: 'token_not_service_account',
    },
    { name: 'no pod uid', status: extra({ [podUid]: undefined }), reason: 'token_not_of_a_pod' },
    { name: 'no pod name', status: extra({ [podName]: undefined }), reason: 'token_not_of_a_pod' },
    {
      name: 'no extra',
      status: { ...genuine, user: { ...genuine.user, extra: undefined } },
      reason: 'token_not_of_a_pod',
    },
    {
      name: 'two pod uids',
      status: extra({ [podUid]: [reviewedPod.podUid, otherUid] }),
      reason: 'token_pod_ambiguous',
    },
    { name: 'an empty list of pod uids', status: extra({ [podUid]: [] }), reason: 'token_pod_ambiguous' },
    {
      name: 'a pod uid that is a text',
      status: extra({ [podUid]: reviewedPod.podUid }),
      reason: 'token_pod_ambiguous',
    },
    {
      name: 'a pod uid in upper case',
      status: extra({ [podUid]: [reviewedPod.podUid.toUpperCase()] }),
      reason: 'token_pod_ambiguous',
    },
    { name: 'two pod names', status: extra({ [podName]: ['a', 'b'] }), reason: 'token_pod_ambiguous' },
    { name: 'a pod name that is a path', status: extra({ [podName]: ['../x'] }), reason: 'token_pod_ambiguous' },
    {
      name: 'two node uids',
      status: extra({ [nodeUid]: [reviewedPod.nodeUid, otherUid] }),
      reason: 'token_node_ambiguous',
    },
  ])('refuses $name', ({ status, reason }) => {
    expect(readTokenReview(status, audience)).toEqual({ isGenuine: false, reason });
  });
});
