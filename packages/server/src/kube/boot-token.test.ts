/** A boot token is asked for this very pod, and an answer is not believed before it is looked at. @module */
import { describe, expect, test } from '@jest/globals';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { requestBootToken } from './boot-token.ts';

const pod = {
  namespace: 'letterlock-system',
  serviceAccount: 'letterlock-server',
  name: 'letterlock-server-0',
  uid: 'u',
};
const audience = 'letterlock-boot:prod.example:abc';

/** An API server that gives one answer and keeps what it was asked. */
function answering(answer: () => Promise<unknown>) {
  const asked: unknown[] = [];
  const api: ApiClient = {
    ask: (request) => {
      asked.push(request);
      return answer();
    },
    follow: () => {
      throw new Error('Nothing is followed here');
    },
  };
  return { api, asked };
}

describe('requestBootToken()', () => {
  test('asks for one audience, bound to this pod, for an hour', async () => {
    const { api, asked } = answering(async () => ({ status: { token: 'a.b.c' } }));
    expect(await requestBootToken(api, pod, audience)).toBe('a.b.c');
    expect(asked).toEqual([
      {
        method: 'POST',
        path: '/api/v1/namespaces/letterlock-system/serviceaccounts/letterlock-server/token',
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: {
            audiences: [audience],
            expirationSeconds: 3600,
            boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'letterlock-server-0', uid: 'u' },
          },
        },
      },
    ]);
  });

  test.each([
    { name: 'no answer', answer: async () => Promise.reject(new ApiError(0, 'Timeout')), reason: 'kubernetes_api' },
    { name: 'no status', answer: async () => ({}), reason: 'kubernetes_answer' },
    { name: 'an empty token', answer: async () => ({ status: { token: '' } }), reason: 'kubernetes_answer' },
    { name: 'a token that is no text', answer: async () => ({ status: { token: 1 } }), reason: 'kubernetes_answer' },
    {
      name: 'a token over the limit',
      answer: async () => ({ status: { token: 'a'.repeat(8193) } }),
      reason: 'kubernetes_answer',
    },
  ])('is unavailable with $name', async ({ answer, reason }) => {
    await expect(requestBootToken(answering(answer).api, pod, audience)).rejects.toMatchObject({
      code: 'unavailable',
      reason,
    });
  });
});
