import { beforeEach, describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import { describeAttestorContract } from '../seal/testing/attestor-contract.ts';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { createKubernetesAttestor, type OwnPod } from './kubernetes-attestor.ts';
import {
  FakeBootWitness,
  serverImage,
  serverNamespace,
  serverPod,
  type ServerPodObject,
} from './testing/server-pods.ts';

const trustDomain = 'prod.example';
const boot = hash43('boot');
const audience = `letterlock-boot:${trustDomain}:${boot}`;
let witness: FakeBootWitness;
let clock: FixedClock;

/** The attestor of the process in a pod. */
function attestorOf(ordinal: number, api = witness): ReturnType<typeof createKubernetesAttestor> {
  const pod = `letterlock-server-${ordinal}`;
  return createKubernetesAttestor({
    witness: api,
    trustDomain,
    clock,
    namespace: serverNamespace,
    pod,
    container: 'server',
  });
}

function makeWitness(): FakeBootWitness {
  const made = new FakeBootWitness();
  for (const ordinal of [0, 1]) made.put(serverPod(ordinal));
  return made;
}

const ownOf = (pod: ServerPodObject): OwnPod => ({
  namespace: pod.metadata.namespace,
  serviceAccount: pod.spec.serviceAccountName,
  name: pod.metadata.name,
  uid: pod.metadata.uid,
});

beforeEach(() => {
  witness = makeWitness();
  clock = new FixedClock();
});

describeAttestorContract('createKubernetesAttestor()', () => {
  const api = makeWitness();
  return [attestorOf(0, api), attestorOf(1, api)];
});

describe('createKubernetesAttestor()', () => {
  const right = serverPod(1);
  const status = right.status.containerStatuses[0]!;
  const owner = right.metadata.ownerReferences[0]!;
  type Change = (pod: ServerPodObject) => object;
  const metadata =
    (change: object): Change =>
    (pod) => ({ ...pod, metadata: { ...pod.metadata, ...change } });
  const container =
    (...statuses: readonly object[]): Change =>
    (pod) => ({ ...pod, status: { ...pod.status, containerStatuses: statuses } });

  test('attests a pod of the same StatefulSet: the control of the table', async () => {
    const token = await attestorOf(1).present(boot);
    await expect(attestorOf(0).verify({ boot, token })).resolves.toEqual({
      instance: right.metadata.uid,
      name: right.metadata.name,
      start: status.containerID,
      image: serverImage,
    });
  });

  test.each([
    {
      name: 'a pod whose container was started again, as another start',
      change: container({ ...status, containerID: 'containerd://next' }),
      shown: { start: 'containerd://next' },
    },
    {
      name: 'an image that was loaded into the node',
      change: container({ ...status, imageID: serverImage }),
      shown: { image: serverImage },
    },
    {
      name: 'another container beside the server',
      change: container({ ...status, name: 'mesh', containerID: 'containerd://mesh' }, status),
      shown: { start: status.containerID },
    },
  ])('attests $name', async ({ change, shown }) => {
    const token = await attestorOf(1).present(boot);
    witness.put(change(right) as ServerPodObject);
    await expect(attestorOf(0).verify({ boot, token })).resolves.toMatchObject(shown);
  });

  test.each([
    {
      name: 'a pod of another uid',
      change: metadata({ uid: serverPod(2).metadata.uid }),
      reason: 'attestation_pod_uid',
    },
    {
      name: 'a pod that ends',
      change: metadata({ deletionTimestamp: '2026-11-24T12:00:00Z' }),
      reason: 'attestation_pod_terminating',
    },
    { name: 'a pod without an owner', change: metadata({ ownerReferences: [] }), reason: 'attestation_owner' },
    {
      name: 'a pod of another StatefulSet',
      change: metadata({ ownerReferences: [{ ...owner, uid: '0b9d8f3e-61c2-4d0e-9a55-2f6f0c7b1a11' }] }),
      reason: 'attestation_owner',
    },
    {
      name: 'an owner of another kind with that uid',
      change: metadata({ ownerReferences: [{ ...owner, kind: 'Deployment' }] }),
      reason: 'attestation_owner',
    },
    {
      name: 'an owner of another group with that uid',
      change: metadata({ ownerReferences: [{ ...owner, apiVersion: 'example.com/v1' }] }),
      reason: 'attestation_owner',
    },
    {
      name: 'an owner that does not control it',
      change: metadata({ ownerReferences: [{ ...owner, controller: false }] }),
      reason: 'attestation_owner',
    },
    {
      name: 'two owners that control it',
      change: metadata({ ownerReferences: [owner, { ...owner, uid: 'x' }] }),
      reason: 'attestation_owner',
    },
    {
      name: 'another ServiceAccount',
      change: (pod: ServerPodObject) => ({ ...pod, spec: { ...pod.spec, serviceAccountName: 'default' } }),
      reason: 'attestation_service_account',
    },
    {
      name: 'an ephemeral container in its specification',
      change: (pod: ServerPodObject) => ({ ...pod, spec: { ...pod.spec, ephemeralContainers: [{ name: 'debug' }] } }),
      reason: 'attestation_ephemeral_container',
    },
    {
      name: 'an ephemeral container in its status',
      change: (pod: ServerPodObject) => ({
        ...pod,
        status: { ...pod.status, ephemeralContainerStatuses: [{ name: 'debug' }] },
      }),
      reason: 'attestation_ephemeral_container',
    },
    { name: 'no server container', change: container({ ...status, name: 'other' }), reason: 'attestation_container' },
    { name: 'two of them', change: container(status, status), reason: 'attestation_container' },
    {
      name: 'one that has ended',
      change: container({ ...status, state: { terminated: { exitCode: 1 } } }),
      reason: 'attestation_container',
    },
    {
      name: 'an image without a digest',
      change: container({ ...status, imageID: 'registry.example/letterlock/server:1.0.0' }),
      reason: 'attestation_container',
    },
    {
      name: 'a digest that stands in the name',
      change: container({ ...status, imageID: `x@${serverImage}:latest` }),
      reason: 'attestation_container',
    },
    { name: 'no container id', change: container({ ...status, containerID: '' }), reason: 'attestation_container' },
    { name: 'what is no pod', change: () => ({ metadata: right.metadata }), reason: 'attestation_pod_gone' },
  ])('refuses $name', async ({ change, reason }) => {
    const token = witness.issue(ownOf(right), audience);
    witness.pods.set(`${serverNamespace}/${right.metadata.name}`, change(right));
    await expect(attestorOf(0).verify({ boot, token })).rejects.toMatchObject({ code: 'denied', reason });
  });

  test.each([
    {
      name: 'another trust domain',
      own: ownOf(right),
      audience: `letterlock-boot:x.example:${boot}`,
      reason: 'token_not_authenticated',
    },
    { name: 'the API server itself', own: ownOf(right), audience: 'kubernetes', reason: 'token_not_authenticated' },
    {
      name: 'another namespace',
      own: { ...ownOf(right), namespace: 'shop' },
      audience,
      reason: 'attestation_namespace',
    },
    {
      name: 'another ServiceAccount',
      own: { ...ownOf(right), serviceAccount: 'default' },
      audience,
      reason: 'attestation_service_account',
    },
    {
      name: 'a pod that is gone',
      own: { ...ownOf(right), name: 'letterlock-server-9' },
      audience,
      reason: 'attestation_pod_gone',
    },
  ])('refuses a token of $name', async ({ own, audience: of, reason }) => {
    // In another namespace there may be a pod that looks the same.
    witness.pods.set(`shop/${right.metadata.name}`, { ...right, metadata: { ...right.metadata, namespace: 'shop' } });
    const token = witness.issue(own, of);
    await expect(attestorOf(0).verify({ boot, token })).rejects.toMatchObject({ code: 'denied', reason });
  });

  test('asks for a token again only after ten minutes, or for other boot keys', async () => {
    const attestor = attestorOf(1);
    const first = await attestor.present(boot);
    clock.advance(599);
    expect(await attestor.present(boot)).toBe(first);
    expect(await attestor.present(hash43('x'))).not.toBe(first);
    const second = await attestor.present(boot);
    clock.advance(600);
    expect(await attestor.present(boot)).not.toBe(second);
  });

  test('attests nobody when its own pod has no StatefulSet', async () => {
    for (const ordinal of [0, 1]) {
      const pod = serverPod(ordinal);
      witness.put({ ...pod, metadata: { ...pod.metadata, ownerReferences: [] } });
    }
    const token = await attestorOf(1).present(boot);
    await expect(attestorOf(0).verify({ boot, token })).rejects.toMatchObject({ reason: 'attestation_owner' });
  });

  test('asks the API server about no text that cannot be a token', async () => {
    for (const token of ['', 'a.b', `a.${'x'.repeat(8192)}.c`, 'a.b.c d']) {
      await expect(attestorOf(0).verify({ boot, token })).rejects.toMatchObject({ reason: 'attestation_malformed' });
    }
    expect(witness.asked).toBe(0);
  });

  test('says so when the API server is away, or does not show the own pod', async () => {
    const token = await attestorOf(1).present(boot);
    witness.pods.delete(`${serverNamespace}/letterlock-server-0`);
    await expect(attestorOf(0).verify({ boot, token })).rejects.toMatchObject({ code: 'unavailable' });
    await expect(attestorOf(0).present(boot)).rejects.toMatchObject({ code: 'unavailable' });
    witness.isAway = true;
    await expect(attestorOf(0).verify({ boot, token })).rejects.toMatchObject({ code: 'unavailable' });
  });
});
