/**
 * Removes what this story made.
 * @module
 */
import type { World } from '../run/world.ts';
import { uninstallService } from './installation.ts';
import { ci, shop } from './workloads.ts';

/** The release, and its namespaces. */
export function teardown(world: World): void {
  uninstallService(world, shop, ci);
}
