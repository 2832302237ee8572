/**
 * The chart installs with the certificates of the admins alone, and says whom pods are to trust.
 * @module
 */
import type { Step } from '../run/story.ts';
import { installService, namespaceObject } from './installation.ts';
import { account, bindingObject, ci, shop } from './workloads.ts';

export const steps: readonly Step[] = [
  {
    title: 'the images of server, agent and application are made and imported',
    seconds: 240,
    async run(world) {
      for (const name of ['server', 'agent', 'app'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'helm installs the chart, transient, and its server becomes Ready',
    seconds: 240,
    run: installService,
  },
  {
    title: 'the API server is told whom to trust for the webhook',
    async run(world) {
      await world.eventually('the webhook had no caBundle', () => {
        const path = '{.webhooks[*].clientConfig.caBundle}';
        const words = `get mutatingwebhookconfiguration letterlock-injector -o jsonpath=${path}`;
        return (
          world
            .kubectl(words)
            .split(' ')
            .filter((bundle) => bundle !== '').length === 2
        );
      });
    },
  },
  {
    title: 'a binding is accepted, gets a key, and its namespace the trust',
    async run(world) {
      world.apply([namespaceObject(shop), namespaceObject(ci)]);
      world.apply([account(shop, 'orders'), account(ci, 'deployer'), account(ci, 'stranger'), bindingObject]);
      world.kubectl(`-n ${shop} wait --for=condition=Ready secretbinding/orders-db --timeout=30s`);
      const key = world.kubectl(`-n ${shop} get lsb orders-db -o jsonpath={.status.publicKey.crv}`);
      if (key !== 'P-256') throw new Error(`The public key is on ${key}`);
      await world.eventually(
        'there was no trust',
        () => world.tryKubectl(`-n ${shop} get configmap letterlock-trust`).status === 0,
      );
    },
  },
];
