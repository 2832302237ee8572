/**
 * Removes what the story made.
 * @module
 */
import { uninstallService } from '../run/installation.ts';
import type { World } from '../run/world.ts';
import { namespace } from './bindings.ts';
import { ci, serviceNamespace, shop } from './installed.ts';

export function teardown(world: World): void {
  uninstallService(world, serviceNamespace, shop, ci, namespace);
  world.kubectl('delete crd secretbindings.letterlock.dev secretrecipients.letterlock.dev --ignore-not-found');
}
