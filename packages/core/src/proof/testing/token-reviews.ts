/**
 * Statuses of TokenReviews in the form in which an API server gives them, and a fake that knows tokens by their text.
 * It must never be used outside tests.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import type { TokenFacts, TokenReviewer } from '../token-review.ts';

export const reviewedPod: TokenFacts & { readonly nodeUid: string } = {
  namespace: 'shop',
  serviceAccount: 'orders',
  podName: 'orders-7d4b9c6f5-x2x4k',
  podUid: '0f4a1c7e-2b39-4c52-9c0e-5a1f7d3e8b60',
  nodeUid: '9f0f5b4e-8b0a-4c5d-a8ff-2b3f0c1d2e3f',
};

/** The status of a genuine token. */
export function reviewStatus(facts: TokenFacts, audience: string) {
  const { namespace, serviceAccount, podName, podUid, nodeUid } = facts;
  return {
    authenticated: true,
    user: {
      username: `system:serviceaccount:${namespace}:${serviceAccount}`,
      uid: '5e0b1b6e-2a0f-4a63-bb6c-6a9f6f9f0b11',
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': ['JTI=6d5b9f0a-6d51-4c8d-9d1e-9b7f0d5d3c2b'],
        'authentication.kubernetes.io/node-name': ['node-1'],
        ...(nodeUid === undefined ? {} : { 'authentication.kubernetes.io/node-uid': [nodeUid] }),
        'authentication.kubernetes.io/pod-name': [podName],
        'authentication.kubernetes.io/pod-uid': [podUid],
      },
    },
    audiences: [audience],
  };
}

/** The status of a token that is not for the audience asked for, that has ended, or that is no token at all. */
export const refusedStatus = { user: {}, error: 'invalid bearer token' } as const;

/** Knows tokens by their text, each for one audience, as the API server does. */
export class FakeTokenReviewer implements TokenReviewer {
  readonly tokens = new Map<string, { readonly facts: TokenFacts; readonly audience: string }>();
  /** How often it was asked. */
  asked = 0;
  isAway = false;

  reviewToken({ token, audience }: { readonly token: string; readonly audience: string }): Promise<unknown> {
    this.asked += 1;
    if (this.isAway) return Promise.reject(new ProblemError('unavailable', { reason: 'api_server' }));
    const known = this.tokens.get(token);
    return Promise.resolve(
      known !== undefined && known.audience === audience ? reviewStatus(known.facts, audience) : refusedStatus,
    );
  }
}
