/**
 * An upgrade to another agent and other values, while pods with the agent before it run; and back.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  chart,
  digestOf,
  helmApply,
  imageValues,
  release,
  webhookTrusted,
  type ServiceValues,
} from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { everyPodHas, passwordIn, runningPods, write, writerPod } from '../run/workloads.ts';
import { ci, facts, service, shop } from './lifecycle.ts';

/** The kubelet brings a changed ConfigMap to a running pod within about a minute and a half. */
const trustSeconds = 170;

const agentImage = (world: World, namespace: string, pod: string): string =>
  world.kubectl(`-n ${namespace} get ${pod} -o jsonpath={.spec.initContainers[0].image}`);

const by = (pod: string) => ({ namespace: ci, pod });

/** Neither agent nor application, of the pods from before, was started again. */
function demandNoRestart(world: World): void {
  const path = '{.status.initContainerStatuses[0].restartCount}{.status.containerStatuses[0].restartCount}';
  for (const [namespace, pod] of [
    [shop, world.facts.get(facts.reader)!],
    [ci, 'pod/writer'],
  ] as const) {
    const restarts = world.kubectl(`-n ${namespace} get ${pod} -o jsonpath=${path}`);
    if (restarts !== '00') throw new Error(`${pod} was restarted: ${restarts}`);
  }
}

export const steps: readonly Step[] = [
  {
    title: 'the chart renders the same bytes twice',
    run(world) {
      writeFileSync(join(world.folder, 'values.json'), world.facts.get(facts.values)!);
      const render = (): string =>
        world.helm(`template ${release} ${chart} --namespace ${service} --values values.json`);
      if (render() !== render()) throw new Error('They differ');
    },
  },
  {
    title: 'helm upgrades to another image of the agent and another log level of it',
    seconds: 240,
    async run(world) {
      const values = JSON.parse(world.facts.get(facts.values)!) as ServiceValues;
      const next = await world.image('agent-successor');
      const digest = digestOf(world, service, next);
      if (values.agent.formerDigests.includes(digest)) throw new Error('Both agents have one digest');
      const before = world.kubectl(`-n ${service} get pod letterlock-server-0 -o jsonpath={.metadata.uid}`);
      helmApply(world, 'upgrade', service, {
        ...values,
        agent: {
          image: imageValues(next),
          formerImages: [await world.image('agent')],
          formerDigests: [...values.agent.formerDigests, digest],
          logLevel: 'debug',
        },
      });
      const after = world.kubectl(`-n ${service} get pod letterlock-server-0 -o jsonpath={.metadata.uid}`);
      if (after === before) throw new Error('The server was not replaced');
      await webhookTrusted(world);
    },
  },
  {
    title: 'a pod from before keeps its file while the new instance knows nothing',
    run(world) {
      const found = passwordIn(world, shop, world.facts.get(facts.reader)!);
      if (found !== 'first') throw new Error(`It has ${found}`);
      demandNoRestart(world);
    },
  },
  {
    title: 'a pod that is made now has the new agent, and writes',
    async run(world) {
      const next = await world.image('agent-successor');
      world.apply([writerPod(await world.image('app'), ci, 'writer-next', 'deployer')]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer-next --timeout=50s`);
      if (agentImage(world, ci, 'pod/writer-next') !== next) throw new Error('It has another agent');
      await world.eventually(
        'it could not write',
        () => write(world, { by: by('writer-next'), to: shop, password: 'second' }).stdout.endsWith(' 201'),
        50,
      );
    },
  },
  {
    title: 'pods with the agent before enrol again, read and write, without a restart',
    seconds: trustSeconds + 30,
    async run(world) {
      const reader = world.facts.get(facts.reader)!;
      await everyPodHas(world, { namespace: shop, count: 1, password: 'second', seconds: trustSeconds });
      await world.eventually(
        'the writer from before could not write',
        () => write(world, { by: by('writer'), to: shop, password: 'third' }).stdout.endsWith(' 201'),
        trustSeconds,
      );
      await everyPodHas(world, { namespace: shop, count: 1, password: 'third' });
      if (runningPods(world, shop)[0] !== reader) throw new Error('The reader was replaced');
      if (agentImage(world, shop, reader) !== (await world.image('agent'))) throw new Error('It has another agent');
      demandNoRestart(world);
    },
  },
  {
    title: 'helm test finds guards that hold',
    seconds: 100,
    run(world) {
      const said = world.helm(`test ${release} --namespace ${service} --logs --timeout 80s`, { seconds: 90 });
      if (!said.includes('ok - letterlock-shape refuses')) throw new Error(said);
    },
  },
  {
    title: 'helm rolls back, and pods that start then have the agent before, write and read',
    seconds: 240,
    async run(world) {
      world.helm(`rollback ${release} 1 --namespace ${service} --wait --timeout 120s`, { seconds: 130 });
      await webhookTrusted(world);
      world.kubectl(`-n ${ci} delete pod writer writer-next --wait=true`);
      world.kubectl(`-n ${shop} delete pod -l app=orders --wait=true`);
      world.apply([writerPod(await world.image('app'), ci, 'writer', 'deployer')]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer --timeout=50s`);
      if (agentImage(world, ci, 'pod/writer') !== (await world.image('agent'))) throw new Error('It has another agent');
      await world.eventually('the binding had no key', () => {
        const { stdout } = write(world, { by: by('writer'), to: shop, password: 'fourth' });
        return stdout.endsWith(' 201');
      });
      await everyPodHas(world, { namespace: shop, count: 1, password: 'fourth', seconds: 100 });
    },
  },
];
