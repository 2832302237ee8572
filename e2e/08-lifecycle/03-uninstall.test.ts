/**
 * Uninstalling leaves the definitions and nothing else, blocks nothing, and the service can come back in another namespace.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { helmApply, helmUninstall, webhookTrusted } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import {
  account,
  demandWrite,
  everyPodHas,
  passwordIn,
  plainPod,
  readers,
  runningPods,
  writerPod,
} from '../run/workloads.ts';
import { definitions, demandNothingNew, inventory } from './inventory.ts';
import { ci, facts, purgedBinding, second, service, shop } from './lifecycle.ts';

const before = (world: World): readonly string[] => JSON.parse(world.facts.get(facts.before)!) as string[];

/** What people made: the service never deletes it. */
function deleteWorkloads(world: World): void {
  world.kubectl(`-n ${shop} delete deployment/orders secretbinding/orders-db serviceaccount/orders --timeout=30s`);
  world.kubectl(`-n ${ci} delete pod/writer serviceaccount/deployer --timeout=30s`);
}

/** The block of the guide, as a person pastes it. */
function commandsWithoutJob(): string {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guide/kubernetes-install.md'), 'utf8');
  const block = /Where the Job cannot run.*?\n\n```\n(.*?)```/s.exec(guide)?.[1];
  if (block === undefined) throw new Error('The guide has no such block');
  return block;
}

export const steps: readonly Step[] = [
  {
    title: 'helm uninstalls it while pods run, and they keep their files',
    seconds: 120,
    run(world) {
      helmUninstall(world, service);
      const found = passwordIn(world, shop, runningPods(world, shop)[0]!);
      if (found !== 'fourth') throw new Error(`The reader has ${found}`);
    },
  },
  {
    title: 'a pod that asks starts, since nobody injects any more',
    async run(world) {
      const asking = { 'letterlock.dev/inject': 'true' };
      world.apply([plainPod(await world.image('app'), shop, 'asking', asking)]);
      world.kubectl(`-n ${shop} wait --for=condition=Ready pod/asking --timeout=30s`);
      world.kubectl(`-n ${shop} delete pod asking --wait=true`);
    },
  },
  {
    title: 'bindings can be deleted: no finalizer of ours holds them back',
    run(world) {
      const finalizers = world.kubectl(`-n ${shop} get lsb orders-db -o jsonpath={.metadata.finalizers}`);
      if (finalizers !== '') throw new Error(`The binding has the finalizers ${finalizers}`);
      deleteWorkloads(world);
    },
  },
  {
    title: 'of every kind in the cluster nothing of ours is left but the definitions',
    seconds: 120,
    run: (world) => demandNothingNew(world, before(world), definitions),
  },
  {
    title: 'it installs again in another namespace, takes over the definitions, and delivers',
    seconds: 240,
    async run(world) {
      const image = await world.image('app');
      helmApply(world, 'install', second, JSON.parse(world.facts.get(facts.values)!) as object);
      await webhookTrusted(world);
      world.apply([account(shop, 'orders'), account(ci, 'deployer'), purgedBinding]);
      world.kubectl(`-n ${shop} wait --for=condition=Ready secretbinding/orders-db --timeout=30s`);
      world.apply([readers(image, shop, { replicas: 1 }), writerPod(image, ci, 'writer', 'deployer')]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer --timeout=50s`);
      demandWrite(world, { by: { namespace: ci, pod: 'writer' }, to: shop, password: 'fifth' });
      await everyPodHas(world, { namespace: shop, count: 1, password: 'fifth' });
    },
  },
  {
    title: 'where its namespace was deleted instead, the commands of the guide free every namespace',
    seconds: 240,
    async run(world) {
      world.kubectl(`delete namespace ${second} --timeout=90s`, { seconds: 100 });
      let said = '';
      await world.eventually('the commands failed', () => {
        // A guard that was deleted holds a moment longer.
        const { status, stderr } = world.tryShell(commandsWithoutJob());
        said = stderr;
        return status === 0;
      });
      if (said.includes('rror')) throw new Error(said);
      world.kubectl(`delete namespace ${shop} --timeout=60s`, { seconds: 70 });
      world.kubectl(`-n ${ci} delete pod/writer serviceaccount/deployer --timeout=30s`);
    },
  },
  {
    title: 'the command of the guide removes the definitions, and the cluster is as it was',
    seconds: 120,
    async run(world) {
      world.kubectl('delete crd secretbindings.letterlock.dev secretrecipients.letterlock.dev --timeout=50s');
      await demandNothingNew(world, before(world));
      const ours = inventory(world).filter((each) => each.toLowerCase().includes('letterlock.dev'));
      if (ours.length > 0) throw new Error(`Left: ${ours.join(', ')}`);
    },
  },
];
