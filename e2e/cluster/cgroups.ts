/**
 * The control group under which all pods of one cluster run, in version 1 and in version 2.
 * It must never touch a group that does not carry the cluster's name.
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mountPoint = '/sys/fs/cgroup';
/** Controllers without which a kubelet does not start. */
const controllers = ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'];

/** Makes the group under every hierarchy. */
export function makeCgroup(name: string): void {
  if (existsSync(join(mountPoint, 'cgroup.controllers'))) return makeUnified(name);
  for (const hierarchy of hierarchies()) {
    const folder = join(hierarchy, name);
    mkdirSync(folder, { recursive: true });
    // A group without processors and memory nodes cannot hold a process.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (existsSync(join(folder, file))) writeFileSync(join(folder, file), readFileSync(join(hierarchy, file)));
    }
  }
}

function makeUnified(name: string): void {
  const folder = join(mountPoint, name);
  mkdirSync(folder, { recursive: true });
  for (const group of [mountPoint, folder]) {
    const offered = readFileSync(join(group, 'cgroup.controllers'), 'utf8').trim().split(' ');
    for (const controller of controllers.filter((each) => offered.includes(each)))
      writeFileSync(join(group, 'cgroup.subtree_control'), `+${controller}`);
  }
}

/** Removes the group and all below it; the processes in it must have ended. */
export function removeCgroup(name: string): void {
  for (const hierarchy of [mountPoint, ...hierarchies()]) {
    const folder = join(hierarchy, name);
    if (existsSync(folder)) removeGroups(folder);
  }
}

function removeGroups(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroups(join(folder, entry.name));
  }
  rmdirSync(folder);
}

function hierarchies(): string[] {
  return readdirSync(mountPoint, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(mountPoint, entry.name))
    .filter((folder) => existsSync(join(folder, 'cgroup.procs')));
}
