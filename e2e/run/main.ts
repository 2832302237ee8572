/**
 * `make e2e`: runs the stories on the cluster of KUBECONFIG, or boots one for them and ends it.
 * STORY and ROW choose; LETTERLOCK_CLUSTER names a cluster of ours that is kept.
 * It must never leave a cluster behind that it booted for itself, nor end well when a step failed.
 * @module
 */
import { join } from 'node:path';
import { diagnose } from './diagnose.ts';
import { findStories } from './find-stories.ts';
import { withWorld } from './open-world.ts';
import { runStories, type Tally } from './run-stories.ts';
import type { World } from './world.ts';

const {
  KUBECONFIG: givenKubeconfig,
  LETTERLOCK_CLUSTER: keptName,
  STORY: storyText,
  ROW: row,
} = process.env as Readonly<Record<string, string | undefined>>;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function run(world: World): Promise<Tally> {
  const stories = await findStories(join(import.meta.dirname, '..'), storyText || '');
  const begin = (of: World): void => of.emptyFolder();
  return runStories(stories, { world, print, begin, diagnose, now: Date.now, ...(row ? { row } : {}) });
}

let tally: Tally = { passed: 0, failed: 1 };
try {
  // An empty variable is none.
  tally = await withWorld({ kubeconfig: givenKubeconfig || undefined, keptName: keptName || undefined, print }, run);
} catch (error) {
  print(`not ok 1 - ${(error as Error).message}`);
}
print(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;
