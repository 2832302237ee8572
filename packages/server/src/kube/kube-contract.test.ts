import { describe, expect, test } from '@jest/globals';
import { FakeApi } from './testing/fake-api.ts';
import { kubeContract } from './testing/kube-contract.ts';

describe('the fake API server', () => {
  test.each(kubeContract)('$title', async ({ run }) => {
    const api = new FakeApi();
    api.answers.set('/apis/authentication.k8s.io/v1/tokenreviews', () => ({ status: { error: 'no such token' } }));
    await expect(run({ api, namespace: 'shop' })).resolves.toBeUndefined();
  });
});
