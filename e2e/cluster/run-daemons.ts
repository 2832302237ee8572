/**
 * Starts, stops and finds the programs of a cluster, each with a log of its own.
 * It must never signal a process outside of the cluster's namespaces.
 * @module
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { daemons, type DaemonName } from './daemons.ts';
import { enter, runInside, succeedsInside } from './namespaces.ts';

const stopMilliseconds = 20_000;
/** Process ids as they are inside. */
const idFile = (name: DaemonName): string => `/run/letterlock/${name}.pid`;

/** Log of a daemon, on the machine. */
export function logOf({ folder }: Pick<Cluster, 'folder'>, name: DaemonName): string {
  return join(folder, 'log', `${name}.log`);
}

/** Starts it; its log goes on where it ended. */
export function startDaemon(cluster: Cluster, name: DaemonName): void {
  const command = daemons[name](cluster);
  const log = openSync(logOf(cluster, name), 'a', 0o600);
  const script = `echo $$ > ${idFile(name)}; exec "$@"`;
  const [program = '', ...words] = enter(cluster.keeper, ['/bin/sh', '-c', script, name, ...command]);
  const child = spawn(program, words, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    // Nothing of the caller's environment: a proxy or a debugging switch would change what is tested.
    env: { HOME: '/root', PATH: `${cluster.programs.folder}:/usr/sbin:/usr/bin:/sbin:/bin` },
  });
  child.unref();
  closeSync(log);
}

/** Whether it runs. */
export function isRunning(cluster: Cluster, name: DaemonName): boolean {
  return succeedsInside(cluster.keeper, ['/bin/sh', '-c', `kill -0 $(cat ${idFile(name)})`]);
}

/** Ends it, and waits until it has ended. */
export function stopDaemon(cluster: Cluster, name: DaemonName, signal: 'TERM' | 'KILL' = 'TERM'): void {
  const script = `pid=$(cat ${idFile(name)}) && rm ${idFile(name)} && kill -${signal} $pid && while kill -0 $pid 2>/dev/null; do sleep 0.05; done`;
  runInside(cluster.keeper, ['/bin/sh', '-c', script], { timeoutMilliseconds: stopMilliseconds });
}

/** Its last lines, for a person who asks why it ended. */
export function lastLines(cluster: Pick<Cluster, 'folder'>, name: DaemonName, count = 15): string {
  const file = logOf(cluster, name);
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n') : '';
}
