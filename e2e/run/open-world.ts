/**
 * The cluster for a run: that of KUBECONFIG, or one that is booted for it and ended after it.
 * It must never leave a cluster behind that it booted for itself.
 * @module
 */
import { kubeconfigOf } from '../cluster/cluster.ts';
import { endCluster } from '../cluster/down.ts';
import { bootCluster } from '../cluster/up.ts';
import { World } from './world.ts';

export interface WorldOptions {
  /** Of somebody else's cluster. Absent: boot one. */
  readonly kubeconfig?: string | undefined;
  /** Name of a cluster of ours that is found or booted, and kept. Absent: end what was booted. */
  readonly keptName?: string | undefined;
  readonly print: (line: string) => void;
}

/** Runs with a world, which ends with it. @throws Error with what the machine lacks */
export async function withWorld<T>(options: WorldOptions, run: (world: World) => Promise<T>): Promise<T> {
  const { kubeconfig, keptName, print } = options;
  if (kubeconfig !== undefined) return use(new World({ kubeconfig, print }), run);
  const name = keptName ?? `e2e-${process.pid}`;
  const end = async (): Promise<void> => {
    if (keptName === undefined) await endCluster(name);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      void end().finally(() => process.exit(130));
    });
  try {
    const cluster = await bootCluster({ name });
    return await use(new World({ kubeconfig: kubeconfigOf(cluster), cluster, print }), run);
  } finally {
    await end();
  }
}

async function use<T>(world: World, run: (world: World) => Promise<T>): Promise<T> {
  using _ = world;
  // Awaited here: the world ends with this function.
  return await run(world);
}
