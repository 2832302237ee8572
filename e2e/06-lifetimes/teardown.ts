/**
 * Removes what this story made.
 * @module
 */
import { uninstallService } from '../run/installation.ts';
import type { World } from '../run/world.ts';
import { ci, service, shop } from './lifetimes.ts';

/** The release, and its namespaces. */
export function teardown(world: World): void {
  uninstallService(world, service, shop, ci);
}
