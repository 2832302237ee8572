import { describe, expect, test } from '@jest/globals';
import { ApiError } from './api-error.ts';
import { FakeApi } from './testing/fake-api.ts';
import { createWitness } from './witness.ts';

const reviews = '/apis/authentication.k8s.io/v1/tokenreviews';
const path = '/api/v1/namespaces/shop/pods/orders-1';
const pod = { metadata: { name: 'orders-1', namespace: 'shop', uid: 'u', resourceVersion: '1' } };

describe('createWitness()', () => {
  test('asks about one token for one audience, and passes on what was said', async () => {
    const api = new FakeApi();
    api.answers.set(reviews, () => ({ status: { authenticated: true } }));
    await expect(createWitness(api).reviewToken({ token: 't', audience: 'a' })).resolves.toEqual({
      authenticated: true,
    });
    expect(api.requests.at(-1)?.body).toMatchObject({ spec: { token: 't', audiences: ['a'] } });
  });

  test.each([
    { name: 'is no object', answer: 'yes' },
    { name: 'has no status', answer: {} },
    { name: 'has a status that is no object', answer: { status: true } },
  ])('believes no review that $name', async ({ answer }) => {
    const api = new FakeApi();
    api.answers.set(reviews, () => answer);
    await expect(createWitness(api).reviewToken({ token: 't', audience: 'a' })).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'kubernetes_answer',
    });
  });

  test.each([
    { name: 'another name', answer: { metadata: { ...pod.metadata, name: 'orders-2' } } },
    { name: 'another namespace', answer: { metadata: { ...pod.metadata, namespace: 'other' } } },
    { name: 'no metadata', answer: {} },
  ])('believes no pod of $name', async ({ answer }) => {
    const api = new FakeApi();
    api.answers.set(path, () => answer);
    await expect(createWitness(api).readPod('shop', 'orders-1')).rejects.toMatchObject({ reason: 'kubernetes_answer' });
  });

  test('a pod is there, or is not, or it is not known', async () => {
    const api = new FakeApi();
    const witness = createWitness(api);
    await expect(witness.readPod('shop', 'orders-1')).resolves.toBeUndefined();
    api.answers.set(path, () => pod);
    await expect(witness.readPod('shop', 'orders-1')).resolves.toMatchObject(pod);
    api.failure = new ApiError(0, 'Timeout');
    await expect(witness.readPod('shop', 'orders-1')).rejects.toMatchObject({ reason: 'kubernetes_api' });
  });
});
