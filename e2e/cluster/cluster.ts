/**
 * One cluster as it is written down: where its files are, its addresses, and the process that holds it.
 * It must never be trusted about what runs: the process is asked.
 * @module
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Programs } from './build.ts';
import type { Keeper } from './namespaces.ts';
import type { Network } from './network.ts';

/** A cluster that was booted, or is about to be. */
export interface Cluster {
  readonly name: string;
  readonly folder: string;
  readonly network: Network;
  readonly programs: Programs;
  readonly keeper: Keeper;
  /** Control group of its pods, as a path below the hierarchy. */
  readonly cgroup: string;
  /** Whether the API server writes an audit log. */
  readonly hasAuditLog: boolean;
  /** False until its node was Ready for the first time. */
  readonly isBooted: boolean;
}

/** Not under /var/lib, /var/log or /run: a cluster has folders of its own in these places. */
const home = process.env['LETTERLOCK_CLUSTER_HOME'] || '/var/cache/letterlock-cluster';
const stateFile = 'cluster.json';

/** Folder of a cluster. Shape of name: a DNS label of at most 20 characters. @throws RangeError for another one */
export function folderOf(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,19}$/.test(name))
    throw new RangeError(`Cannot name a cluster: ${JSON.stringify(name)} is no short DNS label`);
  return join(home, name);
}

/** Names of all clusters that have a folder. */
export function clusterNames(): string[] {
  return existsSync(home) ? readdirSync(home).toSorted() : [];
}

/** The cluster as it was written down; undefined when it was not. */
export function readCluster(name: string): Cluster | undefined {
  const file = join(folderOf(name), stateFile);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Cluster) : undefined;
}

export function writeCluster(cluster: Cluster): void {
  const file = join(cluster.folder, stateFile);
  writeFileSync(`${file}.new`, `${JSON.stringify(cluster, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** What its administrator uses. */
export function kubeconfigOf({ folder }: Pick<Cluster, 'folder'>): string {
  return join(folder, 'admin.kubeconfig');
}
