/**
 * What the server asks of the API server, asked of a real one: the same cases that its fake passes.
 * @module
 */
import { createApiClientOf, kubeContract } from '@letterlock/server/testing';
import type { Step } from '../run/story.ts';
import { namespace } from './bindings.ts';

export const steps: readonly Step[] = kubeContract.map((each): Step => ({
  title: each.title,
  isRow: true,
  async run(world) {
    await each.run({ api: createApiClientOf(world.kubeconfig), namespace });
  },
}));
