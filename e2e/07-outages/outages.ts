/**
 * What this story has: the service, two applications that know nothing of each other and use the same names, and their writers.
 * It must never give the two anything in common but the service.
 * @module
 */
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { account, bindingObject, writerPod, type Write } from '../run/workloads.ts';

export const service = 'letterlock-outages';
export const ci = 'letterlock-outages-ci';
export const shop = 'letterlock-outages-shop';
export const other = 'letterlock-outages-other';

/** Namespace of the application → who writes for it, by ServiceAccount and pod. */
export const writers = { [shop]: 'shop-deployer', [other]: 'other-deployer' } as const;
export type Application = keyof typeof writers;

/** Accounts and bindings, the same names in both. */
export const applicationObjects: readonly object[] = (Object.keys(writers) as Application[]).flatMap((namespace) => [
  account(namespace, 'orders'),
  account(ci, writers[namespace]),
  bindingObject(namespace, { namespace: ci, name: writers[namespace] }),
]);

export const writerPods = (image: string): readonly object[] =>
  Object.values(writers).map((name) => writerPod(image, ci, name, name));

/** A write by the writer of an application, to its own binding where no other is named. */
export const writeOf = (who: Application, password: string, to: string = who): Write => ({
  by: { namespace: ci, pod: writers[who] },
  to,
  password,
});

const serverPod = `-n ${service} get pod letterlock-server-0`;
const serverFact = 'outages.server';

/** Remembers which server runs, for `demandSameServer`. */
export function noteServer(world: World): void {
  world.facts.set(serverFact, world.kubectl(`${serverPod} -o jsonpath={.metadata.uid}`));
}

/** The server neither was replaced nor started again since. */
export function demandSameServer(world: World): void {
  const found = world.kubectl(`${serverPod} -o jsonpath={.metadata.uid}/{.status.containerStatuses[0].restartCount}`);
  if (found !== `${world.facts.get(serverFact)}/0`) throw new Error(`The server was started again: ${found}`);
}

/** A step that stops programs of the cluster, which is possible in our own alone. */
export function ownClusterStep(step: Step): Step {
  return {
    ...step,
    run: (world) => (world.isOwnCluster ? step.run(world) : world.note('not tried: the cluster is not ours')),
  };
}
