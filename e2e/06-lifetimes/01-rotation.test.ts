/**
 * Certificates of two minutes: a pod reads and a writer writes while the authority is replaced, and an agent that crashes comes back.
 * @module
 */
import { asAdmin, startAdminPod } from '../run/admin-pod.ts';
import { helmApply, namespaceObject, valuesOf, webhookTrusted } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import { account, bindingObject, readers, runningPods, writerPod } from '../run/workloads.ts';
import {
  admin,
  alarms,
  bundleOf,
  ca,
  ci,
  crashAgent,
  figureOf,
  leafSeconds,
  readerCounts,
  service,
  shop,
  useUntil,
  writeAndRead,
} from './lifetimes.ts';

export const steps: readonly Step[] = [
  {
    title: 'the images are made and imported',
    seconds: 240,
    async run(world) {
      for (const name of ['server', 'agent', 'app'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'helm installs the chart with certificates of two minutes',
    seconds: 240,
    async run(world) {
      helmApply(world, 'install', service, { ...(await valuesOf(world, service)), ca });
      await webhookTrusted(world);
    },
  },
  {
    title: 'readers receive what a writer writes',
    seconds: 150,
    async run(world) {
      const image = await world.image('app');
      world.apply([shop, ci].map((name) => namespaceObject(name)));
      world.apply([
        account(shop, 'orders'),
        account(ci, 'deployer'),
        bindingObject(shop, { namespace: ci, name: 'deployer' }),
      ]);
      world.apply([
        writerPod(image, ci, 'writer', 'deployer'),
        ...Object.entries(readerCounts).map(([name, replicas]) => readers(image, shop, { name, replicas })),
      ]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer --timeout=60s`);
      await writeAndRead(world, 'first');
    },
  },
  {
    title: 'the certificates of their agents end within two minutes',
    run(world) {
      for (const pod of runningPods(world, shop)) {
        const left = figureOf(world, shop, pod, 'certificate_end_seconds') - Math.floor(Date.now() / 1000);
        if (left < 1 || left > leafSeconds) throw new Error(`The certificate of ${pod} ends in ${left} s`);
      }
    },
  },
  {
    title: 'an agent that is killed comes back with another key, which is taken',
    seconds: 90,
    async run(world) {
      if (!world.isOwnCluster) return world.note('not tried: the cluster is not ours');
      await crashAgent(world);
      await writeAndRead(world, 'after-a-crash');
      const [pod] = runningPods(world, shop, 'crashing');
      const failures = figureOf(world, shop, pod!, 'failures_total');
      // While the kubelet has not yet reported the new start; how late it is, is tried in packages/agent/src/lock-out.test.ts.
      world.note(`enrolled after ${failures} refusals`);
    },
  },
  {
    title: 'the share of an admin is checked while the service is unsealed',
    seconds: 90,
    async run(world) {
      await startAdminPod(world, admin, ['anna']);
      const log = world.kubectl(`-n ${service} logs letterlock-server-0`);
      const fingerprint = /"fingerprint":"([A-Za-z0-9_-]{43})"/.exec(log)?.[1];
      if (fingerprint === undefined) throw new Error('The log does not tell the fingerprint');
      asAdmin(world, admin, 'anna', `share check --trust ${fingerprint}`);
    },
  },
  {
    title: 'the next authority is published, and later signs, while pods read and a writer writes',
    seconds: 150,
    async run(world) {
      await useUntil(world, 2, 100);
      if (bundleOf(world).authorities !== 2) throw new Error('The next authority is not published before it signs');
      await useUntil(world, 3, 60);
      if (bundleOf(world).authorities !== 2) throw new Error('The old authority is gone while its certificates live');
      await writeAndRead(world, 'after-the-first-rotation');
    },
  },
  {
    title: '0 alarms',
    run(world) {
      const count = alarms(world);
      if (count !== 0) throw new Error(`${count} alarms`);
    },
  },
];
