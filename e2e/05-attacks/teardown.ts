/**
 * Removes what this story made.
 * @module
 */
import { uninstallService } from '../run/installation.ts';
import type { World } from '../run/world.ts';
import { ci, serviceNamespace, shop } from './names.ts';

export function teardown(world: World): void {
  uninstallService(world, serviceNamespace, shop, ci);
}
