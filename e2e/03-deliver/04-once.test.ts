/**
 * What opens once goes to the first pod and to no other; what became of it is said where people look.
 * @module
 */
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { agentLines, demandWriteTo, fileIn, onceBinding, pod } from './more-workloads.ts';
import { account, shop } from './workloads.ts';

interface PodStatus {
  readonly status: {
    readonly initContainerStatuses?: readonly {
      readonly containerID?: string;
      readonly restartCount: number;
      readonly started?: boolean;
    }[];
  };
}

const agentOf = (world: World, name: string) =>
  (world.read(`-n ${shop} pod ${name}`) as PodStatus).status.initContainerStatuses?.[0];
const populated = (world: World): string =>
  world.kubectl([
    '-n',
    shop,
    'get',
    'lsb',
    'licence',
    '-o',
    'jsonpath={.status.conditions[?(@.type=="Populated")].status} {.status.conditions[?(@.type=="Populated")].reason}',
  ]);

export const steps: readonly Step[] = [
  {
    title: 'a secret that opens once reaches the pod that comes first',
    async run(world) {
      world.apply([account(shop, 'single'), onceBinding]);
      world.apply([pod(await world.image('app'), 'single-1', { account: 'single' })]);
      await demandWriteTo(world, 'licence', 'token', { value: 'only for the first' });
      world.kubectl(`-n ${shop} wait --for=condition=Ready pod/single-1 --timeout=50s`);
      if (fileIn(world, 'single-1', 'token/value') !== 'only for the first') throw new Error('The file is not right');
      const said = agentLines(world, 'single-1').map(({ msg }) => msg);
      if (!said.includes('Acknowledged a secret that opens once')) throw new Error('The opening was not acknowledged');
    },
  },
  {
    title: 'the binding says that it was written, and nobody waits',
    run: (world) => world.eventually('it was not populated', () => populated(world) === 'True Written'),
  },
  {
    title: 'a second pod is refused it, and is told when it was opened and by which key',
    seconds: 90,
    async run(world) {
      world.apply([pod(await world.image('app'), 'single-2', { account: 'single' })]);
      await world.eventually('its agent did not say it', () =>
        agentLines(world, 'single-2').some(
          ({ because, state, by, at, proven }) =>
            because === 'OnceManyPods' &&
            state === 'OPENED' &&
            proven === true &&
            typeof at === 'number' &&
            /^[A-Za-z0-9_-]{43}$/.test(String(by)),
        ),
      );
      if (agentOf(world, 'single-2')?.started === true) throw new Error('The second pod has started');
    },
  },
  {
    title: 'an event of the pod and a condition of the binding say so too',
    async run(world) {
      const events = `-n ${shop} get events --field-selector=involvedObject.name=single-2 -o jsonpath={.items[*].reason}`;
      await world.eventually('no event said it', () => world.kubectl(events).includes('OnceManyPods'));
      await world.eventually('no condition said it', () => populated(world) === 'False OnceManyPods');
    },
  },
  {
    title: 'the agent that starts again in the first pod serves it from the volume, and opens nothing',
    seconds: 90,
    async run(world) {
      world.kubectl(`-n ${shop} delete pod single-2 --wait=true --timeout=50s`);
      if (!world.isOwnCluster) return world.note('not tried: the agent of a cluster that is not ours cannot be killed');
      const { containerID = '' } = agentOf(world, 'single-1') ?? {};
      try {
        world.runInContainer(containerID, ['/nodejs/bin/node', '-e', 'process.kill(1, "SIGTERM")']);
      } catch {
        // It ends with what it ended.
      }
      await world.eventually('it did not start again', () => {
        const agent = agentOf(world, 'single-1');
        return (agent?.restartCount ?? 0) > 0 && agent?.started === true;
      });
      await world.eventually('it did not find it', () => {
        const said = agentLines(world, 'single-1').map(({ msg }) => msg);
        return said.includes('Found a secret that an earlier start had opened') && said.includes('Enrolled');
      });
      if (fileIn(world, 'single-1', 'token/value') !== 'only for the first') throw new Error('The file is gone');
      const refused = agentLines(world, 'single-1').filter(({ because }) => because === 'OnceManyPods');
      if (refused.length > 0) throw new Error('It asked for it a second time');
    },
  },
  {
    title: 'written again, it is the next one',
    async run(world) {
      await demandWriteTo(world, 'licence', 'token', { value: 'another' });
      await world.eventually('the file did not change', () => fileIn(world, 'single-1', 'token/value') === 'another');
      world.kubectl(`-n ${shop} delete pod single-1 --wait=false`);
    },
  },
];
