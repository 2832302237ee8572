/**
 * A pod writes with both factors, and others receive: a Deployment of three, a Job, after updates, restarts and replacement.
 * @module
 */
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { demandWrite, deployment, passwordIn, podSpec, shop, ci, writerPod } from './workloads.ts';

function ordersPods(world: World): string[] {
  const words = `-n ${shop} get pods -l app=orders --field-selector=status.phase=Running -o name`;
  return world.kubectl(words).trim().split('\n');
}

async function everyPodHas(world: World, password: string): Promise<void> {
  await world.eventually(`not every pod had ${password}`, () => {
    const pods = ordersPods(world);
    return pods.length === 3 && pods.every((pod) => passwordIn(world, pod) === password);
  });
}

export const steps: readonly Step[] = [
  {
    title: 'a pod that asks is given the agent and no more',
    async run(world) {
      const image = await world.image('app');
      world.apply([deployment(image, 3)]);
      await world.eventually('there was no pod', () => {
        const path = '{.items[*].spec.initContainers[*].name}';
        const names = world.kubectl(`-n ${shop} get pods -l app=orders -o jsonpath=${path}`);
        return names === 'letterlock-agent letterlock-agent letterlock-agent';
      });
    },
  },
  {
    title: 'it waits while nothing is written, and an event says why',
    async run(world) {
      await world.eventually('no event said it', () =>
        world.kubectl(`-n ${shop} get events -o jsonpath={.items[*].reason}`).includes('NotWritten'),
      );
      const ready = world.kubectl(`-n ${shop} get deployment orders -o jsonpath={.status.readyReplicas}`);
      if (ready !== '') throw new Error(`${ready} replicas are ready`);
    },
  },
  {
    title: 'a writer writes with both factors, by curl on the socket',
    async run(world) {
      const image = await world.image('app');
      world.apply([
        writerPod(image, 'writer', 'deployer'),
        writerPod(image, 'sibling', 'deployer'),
        writerPod(image, 'stranger', 'stranger'),
      ]);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer pod/sibling pod/stranger --timeout=50s`);
      demandWrite(world, 'writer', 'first');
    },
  },
  {
    title: 'three pods receive the file, which uid 1000 reads and whose mode is 0440',
    async run(world) {
      world.kubectl(`-n ${shop} wait --for=condition=Available deployment/orders --timeout=50s`);
      await everyPodHas(world, 'first');
      const script = 'id -u; stat -L -c %a /run/letterlock/db/password';
      const pod = ordersPods(world)[0]!;
      const said = world.kubectl(['-n', shop, 'exec', pod, '-c', 'app', '--', 'sh', '-c', script]);
      if (said !== '1000\n440\n') throw new Error(`The pod says ${said}`);
    },
  },
  {
    title: 'an update reaches running pods',
    async run(world) {
      demandWrite(world, 'writer', 'second');
      await everyPodHas(world, 'second');
    },
  },
  {
    title: 'a Job receives it, and finishes',
    async run(world) {
      const spec = podSpec(await world.image('app'), 'orders', ['sh', '-c', 'cat /run/letterlock/db/password']);
      const template = {
        metadata: { annotations: { 'letterlock.dev/inject': 'true' } },
        spec: { ...spec, restartPolicy: 'Never' },
      };
      const metadata = { name: 'migrate', namespace: shop };
      world.apply([{ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { backoffLimit: 0, template } }]);
      world.kubectl(`-n ${shop} wait --for=condition=Complete job/migrate --timeout=50s`);
      const said = world.kubectl(`-n ${shop} logs job/migrate -c app`);
      if (said !== 'second') throw new Error(`The Job read ${said}`);
    },
  },
  {
    title: 'a container that starts again finds it',
    async run(world) {
      const pod = ordersPods(world)[0]!;
      world.kubectl(`-n ${shop} exec ${pod} -c app -- kill -TERM 1`);
      const path = '{.status.containerStatuses[0].restartCount}{.status.containerStatuses[0].ready}';
      await world.eventually(
        'it did not start again',
        () => world.kubectl(`-n ${shop} get ${pod} -o jsonpath=${path}`) === '1true',
      );
      if (passwordIn(world, pod) !== 'second') throw new Error('The file is gone');
    },
  },
  {
    title: 'a pod that replaces another one receives it too',
    seconds: 90,
    async run(world) {
      world.kubectl(`-n ${shop} delete ${ordersPods(world)[0]!} --wait=true`);
      world.kubectl(`-n ${shop} rollout status deployment/orders --timeout=50s`);
      await everyPodHas(world, 'second');
    },
  },
];
