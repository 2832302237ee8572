/**
 * Every object of a cluster, of every kind that can be listed, by name.
 * It must never leave out a kind but events, which are the cluster's diary and expire.
 * @module
 */
import type { World } from '../run/world.ts';

/** What Helm keeps when it uninstalls, and what Kubernetes makes of it. */
export const definitions: ReadonlySet<string> = new Set([
  'CustomResourceDefinition /secretbindings.letterlock.dev',
  'CustomResourceDefinition /secretrecipients.letterlock.dev',
  'APIService /v1alpha1.letterlock.dev',
]);

/** Shape of each: kind, namespace (empty at cluster scope), slash, name. */
export function inventory(world: World): readonly string[] {
  const kinds = world
    .kubectl('api-resources --verbs=list -o name')
    .split('\n')
    .filter((kind) => kind !== '' && !kind.startsWith('events'));
  const path = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const said = world.kubectl(['get', kinds.join(','), '-A', '-o', `jsonpath=${path}`]);
  return [...new Set(said.split('\n').filter((line) => line !== ''))].toSorted();
}

/** Waits until nothing is there that was not there before, besides what is allowed. */
export async function demandNothingNew(
  world: World,
  before: readonly string[],
  allowed: ReadonlySet<string> = new Set(),
): Promise<void> {
  let found: readonly string[] = [];
  try {
    await world.eventually(
      'something was left',
      () => {
        const known = new Set(before);
        found = inventory(world).filter((each) => !known.has(each) && !allowed.has(each));
        return found.length === 0;
      },
      90,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}:\n${found.join('\n')}`, { cause: error });
  }
}
