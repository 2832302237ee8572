/**
 * `make e2e`: runs the stories on the cluster of KUBECONFIG, or boots one for them and ends it.
 * STORY and ROW choose; LETTERLOCK_CLUSTER names a cluster of ours that is kept.
 * It must never leave a cluster behind that it booted for itself, nor end well when a step failed.
 * @module
 */
import { join } from 'node:path';
import { kubeconfigOf } from '../cluster/cluster.ts';
import { endCluster } from '../cluster/down.ts';
import { bootCluster } from '../cluster/up.ts';
import { diagnose } from './diagnose.ts';
import { findStories } from './find-stories.ts';
import { runStories, type Tally } from './run-stories.ts';
import { World } from './world.ts';

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
  using _ = world;
  const stories = await findStories(join(import.meta.dirname, '..'), storyText || '');
  // Awaited here: the world ends with this function.
  return await runStories(stories, { world, print, diagnose, now: Date.now, ...(row ? { row } : {}) });
}

async function runOnOwnCluster(): Promise<Tally> {
  const name = keptName || `e2e-${process.pid}`;
  const end = async (): Promise<void> => {
    if (!keptName) await endCluster(name);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      void end().finally(() => process.exit(130));
    });
  try {
    const cluster = await bootCluster({ name });
    return await run(new World({ kubeconfig: kubeconfigOf(cluster), cluster, print }));
  } finally {
    await end();
  }
}

let tally: Tally = { passed: 0, failed: 1 };
try {
  tally = givenKubeconfig ? await run(new World({ kubeconfig: givenKubeconfig, print })) : await runOnOwnCluster();
} catch (error) {
  print(`not ok 1 - ${(error as Error).message}`);
}
print(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;
