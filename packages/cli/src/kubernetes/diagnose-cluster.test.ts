import { describe, expect, test } from '@jest/globals';
import {
  fakeKubectl,
  metadata,
  mintedToken,
  serverDigest,
  serverPodObject,
  soundCluster,
  uninitialisedTrial,
  unreachableTrial,
  untouchedTrial,
  type FakeCluster,
} from '../testing/fake-cluster.ts';
import { diagnoseCluster } from './diagnose-cluster.ts';

const now = 1_800_000_000;
const sound = soundCluster(now);
const { objects } = sound;
const withObjects = (changed: FakeCluster['objects']): FakeCluster => ({
  ...sound,
  objects: { ...objects, ...changed },
});
const leaseAt = (seconds: number): object => ({
  ...metadata('node-1'),
  spec: { renewTime: new Date(seconds * 1000).toISOString() },
});
const unreadyPod = {
  ...serverPodObject('letterlock-server-1'),
  status: { ...serverPodObject('letterlock-server-1').status, conditions: [] },
};
const [server] = objects['statefulsets'] as readonly [object];

/** Each differs from a sound cluster in one thing. */
const faults: readonly {
  readonly name: string;
  readonly cluster: FakeCluster;
  readonly level: string;
  readonly check: string;
  readonly found: string;
}[] = [
  {
    name: 'no replica is ready',
    cluster: withObjects({ statefulsets: [{ ...server, status: {} }] }),
    level: 'fail',
    check: 'server',
    found: '0 of 1 ready',
  },
  {
    name: 'a replica stays sealed for its image',
    cluster: withObjects({
      pods: [serverPodObject('letterlock-server-0'), unreadyPod],
      events: [{ reason: 'ImageNotListed', involvedObject: { uid: unreadyPod.metadata.uid } }],
    }),
    level: 'warn',
    check: 'server images',
    found: `letterlock-server-1 (${serverDigest})`,
  },
  {
    name: 'the API server cannot reach the webhook',
    cluster: { ...sound, trial: unreachableTrial },
    level: 'fail',
    check: 'webhook',
    found: 'cannot reach',
  },
  {
    name: 'the webhook has no CA',
    cluster: {
      ...withObjects({
        mutatingwebhookconfigurations: [{ ...metadata('x'), webhooks: [{ failurePolicy: 'Fail', clientConfig: {} }] }],
      }),
      trial: unreachableTrial,
    },
    level: 'fail',
    check: 'webhook',
    found: 'no caBundle',
  },
  {
    name: 'the webhook is not there',
    cluster: withObjects({ mutatingwebhookconfigurations: [] }),
    level: 'fail',
    check: 'webhook',
    found: 'not configured',
  },
  {
    name: 'the webhook may be ignored',
    cluster: withObjects({
      mutatingwebhookconfigurations: [
        { ...metadata('x'), webhooks: [{ failurePolicy: 'Ignore', clientConfig: { caBundle: 'x' } }] },
      ],
    }),
    level: 'warn',
    check: 'webhook',
    found: 'Ignore',
  },
  {
    name: 'a pod that asks is left alone',
    cluster: { ...sound, trial: untouchedTrial },
    level: 'fail',
    check: 'webhook',
    found: 'not injected',
  },
  {
    name: 'the service is not initialised',
    cluster: { ...sound, trial: uninitialisedTrial },
    level: 'warn',
    check: 'webhook',
    found: 'not initialised',
  },
  {
    name: 'a guard is missing',
    cluster: withObjects({ validatingadmissionpolicies: objects['validatingadmissionpolicies']!.slice(1) }),
    level: 'fail',
    check: 'guards',
    found: 'boot-token',
  },
  {
    name: 'a guard is not bound',
    cluster: withObjects({
      validatingadmissionpolicybindings: objects['validatingadmissionpolicybindings']!.slice(0, -1),
    }),
    level: 'fail',
    check: 'guards',
    found: 'trust',
  },
  {
    name: 'a guard only warns',
    cluster: withObjects({
      validatingadmissionpolicybindings: objects['validatingadmissionpolicybindings']!.map((binding) => ({
        ...binding,
        spec: { ...(binding as { readonly spec: object }).spec, validationActions: ['Audit'] },
      })),
    }),
    level: 'fail',
    check: 'guards',
    found: 'not bound: boot-token, debug',
  },
  {
    name: 'a guard fails open',
    cluster: withObjects({
      validatingadmissionpolicies: objects['validatingadmissionpolicies']!.map((policy) => ({
        ...policy,
        spec: { failurePolicy: 'Ignore' },
      })),
    }),
    level: 'fail',
    check: 'guards',
    found: 'boot-token, debug',
  },
  {
    name: 'a token of ours is minted',
    cluster: { ...sound, token: mintedToken },
    level: 'fail',
    check: 'tokens',
    found: 'minted for you: enrol, write, boot',
  },
  {
    name: 'no token may be minted at all',
    cluster: { ...sound, token: { isOk: false, stdout: '', stderr: 'error: serviceaccounts "default" is forbidden' } },
    level: 'warn',
    check: 'tokens',
    found: 'not tried',
  },
  {
    name: 'a kubelet was refused',
    cluster: withObjects({ events: [{ message: "ValidatingAdmissionPolicy 'letterlock-token' denied request" }] }),
    level: 'fail',
    check: 'node groups',
    found: 'not in the group system:nodes',
  },
  {
    name: 'the clock of a node is behind',
    cluster: withObjects({ leases: [leaseAt(now - 61)] }),
    level: 'warn',
    check: 'clocks',
    found: 'node-1 by 61 s',
  },
  {
    name: 'the clock of a node is ahead',
    cluster: withObjects({ leases: [leaseAt(now + 6)] }),
    level: 'warn',
    check: 'clocks',
    found: 'node-1 by -6 s',
  },
  {
    name: 'a namespace with a binding has no Pod Security',
    cluster: withObjects({ namespaces: [metadata('shop')] }),
    level: 'warn',
    check: 'pod security',
    found: 'shop',
  },
];

describe('diagnoseCluster()', () => {
  test('finds nothing in a sound cluster', async () => {
    const findings = await diagnoseCluster(fakeKubectl(sound), now);
    expect(findings.map(({ check, level }) => `${check}: ${level}`)).toEqual(
      ['server', 'server images', 'webhook', 'guards', 'tokens', 'node groups', 'clocks', 'pod security'].map(
        (check) => `${check}: ok`,
      ),
    );
  });

  test.each(faults)('says when $name', async ({ cluster, level, check, found }) => {
    const findings = await diagnoseCluster(fakeKubectl(cluster), now);
    const bad = findings.filter((finding) => finding.level !== 'ok');
    expect(bad).toEqual([expect.objectContaining({ level, check, found: expect.stringContaining(found) })]);
    expect(bad[0]?.fix).not.toBe('');
  });

  test.each([
    { name: 'that is ready by now', pod: serverPodObject('letterlock-server-1'), uid: unreadyPod.metadata.uid },
    { name: 'that is another pod', pod: unreadyPod, uid: 'x' },
  ])('says nothing about the image of a replica $name', async ({ pod, uid }) => {
    const cluster = withObjects({
      pods: [serverPodObject('letterlock-server-0'), pod],
      events: [{ reason: 'ImageNotListed', involvedObject: { uid } }],
    });
    const findings = await diagnoseCluster(fakeKubectl(cluster), now);
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
  });

  test('names in the fix all images that run', async () => {
    const cluster = withObjects({
      pods: [serverPodObject('letterlock-server-0'), unreadyPod],
      events: [{ reason: 'ImageNotListed', involvedObject: { uid: unreadyPod.metadata.uid } }],
    });
    const findings = await diagnoseCluster(fakeKubectl(cluster), now);
    expect(findings.find(({ check }) => check === 'server images')?.fix).toContain(
      `letterlock quorum images ${serverDigest} --file`,
    );
  });

  test('ends where there is no installation', async () => {
    const kubectl = fakeKubectl(withObjects({ statefulsets: [] }));
    await expect(diagnoseCluster(kubectl, now)).rejects.toMatchObject({ exit: 'gone' });
  });

  test('ends where the cluster does not answer', async () => {
    const kubectl = async () => ({ isOk: false, stdout: '', stderr: 'Unable to connect to the server' });
    await expect(diagnoseCluster(kubectl, now)).rejects.toMatchObject({ exit: 'unavailable' });
  });
});
