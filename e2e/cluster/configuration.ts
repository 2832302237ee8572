/**
 * The configuration files of a cluster's programs.
 * It must never write outside of the cluster's folder.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { containerdSocket } from './daemons.ts';
import type { Network } from './network.ts';

export const pauseImage = 'localhost/letterlock-e2e-pause:1';

/** Writes all of them. */
export function writeConfiguration(cluster: Cluster): void {
  const { folder, programs, network, cgroup } = cluster;
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  const writeJson = (file: string, value: object): void => write(file, `${JSON.stringify(value, undefined, 2)}\n`);
  mkdirSync(join(folder, 'cni'));
  write('containerd.toml', containerdToml(folder, programs.folder));
  writeJson('cni/10-bridge.conflist', bridgeNetwork(network));
  writeJson('kubelet.json', kubeletConfiguration({ folder, network, cgroup }));
  writeJson('audit-policy.json', {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata' }],
  });
  write('resolv.conf', `nameserver ${network.nodeAddress}\n`);
  write('Corefile', corefile(folder, network));
}

function containerdToml(folder: string, programs: string): string {
  return `version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "${pauseImage}"

# Machines in a container, or with few rights, may not lower the score of a process.
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["${programs}"]
  conf_dir = "${join(folder, 'cni')}"
`;
}

function bridgeNetwork({ podSubnet }: Network): object {
  return {
    cniVersion: '1.0.0',
    name: 'letterlock-e2e',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podSubnet }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: '/run/cni-addresses',
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function kubeletConfiguration({ folder, network, cgroup }: Pick<Cluster, 'folder' | 'network' | 'cgroup'>): object {
  const pki = (file: string): string => join(folder, 'pki', file);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pki('kubelet-server.crt'),
    tlsPrivateKeyFile: pki('kubelet-server.key'),
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [network.nodeAddress],
    clusterDomain: 'cluster.local',
    resolvConf: join(folder, 'resolv.conf'),
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    // Images cannot be fetched again, and the disk is shared with whatever else the machine does.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    syncFrequency: '10s',
  };
}

function corefile(folder: string, { nodeAddress }: Network): string {
  return `cluster.local:53 {
  bind ${nodeAddress}
  errors
  kubernetes cluster.local {
    kubeconfig ${join(folder, 'coredns.kubeconfig')}
    ttl 5
  }
}
.:53 {
  bind ${nodeAddress}
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`;
}
