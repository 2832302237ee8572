/** What the pinned cluster says about a process that asks for a share: each row differs from a right case in one thing. @module */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey, hash43, signBoot } from '@letterlock/crypto';
import { vouch, type BootKnowledge } from './boot-identities.ts';
import type { ClusterAttestation } from './cluster-attestation.ts';
import type { Context } from './context.ts';
import type { ClusterPin } from './state/cluster-pin.ts';
import { clusterSigner, issuer } from './testing/cluster-signer.ts';
import { fakeKubectl, serverDigest, serverPodObject, soundCluster, type FakeCluster } from './testing/fake-cluster.ts';

const now = 1_790_000_000;
const boot = hash43('boot');
const [signer, stranger] = [clusterSigner('k'), clusterSigner('k')];
const audience = `letterlock-boot:test.example:${boot}`;
const token = signer.tokenOf({ audience, nowSeconds: now });
const shown = { boot, trustDomain: 'test.example', token };
const pin: ClusterPin = {
  issuer,
  keys: [signer.jwk],
  namespace: 'll',
  serviceAccount: 'letterlock-server',
  images: [serverDigest],
  isReachable: true,
  pinnedAt: now,
};
const sound: FakeCluster = {
  ...soundCluster(now),
  objects: { pod: [serverPodObject('letterlock-server-0')] },
  documents: signer.documents,
  logs: { 'letterlock-server-0': JSON.stringify({ msg: 'Listening', boot }) },
};
let notes: string[];
let context: Context;

beforeEach(() => {
  notes = [];
  const output = { note: (text: string) => notes.push(text) };
  const terminal = { isInteractive: false, write: () => undefined };
  context = { now: () => now, output, terminal } as unknown as Context;
});

function knowing(
  cluster: FakeCluster | undefined,
  more: Partial<BootKnowledge> = {},
  pinned: ClusterPin = pin,
): BootKnowledge {
  const kubectl = cluster === undefined ? undefined : fakeKubectl(cluster);
  return {
    fingerprint: hash43('instance'),
    pinned: [],
    trusted: [],
    boots: undefined,
    cluster: { pin: pinned, kubectl },
    ...more,
  };
}

describe('vouch() with a pinned cluster', () => {
  test('lets a process pass whose token, pod, image and log are right, without a question, and says what was seen', async () => {
    const attested = new Map<string, ClusterAttestation>();
    await expect(vouch(context, knowing(sound, { attested }), shown, undefined)).resolves.toBe(true);
    expect(notes).toEqual([expect.stringContaining(`runs the pinned image ${serverDigest}, and its log names`)]);
    expect(notes[0]).toContain('ll/letterlock-server-0');
    expect(attested.get(boot)).toMatchObject({ checked: { isImagePinned: true } });
  });

  test('without the cluster lets it pass by its token, and says what was not looked at', async () => {
    await expect(vouch(context, knowing(undefined), shown, undefined)).resolves.toBe(true);
    expect(notes).toEqual([expect.stringContaining('image and log not looked at')]);
  });

  test.each([
    { name: 'no token', token: undefined },
    { name: 'a token by another key of that name', token: stranger.tokenOf({ audience, nowSeconds: now }) },
    { name: 'a token of another issuer', token: signer.tokenOf({ audience, nowSeconds: now, issuer: 'https://x' }) },
    {
      name: 'a token about other boot keys',
      token: signer.tokenOf({ audience: `letterlock-boot:test.example:${hash43('x')}`, nowSeconds: now }),
    },
    { name: 'a token that has ended', token: signer.tokenOf({ audience, nowSeconds: now - 3600 }) },
    {
      name: 'a statement of a static identity',
      token: signBoot(generateSigningKey(), { boot, exp: now + 300, iat: now, td: 'test.example' }),
    },
  ])('refuses $name, with the cluster and without, whoever else vouches', async ({ token: other }) => {
    const process = { ...shown, token: other };
    for (const cluster of [sound, undefined]) {
      const knowledge = knowing(cluster, { boots: [boot] });
      await expect(vouch(context, knowledge, process, boot)).rejects.toMatchObject({ exit: 'integrity' });
    }
    expect(notes).toEqual([]);
  });

  test.each([
    { name: 'the pod is another one', cluster: { ...sound, objects: { pod: [] } } },
    { name: 'its log names another process', cluster: { ...sound, logs: { 'letterlock-server-0': '' } } },
    {
      name: 'the cluster is another one',
      cluster: { ...sound, documents: { ...sound.documents, '/.well-known/openid-configuration': { issuer: 'x' } } },
    },
    {
      name: 'the cluster has no such key any more',
      cluster: { ...sound, documents: stranger.documents },
    },
  ])('refuses when $name', async ({ cluster }) => {
    await expect(vouch(context, knowing(cluster), shown, boot)).rejects.toMatchObject({ exit: 'integrity' });
  });

  test('refuses when the image is not pinned', async () => {
    const other = { ...pin, images: [`sha256:${'6f'.repeat(32)}`] };
    await expect(vouch(context, knowing(sound, {}, other), shown, boot)).rejects.toMatchObject({
      exit: 'integrity',
      next: expect.stringContaining('letterlock trust cluster'),
    });
  });

  test('refuses when the cluster does not answer', async () => {
    const away = { ...sound, documents: {} };
    await expect(vouch(context, knowing(away), shown, boot)).rejects.toMatchObject({ exit: 'unavailable' });
  });

  test('gives nothing to another process than the one that a person named', async () => {
    await expect(vouch(context, knowing(sound, { boots: [hash43('x')] }), shown, boot)).resolves.toBe(false);
  });

  test('takes new keys of the cluster, and says that they are not pinned', async () => {
    const renewed = clusterSigner('renewed');
    const process = { ...shown, token: renewed.tokenOf({ audience, nowSeconds: now }) };
    const cluster = { ...sound, documents: renewed.documents };
    await expect(vouch(context, knowing(cluster), process, undefined)).resolves.toBe(true);
    expect(notes[0]).toContain('not pinned');
    await expect(vouch(context, knowing(undefined), process, undefined)).rejects.toMatchObject({ exit: 'integrity' });
  });
});
