/**
 * Removes what the pages made, also when one of them ended early.
 * @module
 */
import type { World } from '../run/world.ts';

/** The release, and the namespaces that the pages name. */
export function teardown(world: World): void {
  world.helm('uninstall letterlock --namespace letterlock-system --ignore-not-found --wait --timeout 60s', {
    seconds: 70,
  });
  // Programs that do not listen to signals would be waited for.
  for (const namespace of ['shop', 'ci'])
    world.kubectl(`-n ${namespace} delete deployments,jobs,pods --all --grace-period=1 --ignore-not-found`);
  world.kubectl('delete namespace shop ci letterlock-system --ignore-not-found --timeout=90s', { seconds: 100 });
}
