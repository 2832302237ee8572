/**
 * Where this story's service is.
 * It must never install with a value that a user would not have.
 * @module
 */
import { helmApply, uninstallService as uninstall, valuesOf } from '../run/installation.ts';
import type { World } from '../run/world.ts';

export { namespaceObject, release } from '../run/installation.ts';

export const serviceNamespace = 'letterlock-deliver';

/** Installs it, and waits until its server is Ready. */
export async function installService(world: World): Promise<void> {
  helmApply(world, 'install', serviceNamespace, await valuesOf(world, serviceNamespace));
}

/** Uninstalls it where it still is. */
export function uninstallService(world: World, ...namespaces: readonly string[]): void {
  uninstall(world, serviceNamespace, ...namespaces);
}
