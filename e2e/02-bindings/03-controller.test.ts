/**
 * What the controller shows of bindings and pods on a real API server: who wrote, who opened, why a pod waits, and what helps.
 * It must never ask the service: a person with kubectl sees no more than this.
 * @module
 */
import { X509Certificate } from 'node:crypto';
import type { Step } from '../run/story.ts';
import { helmApply, namespaceObject, valuesOf, webhookTrusted } from '../run/installation.ts';
import { account, bindingObject, demandWrite, everyPodHas, plainPod, readers, writerPod } from '../run/workloads.ts';
import type { World } from '../run/world.ts';
import { ci, pipeline, serviceNamespace, shop } from './installed.ts';

const inShop = `-n ${shop}`;
const waitingReasons = ['NotWritten', 'RewriteNeeded', 'KeysMissing'] as const;

interface Recipient {
  readonly metadata: { readonly name: string; readonly ownerReferences: readonly { readonly uid: string }[] };
  readonly spec: { readonly podUid: string; readonly bindings: readonly string[] };
  readonly status?: {
    readonly phase: string;
    readonly keyset?: string;
    readonly chain?: readonly string[];
    readonly versions?: readonly { readonly version?: number; readonly openedAt?: string }[];
  };
}

function recipients(world: World): readonly Recipient[] {
  return (world.read(`${inShop} secretrecipients`) as { readonly items: readonly Recipient[] }).items;
}

/** Shape: `<status> <reason>`. */
function conditionOf(world: World, type: string): string {
  const found = `{.status.conditions[?(@.type=="${type}")]`;
  return world.kubectl([
    ...inShop.split(' '),
    'get',
    'lsb',
    'orders-db',
    '-o',
    `jsonpath=${found}.status} ${found}.reason}`,
  ]);
}

async function demandCondition(world: World, type: string, is: string): Promise<void> {
  await world.eventually(`${type} was not ${is}`, () => conditionOf(world, type) === is, 90);
}

/** Messages of events about pods. */
function eventsOf(
  world: World,
  namespace: string,
  reason: (typeof waitingReasons)[number] | 'NotInjected',
): readonly string[] {
  const words = `-n ${namespace} get events --field-selector=reason=${reason},involvedObject.kind=Pod -o jsonpath={.items[*].message}`;
  return world
    .kubectl(words)
    .split('\n')
    .filter((line) => line !== '');
}

async function demandEvent(world: World, reason: (typeof waitingReasons)[number], command: string): Promise<void> {
  await world.eventually(
    `no event ${reason} said "${command}"`,
    () => eventsOf(world, shop, reason).some((message) => message.includes(command)),
    90,
  );
}

const writeIt = `letterlock secret write db --binding ${shop}/orders-db`;

export const steps: readonly Step[] = [
  {
    title: 'the service is installed, a binding accepted, and a pod of it and a writer made',
    seconds: 300,
    async run(world) {
      helmApply(world, 'install', serviceNamespace, await valuesOf(world, serviceNamespace));
      await webhookTrusted(world);
      const image = await world.image('app');
      world.apply([
        ...[shop, ci].map((name) => namespaceObject(name)),
        account(shop, 'orders'),
        account(shop, 'billing'),
        account(ci, 'deployer'),
      ]);
      world.apply([
        bindingObject(shop, pipeline),
        writerPod(image, ci, 'writer', 'deployer'),
        readers(image, shop, { replicas: 1 }),
      ]);
      await demandCondition(world, 'Accepted', 'True Accepted');
    },
  },
  {
    title: 'a pod that waits for a write has an event with the command, and its recipient says so',
    seconds: 180,
    async run(world) {
      await demandEvent(world, 'NotWritten', writeIt);
      await demandCondition(world, 'Populated', 'False NotWritten');
      await world.eventually('no recipient awaited a write', () =>
        recipients(world).some(({ status }) => status?.phase === 'AwaitingWrite'),
      );
    },
  },
  {
    title: 'after the write kubectl shows who wrote and which pod opened',
    seconds: 180,
    async run(world) {
      world.kubectl(`-n ${ci} wait --for=condition=Ready --timeout=90s pod/writer`, { seconds: 100 });
      demandWrite(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password: 'first' });
      await everyPodHas(world, { namespace: shop, count: 1, password: 'first' });
      await demandCondition(world, 'Delivered', 'True Delivered');
      await world.eventually('no recipient had opened', () => recipients(world)[0]?.status?.phase === 'Opened');
      const table = world.kubectl(`${inShop} get lsb,lsr`);
      for (const text of [`sa:${ci}/deployer`, 'Opened', '["orders-db"]']) {
        if (!table.includes(text)) throw new Error(`kubectl get lsb,lsr does not show ${text}:\n${table}`);
      }
      for (const line of table.split('\n')) world.note(line);
    },
  },
  {
    title: 'a recipient has the version and its time, and the certificates of its very pod',
    run(world) {
      const [recipient] = recipients(world);
      const { versions, chain = [], keyset } = recipient!.status!;
      if (versions?.[0]?.version !== 1 || versions[0].openedAt === undefined)
        throw new Error(`It shows ${JSON.stringify(versions)}`);
      const [leaf, authority] = chain.map((text) => new X509Certificate(Buffer.from(text, 'base64url')));
      const { podUid } = recipient!.spec;
      if (leaf?.subjectAltName?.endsWith(`/ns/${shop}/sa/orders/pod/${podUid}`) !== true)
        throw new Error(`The certificate is of ${leaf?.subjectAltName}`);
      if (authority === undefined || !leaf.verify(authority.publicKey)) throw new Error('The chain does not hold');
      if (keyset?.split('.').length !== 3) throw new Error('There is no keyset');
    },
  },
  {
    title: 'role edit may not write a status, and changes a binding',
    isRow: true,
    run(world) {
      world.apply([
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata: { name: 'editor', namespace: shop },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
          subjects: [{ kind: 'User', name: 'editor', apiGroup: 'rbac.authorization.k8s.io' }],
        },
      ]);
      const may = (verb: string, what: string): string =>
        world.tryKubectl(`${inShop} auth can-i ${verb} ${what} --as=editor`).stdout.trim();
      const answers = [
        may('patch', 'secretbindings.letterlock.dev'),
        may('patch', 'secretbindings.letterlock.dev --subresource=status'),
        may('patch', 'secretrecipients.letterlock.dev --subresource=status'),
        may('create', 'secretrecipients.letterlock.dev'),
        may('get', 'secretrecipients.letterlock.dev'),
      ].join(' ');
      if (answers !== 'yes no no no yes') throw new Error(`It may ${answers}`);
    },
  },
  {
    title: 'a recipient goes with its pod, and the new pod has one',
    seconds: 180,
    async run(world) {
      const [before] = recipients(world);
      world.kubectl(`${inShop} delete pod ${before!.metadata.name} --timeout=60s`, { seconds: 70 });
      await world.eventually(
        'the recipients were not those of the pods that are there',
        () => {
          const now = recipients(world);
          return now.length === 1 && now[0]!.spec.podUid !== before!.spec.podUid && now[0]!.status?.phase === 'Opened';
        },
        120,
      );
    },
  },
  {
    title: 'a recipient that somebody deleted is made again',
    seconds: 90,
    async run(world) {
      const [{ metadata }] = recipients(world) as [Recipient];
      world.kubectl(`${inShop} delete lsr ${metadata.name}`);
      await world.eventually('it was not made again', () => recipients(world)[0]?.status?.phase === 'Opened');
    },
  },
  {
    title: 'a ServiceAccount that is added after the write needs another write',
    seconds: 120,
    async run(world) {
      world.apply([bindingObject(shop, pipeline, { workload: { serviceAccountNames: ['orders', 'billing'] } })]);
      await demandCondition(world, 'Populated', 'False RewriteNeeded');
      demandWrite(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password: 'second' });
      await demandCondition(world, 'Populated', 'True Written');
      await demandCondition(world, 'Delivered', 'True Delivered');
    },
  },
  {
    title: 'a file of a key that nobody has written keeps a new pod waiting, and says so',
    seconds: 240,
    async run(world) {
      const files = [{ path: 'db/token', key: 'token' }];
      world.apply([
        bindingObject(shop, pipeline, { secrets: [{ name: 'db', keys: ['username', 'password', 'token'], files }] }),
      ]);
      world.kubectl(`${inShop} delete pod -l app=orders --timeout=60s`, { seconds: 70 });
      await demandEvent(world, 'KeysMissing', writeIt);
      await demandCondition(world, 'Delivered', 'False KeysMissing');
    },
  },
  {
    title: 'what was written outlives its binding',
    seconds: 120,
    async run(world) {
      world.apply([bindingObject(shop, pipeline)]);
      await demandCondition(world, 'Populated', 'True Written');
      world.kubectl(`${inShop} delete lsb orders-db --timeout=30s`);
      world.apply([bindingObject(shop, pipeline, { retainFor: '1m' })]);
      await demandCondition(world, 'Populated', 'True Written');
      world.kubectl(`${inShop} delete lsb orders-db --timeout=30s`);
    },
  },
  {
    title: 'a pod that a label of its namespace asks for, and that has no agent, has an event until it is made again',
    seconds: 120,
    async run(world) {
      const image = await world.image('app');
      world.apply([plainPod(image, ci, 'plain')]);
      world.kubectl(`label namespace ${ci} letterlock.dev/inject=enabled`);
      const remedy = `kubectl -n ${ci} delete pod plain`;
      await world.eventually('no event said that it was not injected', () =>
        eventsOf(world, ci, 'NotInjected').some((message) => message.includes(remedy)),
      );
      if (eventsOf(world, ci, 'NotInjected').length !== 1) throw new Error('Another pod is said to have no agent');
      world.kubectl(`-n ${ci} delete pod plain --timeout=60s`, { seconds: 70 });
      world.apply([plainPod(image, ci, 'plain')]);
      const names = world.kubectl(`-n ${ci} get pod plain -o jsonpath={.spec.initContainers[*].name}`);
      if (!names.includes('letterlock-agent')) throw new Error(`It has ${names}`);
      world.kubectl(`label namespace ${ci} letterlock.dev/inject-`);
    },
  },
  {
    title: 'after retainFor it is purged: a binding of the same name begins empty',
    seconds: 240,
    async run(world) {
      await world.eventually(
        'nothing was purged',
        () =>
          world
            .kubectl(`-n ${serviceNamespace} logs letterlock-server-0`)
            .includes('Purged what has outlived its binding'),
        180,
      );
      world.apply([bindingObject(shop, pipeline)]);
      await demandCondition(world, 'Populated', 'False NotWritten');
    },
  },
  {
    title: 'Purge destroys at once what was written',
    seconds: 180,
    async run(world) {
      world.apply([bindingObject(shop, pipeline, { deletionPolicy: 'Purge' })]);
      await demandCondition(world, 'Accepted', 'True Accepted');
      await world.eventually('there was no finalizer', () =>
        world
          .kubectl(`${inShop} get lsb orders-db -o jsonpath={.metadata.finalizers}`)
          .includes('letterlock.dev/purge'),
      );
      demandWrite(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password: 'third' });
      await demandCondition(world, 'Populated', 'True Written');
      world.kubectl(`${inShop} delete lsb orders-db --timeout=60s`, { seconds: 70 });
      world.apply([bindingObject(shop, pipeline)]);
      await demandCondition(world, 'Populated', 'False NotWritten');
    },
  },
];
