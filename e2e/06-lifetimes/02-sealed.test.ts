/**
 * Sealed for longer than certificates live: what runs keeps its files, what is new waits, and all of it goes on after the unseal.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { asAdmin, tryAsAdmin } from '../run/admin-pod.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { passwordIn, readers, runningPods, write } from '../run/workloads.ts';
import {
  admin,
  alarms,
  bundleOf,
  ci,
  crashAgent,
  figureOf,
  healthOf,
  readerCounts,
  restarts,
  sealedSeconds,
  service,
  shop,
  useUntil,
  writeAndRead,
} from './lifetimes.ts';

const sealedAt = 'lifetimes.sealed-at';
const restartsBefore = 'lifetimes.restarts';
const last = 'before-the-seal';

function demandFiles(world: World): void {
  for (const app of Object.keys(readerCounts))
    for (const pod of runningPods(world, shop, app)) {
      const found = passwordIn(world, shop, pod);
      if (found !== last) throw new Error(`${pod} has ${found ?? 'no file'}`);
    }
}

export const steps: readonly Step[] = [
  {
    title: 'an admin seals the service',
    async run(world) {
      await writeAndRead(world, last);
      world.facts.set(restartsBefore, String(restarts(world)));
      asAdmin(world, admin, 'anna', 'seal');
      world.facts.set(sealedAt, String(Date.now()));
      const { status, stdout, stderr } = write(world, {
        by: { namespace: ci, pod: 'writer' },
        to: shop,
        password: 'while-sealed',
      });
      if (!stdout.endsWith(' 503')) throw new Error(`A write is answered ${stdout}${stderr}, status ${status}`);
    },
  },
  {
    title: 'running pods keep their files, and their agents say that these may be old',
    async run(world) {
      await world.eventually('an agent did not say it', () =>
        runningPods(world, shop).every((pod) => healthOf(world, pod).stale === true),
      );
      demandFiles(world);
    },
  },
  {
    title: 'an agent that is killed meanwhile leaves the files of its pod',
    seconds: 90,
    async run(world) {
      if (!world.isOwnCluster) return world.note('not tried: the cluster is not ours');
      await crashAgent(world);
      demandFiles(world);
    },
  },
  {
    title: 'a new pod is admitted and waits, and its binding and its agent say why',
    seconds: 90,
    async run(world) {
      world.apply([readers(await world.image('app'), shop, { name: 'late', replicas: 1 })]);
      await world.eventually('the binding did not say it', () =>
        world.kubectl(`-n ${shop} get lsb orders-db -o jsonpath={.status.conditions[*].reason}`).includes('Sealed'),
      );
      await world.eventually('its agent did not say what it waits for', () => {
        const { stdout } = world.tryKubectl(`-n ${shop} logs -l app=late -c letterlock-agent --tail=50`);
        return /"because":"(?:Sealed|ServerUnreachable)"/.test(stdout);
      });
      const ready = world.kubectl(`-n ${shop} get deployment late -o jsonpath={.status.readyReplicas}`);
      if (ready !== '') throw new Error('It is Ready');
    },
  },
  {
    title: 'five minutes later every certificate has ended, and the files are still there',
    seconds: sealedSeconds + 60,
    async run(world) {
      const until = Number(world.facts.get(sealedAt)) + sealedSeconds * 1000;
      await pause(Math.max(0, until - Date.now()));
      for (const pod of runningPods(world, shop, 'orders')) {
        const left = figureOf(world, shop, pod, 'certificate_end_seconds') - Math.floor(Date.now() / 1000);
        if (left >= 0) throw new Error(`The certificate of ${pod} lives for another ${left} s`);
      }
      demandFiles(world);
      world.note(`sealed for ${Math.round((Date.now() - Number(world.facts.get(sealedAt))) / 1000)} s`);
    },
  },
  {
    title: 'an admin unseals it with the command line',
    seconds: 90,
    async run(world) {
      const log = world.kubectl(`-n ${service} logs letterlock-server-0`);
      const boot = /"boot":"([A-Za-z0-9_-]{43})"/.exec(log)?.[1];
      if (boot === undefined) throw new Error('The log does not tell the boot fingerprint');
      asAdmin(world, admin, 'anna', `unseal --boot ${boot}`);
      await world.eventually('it is not unsealed', () =>
        tryAsAdmin(world, admin, 'anna', 'status').stdout.includes('unsealed'),
      );
    },
  },
  {
    title: '0 alarms, 0 restarts, and the next update is delivered, also to the pod that waited',
    seconds: 120,
    async run(world) {
      await world.eventually('no write was taken', () => {
        const password = 'after-the-seal';
        return write(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password }).stdout.endsWith(' 201');
      });
      await writeAndRead(world, 'next-update', { ...readerCounts, late: 1 });
      const [counted, started] = [alarms(world), restarts(world) - Number(world.facts.get(restartsBefore))];
      world.note(`${counted} alarms, ${started} restarts`);
      if (counted !== 0 || started !== 0) throw new Error(`${counted} alarms, ${started} restarts`);
    },
  },
  {
    title: 'a second rotation begins and ends its first half while pods read and a writer writes',
    seconds: 150,
    async run(world) {
      const { seq } = bundleOf(world);
      world.note(`the bundle has number ${seq}`);
      // The first authority is gone, the third is shown, and signs.
      await useUntil(world, 6, 120);
      await writeAndRead(world, 'after-the-second-rotation', { ...readerCounts, late: 1 });
    },
  },
  {
    title: '0 alarms at the end',
    run(world) {
      const count = alarms(world);
      if (count !== 0) throw new Error(`${count} alarms`);
    },
  },
];
