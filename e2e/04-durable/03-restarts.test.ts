/**
 * Replicas and members of etcd end, one, two or all of them: nothing that was written is lost, and admins are needed only
 * when no replica is left.
 * @module
 */
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { demandAsAdmin, everyServerReady, inside, podsOf, servers, type Server } from './installation.ts';
import { everyReaderHas, freshPodReads, startReading, writePassword } from './workloads.ts';

/** Deletes a server pod, and waits until its successor serves without an admin. */
async function comesBack(world: World, server: Server, how: string): Promise<void> {
  const uid = podsOf(world, 'server').find(({ name }) => name === server)?.uid;
  world.kubectl(`${inside} delete pod ${server} ${how}`.trim());
  const from = Date.now();
  await world.eventually(
    `${server} did not come back`,
    () => podsOf(world, 'server').some((pod) => pod.name === server && pod.uid !== uid && pod.isReady),
    90,
  );
  world.note(`Ready after ${((Date.now() - from) / 1000).toFixed(1)} s`);
  const log = world.kubectl(`${inside} logs ${server}`);
  if (!log.includes('"Unsealed by a peer"')) throw new Error(`It was not unsealed by a peer:\n${log}`);
}

export const steps: readonly Step[] = [
  {
    title: 'a server pod that is deleted comes back and is unsealed by another one',
    seconds: 150,
    run: (world) => comesBack(world, servers[1], ''),
  },
  {
    title: 'one that is killed does so too',
    seconds: 150,
    run: (world) => comesBack(world, servers[1], '--grace-period=0 --force'),
  },
  {
    title: 'a new pod reads what was written before',
    seconds: 120,
    run: (world) => freshPodReads(world, 'after-kill', 'first'),
  },
  {
    title: 'a rolling restart fails no read, and pods that start meanwhile receive',
    seconds: 300,
    async run(world) {
      const before = new Set(podsOf(world, 'server').map(({ uid }) => uid));
      const stop = startReading(world);
      world.kubectl(`${inside} rollout restart statefulset/letterlock-server`);
      let rounds = 0;
      await world.eventually(
        'the roll-out did not end',
        async () => {
          rounds += 1;
          await freshPodReads(world, `during-restart-${rounds}`, 'first');
          const { status } = world.tryKubectl(`${inside} rollout status statefulset/letterlock-server --timeout=1s`);
          return status === 0;
        },
        240,
      );
      await everyServerReady(world);
      const { reads, failures } = await stop();
      world.note(`${reads} reads, ${failures} failed; ${rounds} new pods`);
      if (reads === 0 || failures > 0) throw new Error(`${failures} of ${reads} reads failed`);
      if (podsOf(world, 'server').some(({ uid }) => before.has(uid))) throw new Error('A server was not restarted');
    },
  },
  {
    title: 'a writer writes afterwards, and the update reaches every reader',
    seconds: 160,
    async run(world) {
      await writePassword(world, 'second');
      await everyReaderHas(world, 'second');
    },
  },
  {
    title: 'without a quorum of etcd no server is Ready, and nothing is answered wrongly',
    seconds: 150,
    async run(world) {
      world.kubectl(`${inside} scale statefulset/letterlock-etcd --replicas=1`);
      await world.eventually(
        'the servers were still Ready',
        () => podsOf(world, 'server').every(({ isReady }) => !isReady),
        120,
      );
      // What was delivered stays.
      await everyReaderHas(world, 'second');
    },
  },
  {
    title: 'with the quorum back they serve again, by themselves',
    seconds: 250,
    async run(world) {
      world.kubectl(`${inside} scale statefulset/letterlock-etcd --replicas=3`);
      world.kubectl(`${inside} rollout status statefulset/letterlock-etcd --timeout=90s`, { seconds: 100 });
      await everyServerReady(world, 120);
      await freshPodReads(world, 'after-quorum', 'second');
    },
  },
  {
    title: 'after an end of all replicas nobody is served before two admins have given their shares',
    seconds: 300,
    async run(world) {
      world.kubectl(`${inside} delete pod ${servers.join(' ')} --grace-period=0 --force`);
      await world.eventually(
        'not every server waited sealed',
        () => servers.every((pod) => world.tryKubectl(`${inside} logs ${pod}`).stdout.includes('"state":"sealed"')),
        120,
      );
      await everyReaderHas(world, 'second');
      const first = await demandAsAdmin(world, 'ben', 'unseal', { status: 6 });
      if (!first.includes('1 of 2')) throw new Error(first);
      world.note(first.split('\n')[0] ?? '');
      if (podsOf(world, 'server').some(({ isReady }) => isReady)) throw new Error('One share was enough');
      await demandAsAdmin(world, 'carla', 'unseal');
      await everyServerReady(world);
    },
  },
  {
    title: 'what was written is still there, for pods that were there and for new ones',
    seconds: 240,
    async run(world) {
      await freshPodReads(world, 'after-unseal', 'second');
      await writePassword(world, 'third');
      await everyReaderHas(world, 'third');
    },
  },
];
