/**
 * Boots one cluster: namespaces, network, certificates, then the programs, until its node is Ready.
 * It must never leave half a cluster behind: what cannot be booted is ended.
 * @module
 */
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms } from './build.ts';
import { writeCertificates } from './certificates.ts';
import { makeCgroup } from './cgroups.ts';
import { folderOf, readCluster, writeCluster, type Cluster } from './cluster.ts';
import { pauseImage, writeConfiguration } from './configuration.ts';
import { daemonNames } from './daemons.ts';
import { endCluster } from './down.ts';
import { importImage } from './import-image.ts';
import { isApiReady, isNodeReady, kubectl, waitUntil } from './kubernetes.ts';
import { prepareMachine } from './machine.ts';
import { isAlive, openNamespaces, runInside, succeedsInside } from './namespaces.ts';
import { chooseNetwork, linkNetwork, unlinkNetwork } from './network.ts';
import { isRunning, lastLines, startDaemon } from './run-daemons.ts';
import { say } from './say.ts';
import { writeProgramImage } from './program-image.ts';
import { prepareVolumes } from './volumes.ts';

export interface UpOptions {
  readonly name: string;
  /** Default false. */
  readonly hasAuditLog?: boolean;
}

/** Boots it, or finds it booted. */
export async function bootCluster({ name, hasAuditLog = false }: UpOptions): Promise<Cluster> {
  prepareMachine();
  const found = readCluster(name);
  if (found !== undefined && isAlive(found.keeper)) {
    if (found.isBooted) {
      prepareVolumes(found);
      return found;
    }
    throw new Error(`Cannot boot cluster ${name}: somebody does, or was interrupted; "down" ends it`);
  }
  // What a machine leaves behind that was switched off.
  await endCluster(name);
  const programs = await buildPrograms();
  const started = Date.now();
  const folder = folderOf(name);
  for (const part of ['lib', 'log']) mkdirSync(join(folder, part), { recursive: true });
  chmodSync(folder, 0o700);
  const keeper = await openNamespaces(join(programs.folder, 'pause'));
  const cluster: Cluster = {
    name,
    folder,
    network: chooseNetwork(),
    programs,
    keeper,
    cgroup: `letterlock-${name}`,
    hasAuditLog,
    isBooted: false,
  };
  writeCluster(cluster);
  try {
    await boot(cluster);
  } catch (error) {
    for (const daemon of daemonNames) say(`--- ${daemon}\n${lastLines(cluster, daemon)}`);
    await endCluster(name);
    throw error;
  }
  const booted = { ...cluster, isBooted: true };
  writeCluster(booted);
  say(`Booted cluster ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return booted;
}

async function boot(cluster: Cluster): Promise<void> {
  const { folder, keeper, network } = cluster;
  unlinkNetwork(network);
  linkNetwork(network, keeper.pid);
  makeCgroup(cluster.cgroup);
  runInside(keeper, ['/bin/sh', '-euc', preparation(folder)]);
  writeCertificates(folder, network);
  writeConfiguration(cluster);

  for (const daemon of ['etcd', 'kube-apiserver', 'containerd'] as const) startDaemon(cluster, daemon);
  await waitUntil(() => succeedsInside(keeper, [join(cluster.programs.folder, 'ctr'), 'version']), {
    what: 'containerd did not answer',
    seconds: 60,
  });
  const image = join(folder, 'pause.tar');
  const program = join(cluster.programs.folder, 'pause');
  await writeProgramImage({ program, entrypoint: '/pause', name: pauseImage, file: image });
  importImage(cluster, image);
  rmSync(image);

  await waitUntil(() => isApiReady(cluster), { what: 'the API server was not ready', seconds: 180 });
  for (const daemon of ['kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'coredns'] as const)
    startDaemon(cluster, daemon);
  kubectl(cluster, ['apply', '-f', '-'], readFileSync(join(import.meta.dirname, 'addons.yaml'), 'utf8'));
  prepareVolumes(cluster);
  await waitUntil(() => isNodeReady(cluster), { what: 'the node was not Ready', seconds: 180 });
  const ended = daemonNames.filter((daemon) => !isRunning(cluster, daemon));
  if (ended.length > 0) throw new Error(`Cannot boot: ${ended.join(', ')} ended`);
}

/** Folders of its own where the programs keep what they keep, and the switches of a node. */
function preparation(folder: string): string {
  return `
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/lock /run/letterlock
    mount --bind ${folder}/lib /var/lib
    mount --bind ${folder}/log /var/log
    mount --make-rshared /
    for module in overlay br_netfilter; do modprobe -q $module 2>/dev/null || true; done
    echo 1 > /proc/sys/net/ipv4/ip_forward
    if [ -e /proc/sys/net/bridge ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
  `;
}
