/**
 * What the guards refuse, one row an attack, and what they must let through. Nothing of it stays: tokens, dry runs, `true` in a container.
 * It must never hold an attack that something else than its guard refuses: without the guard's binding each is accepted.
 * @module
 */
import type { Outcome, World } from '../run/world.ts';
import {
  container,
  editor,
  injectedPod,
  operator,
  serverAccount,
  serviceNamespace,
  shop,
  tokenVolume,
  trustDomain,
} from './world.ts';

/** Something that a person or a pod tries. */
export interface Attempt {
  readonly title: string;
  readonly run: (world: World, image: string) => Outcome;
}

const dryRun = '--dry-run=server';
const victim = 'victim';
const server = 'letterlock-server-0';
const enrol = `letterlock-enrol:${trustDomain}`;
const write = `letterlock-write:${trustDomain}`;
const boot = `letterlock-boot:${trustDomain}:x`;
const impersonatedServer = `--as=system:serviceaccount:${serviceNamespace}:${serverAccount}`;
const statefulSetController = '--as=system:serviceaccount:kube-system:statefulset-controller';

const kubectl =
  (namespace: string, ...words: readonly string[]): Attempt['run'] =>
  (world) =>
    // Attaching would go on for ever: who is let in is cut off.
    world.tryKubectl(['-n', namespace, ...words], { seconds: 8 });
const create =
  (object: (image: string) => object, ...words: readonly string[]): Attempt['run'] =>
  (world, image) =>
    world.tryKubectl(['create', '-f', '-', dryRun, ...words], { input: JSON.stringify(object(image)) });
const patch = (pod: string, subresource: string, change: object): Attempt['run'] =>
  kubectl(
    pod === server ? serviceNamespace : shop,
    'patch',
    'pod',
    pod,
    dryRun,
    ...(subresource === '' ? [] : [`--subresource=${subresource}`]),
    '-p',
    JSON.stringify(change),
  );
const debug =
  (pod: string, more: object): Attempt['run'] =>
  (world, image) =>
    patch(pod, 'ephemeralcontainers', {
      spec: { ephemeralContainers: [{ name: 'debugger', image, command: ['true'], ...more }] },
    })(world, image);
const shaped = (change: (image: string) => object): Attempt['run'] =>
  create((image) => injectedPod(image, 'shaped', change(image)), editor);
const asServer = (metadata: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'stranger', namespace: serviceNamespace, ...metadata },
  spec: {
    serviceAccountName: serverAccount,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container('server', 'stranger:1')],
  },
});
const ownedBy = (name: string): object => ({
  ownerReferences: [
    { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid: '5a6e4d0f-0000-4000-8000-000000000000', controller: true },
  ],
});
const bundle = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'letterlock-trust', namespace: 'default' } };
const evilBundle = '{"data":{"bundle.jws":"evil"}}';
const accountSecret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 'stolen',
    namespace: serviceNamespace,
    annotations: { 'kubernetes.io/service-account.name': serverAccount },
  },
  type: 'kubernetes.io/service-account-token',
};
const resized = (name: string): object => ({ name, resources: { limits: { cpu: '400m' } } });

/** Guard → attacks. */
export const attacks: Readonly<Record<string, readonly Attempt[]>> = {
  token: [
    {
      title: 'an editor mints a token for enrolment',
      run: kubectl(shop, 'create', 'token', 'orders', `--audience=${enrol}`, editor),
    },
    {
      title: 'an editor mints a token for writing',
      run: kubectl(shop, 'create', 'token', 'orders', `--audience=${write}`, editor),
    },
    {
      title: 'a cluster admin mints a token for enrolment, bound to a pod, among other audiences',
      run: kubectl(
        shop,
        'create',
        'token',
        'orders',
        '--audience=other',
        `--audience=${enrol}`,
        '--bound-object-kind=Pod',
        `--bound-object-name=${victim}`,
      ),
    },
  ],
  'server-token': [
    {
      title: 'an editor of the service namespace mints an API token of the server',
      run: kubectl(serviceNamespace, 'create', 'token', serverAccount, operator),
    },
    {
      title: 'a cluster admin mints one that is bound to the pod of the server',
      run: kubectl(
        serviceNamespace,
        'create',
        'token',
        serverAccount,
        '--bound-object-kind=Pod',
        `--bound-object-name=${server}`,
      ),
    },
    {
      title: 'an editor of the service namespace mints one for audiences of his choice',
      run: kubectl(
        serviceNamespace,
        'create',
        'token',
        serverAccount,
        '--audience=letterlock-other:x',
        '--audience=https://kubernetes.default.svc',
        operator,
      ),
    },
  ],
  'boot-token': [
    {
      title: 'an editor of the service namespace mints a boot token, bound to the pod of the server',
      run: kubectl(
        serviceNamespace,
        'create',
        'token',
        serverAccount,
        `--audience=${boot}`,
        '--bound-object-kind=Pod',
        `--bound-object-name=${server}`,
        operator,
      ),
    },
    {
      title: 'the same, impersonating the ServiceAccount of the server',
      run: kubectl(
        serviceNamespace,
        'create',
        'token',
        serverAccount,
        `--audience=${boot}`,
        '--bound-object-kind=Pod',
        `--bound-object-name=${server}`,
        impersonatedServer,
      ),
    },
    {
      title: 'an editor mints a boot token of another ServiceAccount',
      run: kubectl(shop, 'create', 'token', 'orders', `--audience=${boot}`, editor),
    },
  ],
  exec: [
    {
      title: 'an editor executes a program in the agent',
      run: kubectl(shop, 'exec', victim, '-c', 'letterlock-agent', editor, '--', 'true'),
    },
    {
      title: 'a cluster admin executes a program in the agent',
      run: kubectl(shop, 'exec', victim, '-c', 'letterlock-agent', '--', 'true'),
    },
    {
      title: 'a cluster admin attaches to the agent',
      run: kubectl(shop, 'attach', victim, '-c', 'letterlock-agent'),
    },
    {
      title: 'a cluster admin executes a program in a server pod',
      run: kubectl(serviceNamespace, 'exec', server, '--', '/nodejs/bin/node', '--version'),
    },
  ],
  'live-edit': [
    {
      title: 'the image of a running agent is replaced',
      run: kubectl(shop, 'set', 'image', `pod/${victim}`, 'letterlock-agent=evil:1', dryRun, editor),
    },
    {
      title: 'the resources of a running agent are changed',
      run: patch(victim, 'resize', { spec: { initContainers: [resized('letterlock-agent')] } }),
    },
    {
      title: 'an annotation of ours is added',
      run: kubectl(shop, 'annotate', 'pod', victim, 'letterlock.dev/writer=true', dryRun, editor),
    },
    {
      title: 'an annotation of ours is changed',
      run: kubectl(shop, 'annotate', 'pod', victim, 'letterlock.dev/status=other', '--overwrite', dryRun, editor),
    },
    {
      title: 'an annotation of ours is removed',
      run: kubectl(shop, 'annotate', 'pod', victim, 'letterlock.dev/status-', dryRun, editor),
    },
    {
      title: 'a label of ours is removed',
      run: kubectl(shop, 'label', 'pod', victim, 'letterlock.dev/inject-', dryRun, editor),
    },
    {
      title: 'an annotation of ours is changed through the status',
      run: patch(victim, 'status', { metadata: { annotations: { 'letterlock.dev/status': 'other' } } }),
    },
    {
      title: 'the image of a running server is replaced',
      run: kubectl(serviceNamespace, 'set', 'image', `pod/${server}`, 'server=evil:1', dryRun, operator),
    },
  ],
  debug: [
    {
      title: 'an ephemeral container targets the agent',
      run: debug(victim, { targetContainerName: 'letterlock-agent' }),
    },
    {
      title: 'an ephemeral container mounts the token for enrolment',
      run: debug(victim, { volumeMounts: [{ name: 'letterlock-enrolment', mountPath: '/x' }] }),
    },
    {
      title: 'an ephemeral container beside the agent is privileged',
      run: debug(victim, { securityContext: { privileged: true } }),
    },
    {
      title: 'an ephemeral container beside the agent adds a capability',
      run: debug(victim, { securityContext: { capabilities: { add: ['SYS_PTRACE'] } } }),
    },
    {
      title: 'a server pod takes an ephemeral container',
      run: debug(server, {
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      }),
    },
  ],
  shape: [
    {
      title: 'a pod has two volumes with tokens for enrolment',
      run: shaped(() => ({
        volumes: [
          tokenVolume('letterlock-enrolment', enrol),
          tokenVolume('second', enrol),
          { name: 'letterlock-secrets', emptyDir: {} },
        ],
      })),
    },
    {
      title: 'an application mounts the token for enrolment',
      run: shaped((image) => ({
        containers: [
          container('app', image, { volumeMounts: [{ name: 'letterlock-enrolment', mountPath: '/stolen' }] }),
        ],
        volumes: [tokenVolume('letterlock-enrolment', enrol)],
      })),
    },
    {
      title: 'another init container mounts the token for enrolment',
      run: shaped((image) => ({
        initContainers: [
          container('thief', image, { volumeMounts: [{ name: 'letterlock-enrolment', mountPath: '/stolen' }] }),
        ],
        containers: [container('app', image)],
        volumes: [tokenVolume('letterlock-enrolment', enrol)],
      })),
    },
    {
      title: 'a volume holds a boot token',
      run: shaped((image) => ({
        initContainers: [],
        containers: [container('app', image)],
        volumes: [tokenVolume('boot', boot)],
      })),
    },
    {
      title: 'a regular container has the name of the agent',
      run: shaped((image) => ({ initContainers: [], containers: [container('letterlock-agent', image)], volumes: [] })),
    },
    {
      title: 'the agent has a foreign image',
      run: shaped((image) => ({
        initContainers: [container('letterlock-agent', 'evil:1')],
        containers: [container('app', image)],
        volumes: [],
      })),
    },
    ...['hostPID', 'hostIPC', 'hostNetwork', 'shareProcessNamespace'].map((member): Attempt => ({
      title: `a pod with an agent sets ${member}`,
      run: shaped(() => ({ [member]: true })),
    })),
  ],
  trust: [
    { title: 'a cluster admin creates a trust bundle', run: create(() => bundle) },
    {
      title: 'the same by server-side apply, impersonating the server',
      run: (world) =>
        world.tryKubectl(['apply', '--server-side', '--field-manager=evil', '-f', '-', dryRun, impersonatedServer], {
          input: JSON.stringify(bundle),
        }),
    },
    {
      title: 'a trust bundle is replaced, impersonating the server',
      run: kubectl(shop, 'patch', 'configmap', 'letterlock-trust', dryRun, '-p', evilBundle, impersonatedServer),
    },
    {
      title: 'an editor replaces a trust bundle',
      run: kubectl(shop, 'patch', 'configmap', 'letterlock-trust', dryRun, '-p', evilBundle, editor),
    },
    {
      title: 'an editor deletes a trust bundle',
      run: kubectl(shop, 'delete', 'configmap', 'letterlock-trust', dryRun, editor),
    },
  ],
  'server-pods': [
    {
      title: 'an editor of the service namespace creates a pod with the ServiceAccount of the server',
      run: create(() => asServer({}), operator),
    },
    {
      title: 'the same, owned by its StatefulSet in word only',
      run: create(() => asServer({ name: 'letterlock-server-7', ...ownedBy('letterlock-server') }), operator),
    },
    {
      title: 'another StatefulSet has that ServiceAccount',
      run: create(() => asServer(ownedBy('stranger')), statefulSetController),
    },
  ],
  'server-secrets': [
    {
      title: 'a Secret asks for a token of the server',
      run: create(() => accountSecret, operator),
    },
  ],
};

/** What honest people and programs do, and what must go on. */
export const allowed: readonly Attempt[] = [
  {
    title: 'a token of another audience is minted',
    run: kubectl(shop, 'create', 'token', 'orders', '--audience=other', editor),
  },
  { title: 'a program runs in the application', run: kubectl(shop, 'exec', victim, '-c', 'app', editor, '--', 'true') },
  {
    title: 'the image of the application is replaced',
    run: kubectl(shop, 'set', 'image', `pod/${victim}`, 'app=other:1', dryRun, editor),
  },
  { title: 'a label of somebody else is set', run: kubectl(shop, 'label', 'pod', victim, 'team=a', dryRun, editor) },
  {
    title: 'the resources of the application are changed',
    run: patch(victim, 'resize', { spec: { containers: [resized('app')] } }),
  },
  { title: 'an ordinary ephemeral container is added', run: debug(victim, { targetContainerName: 'app' }) },
  {
    title: 'a pod is created as the injector makes it',
    run: shaped(() => ({
      volumes: [tokenVolume('letterlock-enrolment', enrol), { name: 'letterlock-secrets', emptyDir: {} }],
    })),
  },
  {
    title: 'another ConfigMap is created',
    run: create(() => ({ ...bundle, metadata: { name: 'other', namespace: shop } }), editor),
  },
  {
    title: 'the controller of StatefulSets makes a server pod',
    run: create(
      () => asServer({ name: 'letterlock-server-7', ...ownedBy('letterlock-server') }),
      statefulSetController,
    ),
  },
];
