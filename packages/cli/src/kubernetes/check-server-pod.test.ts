/** The pod of an attested process: each row differs from a right one in one thing. @module */
import { describe, expect, test } from '@jest/globals';
import { fakeKubectl, serverDigest, serverPodObject, soundCluster } from '../testing/fake-cluster.ts';
import { checkServerPod } from './check-server-pod.ts';

const boot = 'B'.repeat(43);
const right = serverPodObject('letterlock-server-0');
const attested = {
  namespace: 'll',
  name: 'letterlock-server-0',
  uid: right.metadata.uid,
  kid: 'k',
  expiresAt: 1_800_000_000,
};
const pin = { images: [serverDigest], serviceAccount: 'letterlock-server' };
const line = (members: object): string => `noise\n${JSON.stringify({ level: 'info', ...members })}\n{"torn`;
const rightLog = line({ boot, msg: 'Listening' });
const [status] = right.status.containerStatuses;

function check(
  o: { readonly pod?: object | undefined; readonly log?: string; readonly images?: readonly string[] } = {},
): Promise<unknown> {
  const pods = 'pod' in o ? (o.pod === undefined ? [] : [o.pod]) : [right];
  const cluster = {
    ...soundCluster(0),
    objects: { pod: pods },
    logs: { 'letterlock-server-0': o.log ?? rightLog },
  };
  return checkServerPod(fakeKubectl(cluster), attested, boot, { ...pin, images: o.images ?? pin.images });
}

const withMetadata = (change: object): object => ({ ...right, metadata: { ...right.metadata, ...change } });
const withContainer = (change: object): object => ({
  ...right,
  status: { ...right.status, containerStatuses: [{ ...status, ...change }] },
});

describe('checkServerPod()', () => {
  test('says what runs there: the control of the table', async () => {
    await expect(check()).resolves.toEqual({ image: serverDigest, isImagePinned: true });
    await expect(check({ log: line({ boot, msg: 'Sealed' }) })).resolves.toBeDefined();
    await expect(check({ images: [] })).resolves.toEqual({ image: serverDigest, isImagePinned: false });
  });

  test.each([
    { name: 'one that is gone', pod: undefined, says: 'not there any more' },
    { name: 'another one of the same name', pod: withMetadata({ uid: 'x' }), says: 'another pod' },
    { name: 'one that ends', pod: withMetadata({ deletionTimestamp: '2026-11-24T12:00:00Z' }), says: 'ending' },
    {
      name: 'one of another ServiceAccount',
      pod: { ...right, spec: { serviceAccountName: 'default' } },
      says: 'another ServiceAccount',
    },
    { name: 'one that nothing owns', pod: withMetadata({ ownerReferences: [] }), says: 'StatefulSet' },
    {
      name: 'one of another StatefulSet',
      pod: withMetadata({ ownerReferences: [{ kind: 'StatefulSet', name: 'x', controller: true }] }),
      says: 'StatefulSet',
    },
    {
      name: 'one that something else controls',
      pod: withMetadata({ ownerReferences: [{ kind: 'ReplicaSet', name: 'letterlock-server', controller: true }] }),
      says: 'StatefulSet',
    },
    {
      name: 'one that its owner does not control',
      pod: withMetadata({ ownerReferences: [{ kind: 'StatefulSet', name: 'letterlock-server', controller: false }] }),
      says: 'StatefulSet',
    },
    {
      name: 'one with an ephemeral container',
      pod: { ...right, spec: { ...right.spec, ephemeralContainers: [{}] } },
      says: 'while it ran',
    },
    { name: 'one whose server does not run', pod: withContainer({ state: {} }), says: 'does not run' },
    { name: 'one whose image has no digest', pod: withContainer({ imageID: 'x:1' }), says: 'no digest' },
    {
      name: 'one with another image',
      pod: withContainer({ imageID: `x@sha256:${'6f'.repeat(32)}` }),
      says: 'not pinned',
    },
  ])('refuses $name', async ({ pod, says }) => {
    await expect(check({ pod })).rejects.toMatchObject({ exit: 'integrity', message: expect.stringContaining(says) });
  });

  test.each([
    { name: 'names another process', log: line({ boot: 'C'.repeat(43), msg: 'Listening' }) },
    { name: 'names it in another sentence', log: line({ boot, msg: 'Refused admin' }) },
    { name: 'names it inside a text', log: line({ msg: `{"boot":"${boot}","msg":"Listening"}` }) },
    { name: 'is empty', log: '' },
  ])('refuses one whose log $name', async ({ log }) => {
    await expect(check({ log })).rejects.toMatchObject({
      exit: 'integrity',
      message: expect.stringContaining('its log'),
    });
  });

  test('says so when the cluster cannot be asked', async () => {
    const kubectl = async () => ({ isOk: false, stdout: '', stderr: 'Unable to connect to the server' });
    await expect(checkServerPod(kubectl, attested, boot, pin)).rejects.toMatchObject({ exit: 'unavailable' });
    const forbidden = async () => ({ isOk: false, stdout: '', stderr: 'Error from server (Forbidden)' });
    await expect(checkServerPod(forbidden, attested, boot, pin)).rejects.toMatchObject({ exit: 'denied' });
  });
});
