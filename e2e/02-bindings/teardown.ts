/**
 * Removes what the story made.
 * @module
 */
import type { World } from '../run/world.ts';
import { namespace } from './bindings.ts';

export function teardown(world: World): void {
  world.kubectl(`delete namespace ${namespace} --ignore-not-found --wait=true`, { seconds: 120 });
  world.kubectl('delete crd secretbindings.letterlock.dev secretrecipients.letterlock.dev --ignore-not-found');
}
