/**
 * Removes what this story made.
 * @module
 */
import { uninstallService } from '../run/installation.ts';
import type { World } from '../run/world.ts';
import { serviceNamespace } from './service.ts';

export function teardown(world: World): void {
  uninstallService(world, serviceNamespace);
}
