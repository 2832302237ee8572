/**
 * Removes what this story made.
 * @module
 */
import { uninstallService } from '../run/installation.ts';
import type { World } from '../run/world.ts';
import { ci, other, service, shop } from './outages.ts';

/** The release, and all namespaces. */
export function teardown(world: World): void {
  uninstallService(world, service, shop, other, ci, 'letterlock-outages-labelled', 'letterlock-outages-free');
}
