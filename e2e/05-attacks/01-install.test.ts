/**
 * The chart with everything real, a binding, honest pods, and two pods in which the test stands in for the agent.
 * @module
 */
import { helmApply, namespaceObject, valuesOf, webhookTrusted } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import { account, bindingObject, everyPodHas, readers, writerPod } from '../run/workloads.ts';
import { ci, serviceNamespace, shop, writes } from './names.ts';
import { heldUpPod, untilAgentRuns } from './places.ts';

export const steps: readonly Step[] = [
  {
    title: 'the images of server, agent and application are made and imported',
    seconds: 240,
    async run(world) {
      for (const name of ['server', 'agent', 'app'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'helm installs the chart, its server becomes Ready, and its webhook trusted',
    seconds: 240,
    async run(world) {
      helmApply(world, 'install', serviceNamespace, await valuesOf(world, serviceNamespace));
      await webhookTrusted(world);
    },
  },
  {
    title: 'there are a binding, its trust, and accounts that it does not list',
    async run(world) {
      world.apply([namespaceObject(shop), namespaceObject(ci)]);
      const accounts = ['deployer', 'stranger', 'orders'].map((name) => account(ci, name));
      world.apply([account(shop, 'orders'), ...accounts, bindingObject(shop, { namespace: ci, name: 'deployer' })]);
      world.kubectl(`-n ${shop} wait --for=condition=Ready secretbinding/orders-db --timeout=50s`);
    },
  },
  {
    title: 'honest pods are injected, and so are two that the test stands in',
    seconds: 240,
    async run(world) {
      const image = await world.image('app');
      const pods = [
        writerPod(image, ci, 'writer', 'deployer'),
        heldUpPod(image, 'victim'),
        heldUpPod(image, 'namesake', 'orders'),
      ];
      world.apply([...pods, readers(image, shop, { replicas: 1 })]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer --timeout=90s`, { seconds: 100 });
      for (const pod of ['victim', 'namesake']) await untilAgentRuns(world, pod);
    },
  },
  {
    title: 'the honest writer writes, and its reader has it',
    seconds: 120,
    async run(world) {
      writes.begin(world);
      world.kubectl(`-n ${shop} wait --for=condition=Available deployment/orders --timeout=90s`, { seconds: 100 });
      await everyPodHas(world, { namespace: shop, count: 1, password: 'kept' });
    },
  },
];
