/**
 * Removes what this story made.
 * @module
 */
import { uninstallService } from '../run/installation.ts';
import type { World } from '../run/world.ts';
import { serviceNamespace } from './installation.ts';
import { ci, shop } from './workloads.ts';

/** The release, its namespaces, and with them the claims of etcd. */
export function teardown(world: World): void {
  uninstallService(world, serviceNamespace, shop, ci);
}
