/**
 * Takes one guard away for a while: deletes its binding, and puts it back, whatever became of what was done in between.
 * It must never be believed at once: the API server hears of either in its own time.
 * @module
 */
import type { World } from './world.ts';

/** @param guard - without the prefix of our policies */
export async function withoutGuard(world: World, guard: string, body: () => Promise<void>): Promise<void> {
  const binding = `validatingadmissionpolicybinding/letterlock-${guard}`;
  const manifest = world.kubectl(`get ${binding} -o json`);
  world.kubectl(`delete ${binding}`);
  try {
    await body();
  } finally {
    const { metadata, ...rest } = JSON.parse(manifest) as {
      readonly metadata: { readonly name: string; readonly labels: object; readonly annotations: object };
    };
    const { name, labels, annotations } = metadata;
    world.apply([{ ...rest, metadata: { name, labels, annotations } }]);
  }
}
