/**
 * Removes what this story made.
 * @module
 */
import type { World } from '../run/world.ts';
import { namespace } from './pods.ts';

/** Deletes the namespace, and waits until it is gone. */
export function teardown(world: World): void {
  world.kubectl(`delete namespace ${namespace} --ignore-not-found --timeout=90s`, { seconds: 100 });
}
