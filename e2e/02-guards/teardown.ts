/**
 * Removes what this story made.
 * @module
 */
import type { World } from '../run/world.ts';
import { release, serviceNamespace, shop } from './world.ts';

/** Uninstalls the release where it still is, then deletes both namespaces. */
export function teardown(world: World): void {
  world.helm(`uninstall ${release} --namespace ${serviceNamespace} --ignore-not-found --wait --timeout 60s`, {
    seconds: 70,
  });
  world.kubectl(`delete namespace ${shop} ${serviceNamespace} --ignore-not-found --timeout=90s`, { seconds: 100 });
}
