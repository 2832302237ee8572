/**
 * An upgrade to an image of the server that the admins have not listed: it stops at its first replica, and goes on once they have.
 * @module
 */
import { imageValues } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { demandAsAdmin, everyServerReady, helm, inside, podsOf, servers, withValues } from './installation.ts';
import { everyReaderHas, freshPodReads, startReading, writePassword } from './workloads.ts';

/** Roll-outs begin with the highest number. */
const first = servers[2];

const imagesOf = (world: World): string =>
  podsOf(world, 'server')
    .map(({ name, image, isReady }) => `${name} ${image.split(':').at(-1)} ${isReady ? 'Ready' : 'waiting'}`)
    .join(', ');

interface Check {
  readonly check: string;
  readonly level: string;
  readonly found: string;
  readonly fix?: string;
}

export const steps: readonly Step[] = [
  {
    title: 'an upgrade to an image that is not listed stops at its first replica',
    seconds: 240,
    async run(world) {
      const image = imageValues(await world.image('successor'));
      helm(world, 'upgrade', withValues(world, { image }));
      await world.eventually(
        'no event said that the image is not listed',
        () => world.kubectl(`${inside} get events -o jsonpath={.items[*].reason}`).includes('ImageNotListed'),
        120,
      );
      const { name, isReady } = podsOf(world, 'server').find((pod) => pod.image.endsWith(':successor')) ?? {};
      if (name !== first || isReady === true) throw new Error(`The servers are ${imagesOf(world)}`);
    },
  },
  {
    title: 'meanwhile the others serve: new pods receive, and a writer writes',
    seconds: 240,
    async run(world) {
      await freshPodReads(world, 'during-update', 'third');
      await writePassword(world, 'fourth');
      await everyReaderHas(world, 'fourth');
      const waiting = podsOf(world, 'server').filter(({ isReady }) => !isReady);
      if (waiting.length !== 1 || waiting[0]?.name !== first) throw new Error(`The servers are ${imagesOf(world)}`);
    },
  },
  {
    title: 'kubectl letterlock doctor names the replica, its image and the fix',
    async run(world) {
      const { stdout, stderr } = world.tryLetterlock('kubernetes doctor -o json');
      if (!stdout.startsWith('{')) throw new Error(`${stdout}${stderr}`);
      const { checks } = JSON.parse(stdout) as { readonly checks: readonly Check[] };
      const found = checks.find(({ check }) => check === 'server images');
      const said = JSON.stringify(found ?? checks);
      const digest = await world.imageDigest('successor');
      for (const part of [first, digest, 'letterlock quorum images']) {
        if (!said.includes(part)) throw new Error(`It does not name ${part}: ${said}`);
      }
    },
  },
  {
    title: 'two admins list the image, and the upgrade ends by itself, without a failed read',
    seconds: 300,
    async run(world) {
      const digests = `${await world.imageDigest('server')} ${await world.imageDigest('successor')}`;
      const stop = startReading(world);
      const waiting = await demandAsAdmin(world, 'anna', `quorum images ${digests} --file images.signed`);
      if (!waiting.includes('1 of 2')) throw new Error(waiting);
      await demandAsAdmin(world, 'carla', `quorum images ${digests} --file images.signed`);
      world.kubectl(`${inside} rollout status statefulset/letterlock-server --timeout=200s`, { seconds: 210 });
      await everyServerReady(world);
      const old = podsOf(world, 'server').filter(({ image }) => !image.endsWith(':successor'));
      if (old.length > 0) throw new Error(`The servers are ${imagesOf(world)}`);
      const { reads, failures } = await stop();
      world.note(`${reads} reads, ${failures} failed`);
      if (reads === 0 || failures > 0) throw new Error(`${failures} of ${reads} reads failed`);
    },
  },
  {
    title: 'what was written before the upgrade is there after it',
    seconds: 240,
    async run(world) {
      await freshPodReads(world, 'after-update', 'fourth');
      await writePassword(world, 'fifth');
      await everyReaderHas(world, 'fifth');
    },
  },
];
