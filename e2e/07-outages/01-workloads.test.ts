/**
 * Every kind of workload reads, by names that two namespaces share; neither namespace reaches the other's.
 * @module
 */
import { helmApply, namespaceObject, valuesOf, webhookTrusted } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { demandWrite, everyPodHas, readers, readingJob, runningPods, write } from '../run/workloads.ts';
import { applicationObjects, ci, noteServer, other, service, shop, writeOf, writerPods } from './outages.ts';

/** A binding of the other namespace with one member more, as its editor would try to apply it. */
function tryBinding(world: World, workload: object): string {
  const binding = {
    apiVersion: 'letterlock.dev/v1alpha1',
    kind: 'SecretBinding',
    metadata: { name: 'greedy', namespace: other },
    spec: { workload, secrets: [{ name: 'db', keys: ['password'] }] },
  };
  const { status, stderr } = world.tryKubectl('apply --validate=strict -f -', { input: JSON.stringify(binding) });
  if (status === 0) throw new Error('The binding was accepted');
  return stderr;
}

export const steps: readonly Step[] = [
  {
    title: 'the images are made and imported',
    seconds: 240,
    async run(world) {
      for (const name of ['server', 'agent', 'app'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'helm installs the chart, transient',
    seconds: 240,
    async run(world) {
      helmApply(world, 'install', service, await valuesOf(world, service));
      await webhookTrusted(world);
      noteServer(world);
    },
  },
  {
    title: 'two namespaces get bindings and ServiceAccounts of the same names',
    async run(world) {
      world.apply([shop, other, ci].map((name) => namespaceObject(name)));
      world.apply(applicationObjects);
      for (const namespace of [shop, other])
        world.kubectl(`-n ${namespace} wait --for=condition=Ready secretbinding/orders-db --timeout=30s`);
      const [first, second] = [shop, other].map((namespace) =>
        world.kubectl(`-n ${namespace} get lsb orders-db -o jsonpath={.status.publicKey.x}`),
      );
      if (first === second) throw new Error('Both bindings have one key');
      world.apply(writerPods(await world.image('app')));
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod --all --timeout=50s`);
    },
  },
  {
    title: 'a Deployment of three, a StatefulSet of two and a Job read what their namespace is written',
    seconds: 120,
    async run(world) {
      const image = await world.image('app');
      world.apply([
        readers(image, shop, { replicas: 3 }),
        readers(image, shop, { kind: 'StatefulSet', name: 'ledger', replicas: 2 }),
        readers(image, other, { replicas: 1 }),
      ]);
      demandWrite(world, writeOf(shop, 'of-shop'));
      await everyPodHas(world, { namespace: shop, count: 3, password: 'of-shop' });
      await everyPodHas(world, { namespace: shop, app: 'ledger', count: 2, password: 'of-shop' });
      world.apply([readingJob(image, shop, 'migrate')]);
      world.kubectl(`-n ${shop} wait --for=condition=Complete job/migrate --timeout=50s`);
      const said = world.kubectl(`-n ${shop} logs job/migrate -c app`);
      if (said !== 'of-shop') throw new Error(`The Job read ${said}`);
    },
  },
  {
    title: 'the pod of the other namespace waits meanwhile, though its names are the same',
    async run(world) {
      await world.eventually('no event said that nothing is written', () =>
        world.kubectl(`-n ${other} get events -o jsonpath={.items[*].reason}`).includes('NotWritten'),
      );
      const ready = world.kubectl(`-n ${other} get deployment orders -o jsonpath={.status.readyReplicas}`);
      if (ready !== '') throw new Error('It is Ready');
    },
  },
  {
    title: 'once its namespace is written it reads that, and the others keep theirs',
    async run(world) {
      demandWrite(world, writeOf(other, 'of-other'));
      await everyPodHas(world, { namespace: other, count: 1, password: 'of-other' });
      await everyPodHas(world, { namespace: shop, count: 3, password: 'of-shop' });
    },
  },
  {
    title: 'refused: the writer of one namespace writes to the other',
    isRow: true,
    run(world) {
      const { stdout, stderr } = write(world, writeOf(other, 'stolen', shop));
      if (!stdout.endsWith(' 403')) throw new Error(`The write was answered ${stdout}${stderr}`);
    },
  },
  {
    title: 'refused: a pod asks its agent for the binding of the other namespace',
    isRow: true,
    run(world) {
      const pod = runningPods(world, other)[0]!;
      const ask = (path: string): string => {
        const script = `curl -s -o /dev/null -w '%{http_code}' --path-as-is --unix-socket /run/letterlock/agent.sock http://localhost/v1/secrets/${path}`;
        return world.kubectl(['-n', other, 'exec', pod, '-c', 'app', '--', 'sh', '-c', script]);
      };
      if (ask('orders-db/db') !== '200') throw new Error('It cannot read its own');
      for (const path of [`${shop}/orders-db/db`, `../${shop}/orders-db/db`, `${shop}%2Forders-db/db`]) {
        const status = ask(path);
        if (!status.startsWith('4')) throw new Error(`${path} was answered ${status}`);
      }
    },
  },
  {
    title: 'refused: a binding names a workload of the other namespace',
    isRow: true,
    run(world) {
      const unknown = tryBinding(world, { serviceAccountNames: ['orders'], namespace: shop });
      if (!unknown.includes('unknown field "spec.workload.namespace"')) throw new Error(unknown);
      for (const name of [`${shop}/orders`, `system:serviceaccount:${shop}:orders`]) {
        const said = tryBinding(world, { serviceAccountNames: [name] });
        if (!said.includes('spec.workload.serviceAccountNames')) throw new Error(said);
      }
    },
  },
  {
    title: 'a rolling update replaces all three pods, and each has the file when it is Ready',
    seconds: 120,
    async run(world) {
      const before = new Set(runningPods(world, shop));
      world.kubectl(`-n ${shop} rollout restart deployment/orders`);
      world.kubectl(`-n ${shop} rollout status deployment/orders --timeout=90s`, { seconds: 100 });
      await everyPodHas(world, { namespace: shop, count: 3, password: 'of-shop' });
      if (runningPods(world, shop).some((pod) => before.has(pod))) throw new Error('A pod was not replaced');
    },
  },
  {
    title: 'a pod of the StatefulSet is replaced by one of the same name, which enrols anew',
    seconds: 90,
    async run(world) {
      const uid = (): string => world.kubectl(`-n ${shop} get pod ledger-0 -o jsonpath={.metadata.uid}`);
      const before = uid();
      world.kubectl(`-n ${shop} delete pod ledger-0 --wait=true`);
      world.kubectl(`-n ${shop} rollout status statefulset/ledger --timeout=60s`, { seconds: 70 });
      if (uid() === before) throw new Error('It is the same pod');
      await everyPodHas(world, { namespace: shop, app: 'ledger', count: 2, password: 'of-shop' });
    },
  },
];
