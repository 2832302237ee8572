import { describe, expect, test } from '@jest/globals';
import { imageDigest, settings } from '../injection/testing/injection-world.ts';
import { reviewedPod } from '../proof/testing/token-reviews.ts';
import { decideEnrolment, type EnrolmentFacts } from './decide-enrolment.ts';
import { readLivePod } from './live-pod.ts';
import { firstContainer, podAddress, podOf } from './testing/workloads-world.ts';

const right: EnrolmentFacts = {
  token: reviewedPod,
  pod: readLivePod(podOf()),
  forms: { settings: [settings], imageDigests: [imageDigest] },
  sourceAddress: podAddress,
};
const pod = (change: Parameters<typeof podOf>[0]): Partial<EnrolmentFacts> => ({ pod: readLivePod(podOf(change)) });
const otherUid = 'ffffffff-2b39-4c52-9c0e-5a1f7d3e8b60';

describe('decideEnrolment()', () => {
  test.each([
    { name: 'as it is', change: {} },
    { name: 'from a socket for both families', change: { sourceAddress: `::ffff:${podAddress}` } },
    { name: 'from its second address', change: { sourceAddress: 'fd00::17' } },
    { name: 'behind a mesh', change: { sourceAddress: undefined } },
    {
      name: 'behind a mesh without an address',
      change: { sourceAddress: undefined, ...pod({ status: { podIP: undefined, podIPs: undefined } }) },
    },
    { name: 'running', change: pod({ status: { phase: 'Running' } }) },
  ])('admits the pod $name', ({ change }) => {
    const decision = decideEnrolment({ ...right, ...change });
    expect(decision).toMatchObject({ isAdmitted: true, agent: { containerId: firstContainer, restarts: 0 } });
  });

  test.each([
    { name: 'that is gone', change: { pod: undefined }, reason: 'pod_gone' },
    { name: 'of the same name, made later', change: pod({ metadata: { uid: otherUid } }), reason: 'pod_replaced' },
    {
      name: 'that terminates',
      change: pod({ metadata: { deletionTimestamp: '2026-11-24T12:00:00Z' } }),
      reason: 'pod_terminating',
    },
    { name: 'that has succeeded', change: pod({ status: { phase: 'Succeeded' } }), reason: 'pod_ended' },
    { name: 'that has failed', change: pod({ status: { phase: 'Failed' } }), reason: 'pod_ended' },
    {
      name: 'of another ServiceAccount',
      change: pod({ spec: { serviceAccountName: 'payments' } }),
      reason: 'pod_service_account',
    },
    {
      name: 'of another namespace',
      change: pod({ metadata: { namespace: 'bank' } }),
      reason: 'pod_service_account',
    },
    { name: 'from another address', change: { sourceAddress: '10.244.0.18' }, reason: 'source_address' },
    { name: 'from an address that ends alike', change: { sourceAddress: `1${podAddress}` }, reason: 'source_address' },
    {
      name: 'with another image',
      change: pod({ agent: { image: `registry.example/x@sha256:${'b2'.repeat(32)}` } }),
      reason: 'agent_image',
    },
    { name: 'without an agent', change: pod({ spec: { initContainers: [] } }), reason: 'agent_missing' },
    { name: 'with host namespaces', change: pod({ spec: { hostPID: true } }), reason: 'host_namespaces' },
  ])('refuses a pod $name', ({ change, reason }) => {
    expect(decideEnrolment({ ...right, ...change })).toEqual({ isAdmitted: false, reason, isPassing: false });
  });

  test.each([
    { name: 'no status of the agent', change: pod({ agent: 'unreported' }), reason: 'agent_not_running' },
    {
      name: 'an agent that waits',
      change: pod({ agent: { state: { waiting: { reason: 'CrashLoopBackOff' } } } }),
      reason: 'agent_not_running',
    },
    {
      name: 'an agent that has ended',
      change: pod({ agent: { state: { terminated: { exitCode: 1 } } } }),
      reason: 'agent_not_running',
    },
    {
      name: 'no address',
      change: pod({ status: { podIP: undefined, podIPs: undefined } }),
      reason: 'pod_address_unknown',
    },
  ])('asks to come again while the kubelet reports $name', ({ change, reason }) => {
    expect(decideEnrolment({ ...right, ...change })).toEqual({ isAdmitted: false, reason, isPassing: true });
  });
});

describe('readLivePod()', () => {
  test.each([
    { name: 'nothing', value: undefined },
    { name: 'a Status', value: { kind: 'Status', status: 'Failure' } },
    { name: 'a pod without a uid', value: podOf({ metadata: { uid: undefined } }) },
    { name: 'a pod without a ServiceAccount', value: podOf({ spec: { serviceAccountName: undefined } }) },
  ])('reads no pod from $name', ({ value }) => {
    expect(readLivePod(value)).toBeUndefined();
  });

  test.each([
    { name: 'no container id', agent: { container: '' } },
    { name: 'a restart count that is no number', agent: { restarts: Number.NaN } },
  ])('knows no start of an agent with $name', ({ agent }) => {
    expect(readLivePod(podOf({ agent }))).toMatchObject({ agent: undefined });
  });

  test('knows no start where two containers have the agent’s name', () => {
    const one = { name: 'letterlock-agent', containerID: 'a', imageID: 'b', restartCount: 0, state: { running: {} } };
    expect(readLivePod(podOf({ status: { initContainerStatuses: [one, one] } }))).toMatchObject({ agent: undefined });
  });
});
