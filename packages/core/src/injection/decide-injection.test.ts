import { describe, expect, test } from '@jest/globals';
import { readAdmissionReview } from './admission-request.ts';
import { answerReview, decideInjection, type InjectionWorld } from './decide-injection.ts';
import type { AdmissionRequest } from './admission-request.ts';
import type { Json, Pod } from './pod.ts';
import { asStored, injected, makePod, makeReview, settings, world } from './testing/injection-world.ts';

const enrolmentVolume = {
  name: 'mine',
  projected: { sources: [{ serviceAccountToken: { audience: 'letterlock-enrol:prod.example', path: 'token' } }] },
};
const bootVolume = {
  name: 'mine',
  projected: { sources: [{ serviceAccountToken: { audience: 'letterlock-boot:x', path: 'token' } }] },
};
const app = { name: 'app', image: 'app:1' };

function decide(pod: Json | undefined, change: Partial<AdmissionRequest> = {}, other: Partial<InjectionWorld> = {}) {
  const { do: verdict, reason } = decideInjection(makeReview(pod, change), { ...world, ...other });
  return `${verdict}: ${reason}`;
}

function withoutAnnotations(pod: Pod): Pod {
  const { annotations: _annotations, ...metadata } = pod.metadata ?? {};
  return { ...pod, metadata };
}

describe('decideInjection()', () => {
  test('injects a pod that asks', () => {
    expect(decide(makePod())).toBe('inject: asked');
  });

  test('takes the namespace of the review where the pod has none', () => {
    const { metadata, ...pod } = makePod();
    const { namespace: _namespace, ...nameless } = metadata ?? {};
    expect(decideInjection(makeReview({ ...pod, metadata: nameless }), world)).toMatchObject({ namespace: 'shop' });
    const own = makeReview({ ...pod, metadata: nameless }, { namespace: 'letterlock-system' });
    expect(decideInjection(own, world)).toMatchObject({ do: 'leave', reason: 'own_namespace' });
  });

  test('believes the review’s namespace before the pod’s', () => {
    const pod = makePod();
    const lying = { ...pod, metadata: { ...pod.metadata, namespace: 'letterlock-system' } };
    expect(decideInjection(makeReview(lying), world)).toMatchObject({ do: 'inject', namespace: 'shop' });
  });

  test.each([
    { name: 'another kind', change: { kind: 'apps/v1/Deployment' }, is: 'leave: not_a_pod' },
    { name: 'a pod of another group', change: { kind: 'metrics.k8s.io/v1/Pod' }, is: 'leave: not_a_pod' },
    { name: 'an update', change: { operation: 'UPDATE' }, is: 'leave: not_a_creation' },
    { name: 'a deletion', change: { operation: 'DELETE', object: undefined }, is: 'leave: not_a_creation' },
    ...['ephemeralcontainers', 'resize', 'status', 'binding', 'eviction'].map((subResource) => ({
      name: `the subresource ${subResource}`,
      change: { subResource },
      is: 'leave: not_a_creation',
    })),
    { name: 'an object that is null', change: { object: undefined }, is: 'deny: pod_unreadable' },
    { name: 'a pod without a spec', change: { object: { metadata: {} } }, is: 'deny: pod_unreadable' },
    { name: 'a dry run', change: { isDryRun: true }, is: 'inject: asked' },
  ])('answers $name', ({ change, is }) => {
    expect(decide(makePod(), change)).toBe(is);
  });

  test.each([
    { name: 'without a word', pod: withoutAnnotations(makePod()), asks: false, is: 'leave: not_asked' },
    { name: 'in a namespace that asks', pod: withoutAnnotations(makePod()), asks: true, is: 'inject: asked' },
    {
      name: 'that says no in it',
      pod: makePod({ annotations: { inject: 'false' } }),
      asks: true,
      is: 'leave: not_asked',
    },
    {
      name: 'that says True',
      pod: makePod({ annotations: { inject: 'True' } }),
      asks: false,
      is: 'deny: annotation_invalid',
    },
    {
      name: 'with an unknown annotation',
      pod: makePod({ annotations: { bindings: 'x' } }),
      asks: false,
      is: 'deny: annotation_invalid',
    },
  ])('hears a pod $name', ({ pod, asks, is }) => {
    expect(decide(pod, {}, { isNamespaceAsking: asks })).toBe(is);
  });

  test.each([
    { name: 'for Windows by its os', spec: { os: { name: 'windows' } }, is: 'leave: windows_pod' },
    {
      name: 'for Windows by its nodes',
      spec: { nodeSelector: { 'kubernetes.io/os': 'windows' } },
      is: 'leave: windows_pod',
    },
    {
      name: 'for Linux',
      spec: { os: { name: 'linux' }, nodeSelector: { 'kubernetes.io/os': 'linux' } },
      is: 'inject: asked',
    },
    { name: 'on the host network', spec: { hostNetwork: true }, is: 'deny: namespace_shared' },
    { name: 'with the host’s processes', spec: { hostPID: true }, is: 'deny: namespace_shared' },
    { name: 'with the host’s memory', spec: { hostIPC: true }, is: 'deny: namespace_shared' },
    { name: 'with one process namespace', spec: { shareProcessNamespace: true }, is: 'deny: namespace_shared' },
    {
      name: 'that shares nothing, and says so',
      spec: { hostNetwork: false, shareProcessNamespace: false },
      is: 'inject: asked',
    },
    {
      name: 'with an init container of our name',
      spec: { initContainers: [{ name: 'letterlock-agent' }] },
      is: 'deny: reserved_name',
    },
    {
      name: 'with a container of our name',
      spec: { containers: [app, { name: 'letterlock-agent' }] },
      is: 'deny: reserved_name',
    },
    {
      name: 'with an ephemeral container of our name',
      spec: { ephemeralContainers: [{ name: 'letterlock-agent' }] },
      is: 'deny: reserved_name',
    },
    {
      name: 'with a volume of our name',
      spec: { volumes: [{ name: 'letterlock-secrets', emptyDir: {} }] },
      is: 'deny: reserved_name',
    },
    {
      name: 'with a volume of our prefix',
      spec: { volumes: [{ name: 'letterlock-x', emptyDir: {} }] },
      is: 'deny: reserved_name',
    },
    {
      name: 'with a mount of our volume',
      spec: { containers: [{ ...app, volumeMounts: [{ name: 'letterlock-enrolment', mountPath: '/x' }] }] },
      is: 'deny: reserved_name',
    },
    { name: 'with a volume of our audience', spec: { volumes: [enrolmentVolume] }, is: 'deny: reserved_name' },
    { name: 'with a volume of the boot audience', spec: { volumes: [bootVolume] }, is: 'deny: reserved_name' },
    {
      name: 'with a mount where ours goes',
      spec: { containers: [{ ...app, volumeMounts: [{ name: 'x', mountPath: '/run/letterlock' }] }] },
      is: 'deny: mount_path_taken',
    },
    { name: 'whose token is not mounted', spec: { automountServiceAccountToken: false }, is: 'inject: asked' },
  ])('answers a pod $name', ({ spec, is }) => {
    expect(decide(makePod({ spec }))).toBe(is);
  });

  test('leaves a static pod alone, with a warning', () => {
    const pod = makePod();
    const annotations = { ...pod.metadata?.annotations, 'kubernetes.io/config.mirror': 'x' };
    const { response, decision } = answerReview(makeReview({ ...pod, metadata: { annotations } }), world);
    expect(decision).toMatchObject({ do: 'leave', reason: 'mirror_pod' });
    expect(response.response).toMatchObject({ allowed: true, warnings: [expect.stringContaining('static')] });
  });

  test('refuses while the installation does not exist, and only who asks', () => {
    expect(decide(makePod(), {}, { isInitialised: false })).toBe('deny: uninitialised');
    expect(decide(withoutAnnotations(makePod()), {}, { isInitialised: false })).toBe('leave: not_asked');
  });

  // kubectl debug --copy-to drops labels and annotations and keeps init containers and volumes.
  test('refuses a copy of an injected pod that lost its annotations', () => {
    const copy = withoutAnnotations(injected(makePod()));
    expect(decide(copy)).toBe('deny: reserved_name');
    expect(decide(copy, {}, { isNamespaceAsking: true })).toBe('deny: reserved_name');
    const { initContainers: _initContainers, ...spec } = copy.spec;
    expect(decide({ ...copy, spec: { ...spec, volumes: [enrolmentVolume] } })).toBe('deny: reserved_name');
  });

  test('refuses a pod that says no and brings what is ours', () => {
    const pod = makePod({ annotations: { inject: 'false' }, spec: { volumes: [enrolmentVolume] } });
    expect(decide(pod, {}, { isNamespaceAsking: true })).toBe('deny: reserved_name');
  });

  test.each([
    {
      name: 'a container of our name among the regular ones',
      spec: { containers: [app, { name: 'letterlock-agent' }] },
    },
    { name: 'the audience under another name', spec: { volumes: [enrolmentVolume] } },
  ])('refuses $name also with a status set', ({ spec }) => {
    expect(decide(makePod({ annotations: { status: 'injected' }, spec }))).toBe('deny: reserved_name');
  });

  test.each([
    { name: 'a container that is not there', containers: 'app,web', order: 'first', is: 'deny: annotation_invalid' },
    { name: 'the agent itself', containers: 'letterlock-agent', order: 'first', is: 'deny: annotation_invalid' },
    { name: 'an init container behind the agent', containers: 'migrate', order: 'first', is: 'inject: asked' },
    {
      name: 'an init container before the agent',
      containers: 'migrate',
      order: 'last',
      is: 'deny: annotation_invalid',
    },
  ])('answers a pod that names $name', ({ containers, order, is }) => {
    const pod = makePod({ annotations: { containers, order }, spec: { initContainers: [{ name: 'migrate' }] } });
    expect(decide(pod)).toBe(is);
  });

  test('refuses a writer whose container already has something at the token’s place', () => {
    const volumeMounts = [{ name: 'x', mountPath: '/var/run/secrets/letterlock.dev/writer' }];
    const spec = { containers: [{ ...app, volumeMounts }] };
    expect(decide(makePod({ annotations: { writer: 'true' }, spec }))).toBe('deny: mount_path_taken');
    expect(decide(makePod({ spec }))).toBe('inject: asked');
  });
});

describe('answerReview()', () => {
  test('says in a refusal which annotation is wrong, and not its value', () => {
    const pod = makePod({ annotations: { 'mount-path': '/run/../marker-value' } });
    const { response } = answerReview(makeReview(pod), world);
    expect(response.response).toMatchObject({ allowed: false, status: { code: 403, reason: 'annotation_invalid' } });
    expect(response.response.status?.message).toContain('letterlock.dev/mount-path');
    expect(JSON.stringify(response)).not.toContain('marker-value');
  });

  test('answers a pod that is injected already with an empty patch', () => {
    const { response } = answerReview(makeReview(asStored(injected(makePod()))), world);
    expect(response.response).toEqual({ uid: makeReview(undefined).uid, allowed: true });
  });

  test('answers a dry run as it answers the run', () => {
    expect(answerReview(makeReview(makePod(), { isDryRun: true }), world)).toEqual(
      answerReview(makeReview(makePod()), world),
    );
  });

  test('answers a pod of a hundred containers in few operations', () => {
    const containers = Array.from({ length: 100 }, (_, index) => ({ name: `c${index}`, image: 'x' }));
    const { response } = answerReview(makeReview(makePod({ spec: { containers } })), world);
    const patch = JSON.parse(Buffer.from(response.response.patch!, 'base64').toString()) as unknown[];
    expect(patch.length).toBeLessThanOrEqual(104);
  });

  test('escapes names with slashes and tildes', () => {
    const { response } = answerReview(makeReview(makePod()), world);
    const patch = Buffer.from(response.response.patch!, 'base64').toString();
    expect(patch).toContain('/metadata/annotations/letterlock.dev~1status');
  });
});

describe('readAdmissionReview()', () => {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      namespace: 'shop',
      object: {},
    },
  };

  test('reads a review', () => {
    expect(readAdmissionReview(review)).toEqual({ ...makeReview({}), uid: 'u' });
    expect(readAdmissionReview({ ...review, request: { ...review.request, object: null, dryRun: true } })).toEqual({
      ...makeReview(undefined),
      uid: 'u',
      isDryRun: true,
    });
  });

  test.each([
    { name: 'text', body: 'x' },
    { name: 'null', body: null },
    { name: 'a list', body: [review] },
    { name: 'v1beta1', body: { ...review, apiVersion: 'admission.k8s.io/v1beta1' } },
    { name: 'another kind', body: { ...review, kind: 'ConversionReview' } },
    { name: 'no request', body: { apiVersion: review.apiVersion, kind: review.kind } },
    { name: 'a request without uid', body: { ...review, request: { ...review.request, uid: undefined } } },
    { name: 'a uid that is no text', body: { ...review, request: { ...review.request, uid: 7 } } },
    { name: 'a request without kind', body: { ...review, request: { ...review.request, kind: undefined } } },
    { name: 'a request without operation', body: { ...review, request: { ...review.request, operation: '' } } },
  ])('refuses $name', ({ body }) => {
    expect(() => readAdmissionReview(body)).toThrow(
      expect.objectContaining({ code: 'bad_request', reason: 'admission_review' }),
    );
  });
});

test('the settings of these tests are for another namespace than their pods', () => {
  expect(settings.serviceNamespace).not.toBe('shop');
});
