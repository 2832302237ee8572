/**
 * What the cluster has before, and then the service with a binding, a writer and a reader.
 * @module
 */
import { helmApply, namespaceObject, valuesOf, webhookTrusted } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import { account, demandWrite, everyPodHas, readers, runningPods, writerPod } from '../run/workloads.ts';
import { inventory } from './inventory.ts';
import { ci, facts, purgedBinding, purgeFinalizer, second, service, shop } from './lifecycle.ts';

export const steps: readonly Step[] = [
  {
    title: 'the images are made and imported, of the agent two',
    seconds: 240,
    async run(world) {
      for (const name of ['server', 'agent', 'agent-successor', 'app'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'the cluster is listed before anything of ours is there',
    async run(world) {
      const namespaces = [service, second, shop, ci];
      world.apply(namespaces.map((name) => namespaceObject(name)));
      for (const name of namespaces) {
        world.kubectl(`-n ${name} wait --for=create serviceaccount/default --timeout=30s`);
        world.kubectl(`-n ${name} wait --for=create configmap/kube-root-ca.crt --timeout=30s`);
      }
      const before = inventory(world);
      world.facts.set(facts.before, JSON.stringify(before));
      world.note(`${before.length} objects`);
    },
  },
  {
    title: 'helm installs the chart, transient',
    seconds: 240,
    async run(world) {
      const values = await valuesOf(world, service);
      world.facts.set(facts.values, JSON.stringify(values));
      helmApply(world, 'install', service, values);
      await webhookTrusted(world);
    },
  },
  {
    title: 'a writer writes, and a reader receives it by a binding that is purged when it is deleted',
    seconds: 120,
    async run(world) {
      const image = await world.image('app');
      world.apply([account(shop, 'orders'), account(ci, 'deployer'), purgedBinding]);
      world.kubectl(`-n ${shop} wait --for=condition=Ready secretbinding/orders-db --timeout=30s`);
      world.apply([readers(image, shop, { replicas: 1 }), writerPod(image, ci, 'writer', 'deployer')]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer --timeout=50s`);
      demandWrite(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password: 'first' });
      await everyPodHas(world, { namespace: shop, count: 1, password: 'first' });
      world.facts.set(facts.reader, runningPods(world, shop)[0]!);
      const finalizers = world.kubectl(`-n ${shop} get lsb orders-db -o jsonpath={.metadata.finalizers}`);
      if (!finalizers.includes(purgeFinalizer)) throw new Error(`The binding has the finalizers ${finalizers}`);
    },
  },
];
