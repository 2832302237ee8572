/**
 * The server is gone, and with it the webhook: who asks for injection is refused and told, nobody else notices.
 * @module
 */
import { namespaceObject, webhookTrusted } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { everyPodHas, passwordIn, plainPod, runningPods, write, writerPod } from '../run/workloads.ts';
import { ci, other, service, shop, writeOf, writers } from './outages.ts';

/** Its pods are asked for by its label. */
const labelled = 'letterlock-outages-labelled';

/** Applies what must be refused. @returns what the API server says */
function refused(world: World, object: object): string {
  const { status, stderr } = world.tryKubectl('apply -f -', { input: JSON.stringify(object) });
  if (status === 0) throw new Error('The pod was accepted');
  return stderr;
}

function demandMessage(said: string, entry: 'pod' | 'namespace'): void {
  if (!said.includes(`failed calling webhook "${entry}.injector.letterlock.dev"`)) throw new Error(said);
}

export const steps: readonly Step[] = [
  {
    title: 'the server is taken away while pods run, and they keep their files',
    seconds: 90,
    async run(world) {
      world.apply([namespaceObject(labelled, { 'letterlock.dev/inject': 'enabled' })]);
      world.kubectl(`-n ${labelled} wait --for=create serviceaccount/default --timeout=30s`);
      world.kubectl(`-n ${service} scale statefulset letterlock-server --replicas=0`);
      world.kubectl(`-n ${service} wait --for=delete pod/letterlock-server-0 --timeout=60s`, { seconds: 70 });
      for (const namespace of [shop, other]) {
        const found = passwordIn(world, namespace, runningPods(world, namespace)[0]!);
        if (found === undefined || found === '') throw new Error(`A pod of ${namespace} has no file`);
      }
    },
  },
  {
    title: 'a pod that asks is refused, and the message names the injector',
    isRow: true,
    async run(world) {
      const asking = { 'letterlock.dev/inject': 'true' };
      demandMessage(refused(world, plainPod(await world.image('app'), shop, 'asking', asking)), 'pod');
    },
  },
  {
    title: 'a pod of a labelled namespace is refused the same way',
    isRow: true,
    async run(world) {
      demandMessage(refused(world, plainPod(await world.image('app'), labelled, 'asking')), 'namespace');
    },
  },
  {
    title: 'an event of a workload says why it has no pods',
    isRow: true,
    async run(world) {
      world.kubectl(`-n ${shop} delete ${runningPods(world, shop)[0]!} --wait=true`);
      await world.eventually('no event said it', () => {
        const path = '{range .items[?(@.reason=="FailedCreate")]}{.message}{"\\n"}{end}';
        const said = world.kubectl(['-n', shop, 'get', 'events', '-o', `jsonpath=${path}`]);
        return said.includes('failed calling webhook "pod.injector.letterlock.dev"');
      });
    },
  },
  {
    title: 'pods that do not ask start as ever, in a labelled namespace those that opt out',
    isRow: true,
    async run(world) {
      const image = await world.image('app');
      const optingOut = { 'letterlock.dev/inject': 'false' };
      world.apply([plainPod(image, shop, 'plain'), plainPod(image, labelled, 'plain', optingOut)]);
      for (const namespace of [shop, labelled]) {
        world.kubectl(`-n ${namespace} wait --for=condition=Ready pod/plain --timeout=40s`);
        world.kubectl(`-n ${namespace} delete pod plain --wait=true`);
      }
    },
  },
  {
    title: 'nothing else in the cluster waits for it: objects of other kinds are made, changed and deleted',
    isRow: true,
    run(world) {
      const name = 'letterlock-outages-free';
      const inside = { name: 'free', namespace: name };
      const objects = [
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: inside, data: { a: '1' } },
        { apiVersion: 'v1', kind: 'Secret', metadata: inside, stringData: { a: '1' } },
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inside },
        { apiVersion: 'v1', kind: 'Service', metadata: inside, spec: { ports: [{ port: 80 }] } },
      ];
      world.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }]);
      world.apply(objects);
      world.kubectl(`-n ${name} label configmap free changed=yes`);
      world.kubectl(`-n ${name} create token free`);
      world.kubectl(`-n ${shop} label ${runningPods(world, shop)[0]!} changed=yes`);
      world.kubectl(`-n ${shop} annotate lsb orders-db changed=yes`);
      world.kubectl(`delete namespace ${name} --timeout=50s`);
    },
  },
  {
    title: 'the server comes back, and workloads get their pods without anybody’s help',
    seconds: 200,
    async run(world) {
      world.kubectl(`-n ${service} scale statefulset letterlock-server --replicas=1`);
      world.kubectl(`-n ${service} rollout status statefulset/letterlock-server --timeout=60s`, { seconds: 70 });
      await webhookTrusted(world);
      // It is a new instance, to which somebody must write anew. Pods that start have its trust at once.
      world.kubectl(`-n ${ci} delete pod ${writers[shop]} --wait=true`);
      world.apply([writerPod(await world.image('app'), ci, writers[shop], writers[shop])]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/${writers[shop]} --timeout=50s`);
      await world.eventually('the write was refused', () =>
        write(world, writeOf(shop, 'after-return')).stdout.endsWith(' 201'),
      );
      await everyPodHas(world, { namespace: shop, count: 4, password: 'after-return', seconds: 170 });
    },
  },
];
