/**
 * Says what of a cluster runs and what it costs.
 * It must never change anything.
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { kubeconfigOf, type Cluster } from './cluster.ts';
import { daemonNames, type DaemonName } from './daemons.ts';
import { isAlive } from './namespaces.ts';
import { isRunning } from './run-daemons.ts';

/** One daemon, and its memory in MiB. */
interface Row {
  readonly name: DaemonName;
  readonly isRunning: boolean;
  readonly residentMebibytes: number;
}

/** Lines for a person. */
export function describeCluster(cluster: Cluster): string[] {
  if (!isAlive(cluster.keeper)) return [`${cluster.name}: ended; "down" removes what is left`];
  const memory = residentMebibytes(cluster);
  const rows: Row[] = daemonNames.map((name) => ({
    name,
    isRunning: isRunning(cluster, name),
    residentMebibytes: memory.get(name.slice(0, 15)) ?? 0,
  }));
  const total = rows.reduce((sum, row) => sum + row.residentMebibytes, 0);
  return [
    `${cluster.name}: KUBECONFIG=${kubeconfigOf(cluster)}, logs in ${cluster.folder}/log`,
    ...rows.map((row) =>
      row.isRunning
        ? `  ${row.name.padEnd(24)} ${`${row.residentMebibytes}`.padStart(5)} MiB`
        : `  ${row.name.padEnd(24)} stopped`,
    ),
    `  ${'together'.padEnd(24)} ${`${total}`.padStart(5)} MiB resident`,
  ];
}

/** Command name, as the kernel cuts it, → resident memory of the processes in the cluster's own process namespace. */
function residentMebibytes({ keeper }: Cluster): Map<string, number> {
  const namespace = readlinkSync(`/proc/${keeper.pid}/ns/pid`);
  const found = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) continue;
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const name = /^Name:\t(.*)$/m.exec(status)?.[1] ?? '';
      const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      found.set(name, (found.get(name) ?? 0) + Math.round(kibibytes / 1024));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}
