/**
 * A writer writes with two factors, and pods receive, as on a transient installation.
 * @module
 */
import type { Step } from '../run/story.ts';
import { ci, everyReaderHas, objects, shop, writePassword } from './workloads.ts';

export const steps: readonly Step[] = [
  {
    title: 'a binding is accepted, and a writer pod starts',
    seconds: 120,
    async run(world) {
      world.apply(objects(await world.image('app')));
      world.kubectl(`-n ${shop} wait --for=condition=Ready secretbinding/orders-db --timeout=40s`);
      world.kubectl(`-n ${ci} wait --for=condition=Ready pod/writer --timeout=60s`, { seconds: 70 });
    },
  },
  {
    title: 'it writes with both factors, and every reader receives',
    seconds: 160,
    async run(world) {
      await writePassword(world, 'first');
      await everyReaderHas(world, 'first');
    },
  },
];
