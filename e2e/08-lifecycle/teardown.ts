/**
 * Removes what this story made.
 * @module
 */
import { uninstallService } from '../run/installation.ts';
import type { World } from '../run/world.ts';
import { ci, second, service, shop } from './lifecycle.ts';

/** Both releases, and all namespaces. */
export function teardown(world: World): void {
  uninstallService(world, service);
  uninstallService(world, second, shop, ci);
}
