/**
 * Ends one cluster and removes everything that booting it made.
 * It must never end a process that it cannot tell to be the cluster's.
 * @module
 */
import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { folderOf, readCluster } from './cluster.ts';
import { waitUntil } from './kubernetes.ts';
import { closeNamespaces } from './namespaces.ts';
import { unlinkNetwork } from './network.ts';

/** Ends it. @returns false if there was none */
export async function endCluster(name: string): Promise<boolean> {
  const folder = folderOf(name);
  if (!existsSync(folder)) return false;
  const cluster = readCluster(name);
  if (cluster !== undefined) {
    await closeNamespaces(cluster.keeper);
    unlinkNetwork(cluster.network);
    // The kernel takes a moment to see that a group is empty.
    await waitUntil(() => isRemoved(cluster.cgroup), { what: 'its control groups were not removed', seconds: 30 });
  }
  rmSync(folder, { recursive: true, force: true });
  removeWhenEmpty(dirname(folder));
  return true;
}

/** The folder of all clusters goes with the last one. */
function removeWhenEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function isRemoved(cgroup: string): boolean {
  try {
    removeCgroup(cgroup);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}
