import { describe, expect, test } from '@jest/globals';
import type { KubernetesServices } from './kubernetes-ports.ts';
import { createUnsealedSources } from './unsealed-sources.ts';

/** Each part says that it was asked. */
function sources() {
  const asked: string[] = [];
  const says =
    (name: string) =>
    async (...words: readonly unknown[]) => {
      asked.push([name, ...words.filter((word) => typeof word === 'string')].join(' '));
    };
  const followers = (name: string) => ({
    podChanged: says(`${name} changed`),
    podGone: says(`${name} gone`),
    keepOnly: says(`${name} listed`),
  });
  const services = {
    workloads: followers('workloads'),
    tokenWriters: followers('tokens'),
    bindingKeys: {
      destroy: says('keys'),
      fresh: async () => ({ jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' } }),
    },
    retained: { forget: says('forget') },
  } as unknown as KubernetesServices;
  const record = { ver: 3, at: 5, wrt: 'w', rcp: ['r'], s: 'STORED' };
  const wrap = { st: 'OPENED', storedAt: 5, wrt: 'w', rcp: 'r', exp: 9 };
  const secrets = { purge: says('secrets'), observe: async () => record };
  const wraps = { purge: says('wraps'), observe: async () => wrap };
  return { asked, sources: createUnsealedSources(services, secrets as never, wraps as never) };
}

describe('createUnsealedSources()', () => {
  test('what happens to a pod, its certificate and its registered keys hear of', async () => {
    const { asked, sources: given } = sources();
    await given.podChanged({});
    await given.podGone('u');
    await given.podsListed(new Set(), 1);
    expect(asked).toEqual([
      'workloads changed',
      'tokens changed',
      'workloads gone u',
      'tokens gone u',
      'workloads listed',
      'tokens listed',
    ]);
  });

  test('a purge begins with the keys, and ends with its record', async () => {
    const { asked, sources: given } = sources();
    await given.purge({ namespace: 'shop', name: 'db', retainSeconds: 0, once: ['token'] });
    expect(asked).toEqual(['keys shop db', 'secrets k8s/shop/db', 'wraps k8s/shop/db/token', 'forget']);
  });

  test('the key is the fresh one, without what else a key has', async () => {
    await expect(sources().sources.publicKeyOf('shop', 'db')).resolves.toEqual({
      kty: 'EC',
      crv: 'P-256',
      x: 'x',
      y: 'y',
    });
  });

  test('what opens once is looked for where it is', async () => {
    const { sources: given } = sources();
    await expect(given.secretOf('p', 'Once')).resolves.toMatchObject({ version: 1, isTaken: true, isGone: false });
    await expect(given.secretOf('p', 'Unlimited')).resolves.toMatchObject({ version: 3, writer: 'w', isGone: false });
  });
});
