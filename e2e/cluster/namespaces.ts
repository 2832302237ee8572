/**
 * The namespaces that a cluster lives in: processes, mounts and network of its own, held by one process.
 * When that process ends, the kernel ends everything inside: programs, pods, mounts, devices and rules.
 * It must never start a program of a cluster outside of them.
 * @module
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { runTool, succeeds, type ToolOptions } from './run-tool.ts';

/** The process that holds the namespaces. Process ids come again, so its start is part of its identity. */
export interface Keeper {
  readonly pid: number;
  /** Ticks of the clock since the machine booted. */
  readonly startTicks: string;
}

const readyMilliseconds = 5000;

/** Makes the namespaces. */
export async function openNamespaces(pauseProgram: string): Promise<Keeper> {
  const words = ['--mount', '--net', '--pid', '--fork', '--mount-proc', '--propagation', 'private', pauseProgram];
  const child = spawn('unshare', words, { detached: true, stdio: 'ignore', cwd: '/' });
  child.unref();
  const deadline = Date.now() + readyMilliseconds;
  while (Date.now() < deadline) {
    const keeper = child.pid === undefined ? undefined : keeperBelow(child.pid);
    if (keeper !== undefined) return keeper;
    await pause(20);
  }
  throw new Error('Cannot make namespaces: unshare did not start');
}

/** The one child, once it is the keeper's program: its mounts are done then. */
function keeperBelow(parent: number): Keeper | undefined {
  const pid = Number(read(`/proc/${parent}/task/${parent}/children`)?.trim() || Number.NaN);
  if (!Number.isInteger(pid) || read(`/proc/${pid}/comm`)?.trim() !== 'pause') return undefined;
  const startTicks = startOf(pid);
  return startTicks === undefined ? undefined : { pid, startTicks };
}

/** Whether the process still runs, and is the same. */
export function isAlive({ pid, startTicks }: Keeper): boolean {
  return startOf(pid) === startTicks;
}

/** Ends everything inside. */
export async function closeNamespaces(keeper: Keeper): Promise<void> {
  if (!isAlive(keeper)) return;
  process.kill(keeper.pid, 'SIGKILL');
  // The kernel lets the first process of a namespace go last.
  const deadline = Date.now() + 30_000;
  while (isAlive(keeper)) {
    if (Date.now() > deadline) throw new Error('Cannot end the cluster: its processes do not stop');
    await pause(50);
  }
}

/** Words that run a program inside. */
export function enter({ pid }: Keeper, command: readonly string[]): string[] {
  return ['nsenter', '--target', `${pid}`, '--mount', '--net', '--pid', '--', ...command];
}

/** Runs a program inside to its end. @returns its standard output */
export function runInside(keeper: Keeper, command: readonly string[], options: ToolOptions = {}): string {
  const [program = '', ...words] = enter(keeper, command);
  return runTool(program, words, options);
}

/** Whether a program inside ends well. */
export function succeedsInside(keeper: Keeper, command: readonly string[]): boolean {
  const [program = '', ...words] = enter(keeper, command);
  return succeeds(program, words);
}

/** Field 22 of stat; the second one may hold spaces and parentheses. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A process that ended and was not asked for yet is a zombie.
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
