/**
 * The programs of a running cluster as a table: how each is called, as in production.
 * It must never start one: it only says how.
 * @module
 */
import { join } from 'node:path';
import { nodeName } from './certificates.ts';
import type { Cluster } from './cluster.ts';

export type DaemonName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'containerd'
  | 'kubelet'
  | 'kube-proxy'
  | 'coredns';

const etcdAddress = 'http://127.0.0.1:2379';
const issuer = 'https://kubernetes.default.svc.cluster.local';
/** Where containerd listens, inside. */
export const containerdSocket = '/run/containerd/containerd.sock';

/** Daemon → its program and words, in the order in which they start. */
export const daemons: Readonly<Record<DaemonName, (cluster: Cluster) => readonly string[]>> = {
  etcd: ({ programs }) => [
    programs.etcd,
    '--data-dir=/var/lib/etcd',
    // A cluster for tests does not outlive a crash of the machine.
    '--unsafe-no-fsync',
    `--listen-client-urls=${etcdAddress}`,
    `--advertise-client-urls=${etcdAddress}`,
    '--log-level=warn',
  ],
  'kube-apiserver': (cluster) => {
    const { programs, network, folder, hasAuditLog } = cluster;
    const pki = (file: string): string => join(folder, 'pki', file);
    return [
      join(programs.folder, 'kube-apiserver'),
      `--etcd-servers=${etcdAddress}`,
      `--advertise-address=${network.nodeAddress}`,
      '--secure-port=6443',
      `--service-cluster-ip-range=${network.serviceSubnet}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--client-ca-file=${pki('ca.crt')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      `--service-account-issuer=${issuer}`,
      `--api-audiences=${issuer}`,
      `--service-account-key-file=${pki('service-accounts.pub')}`,
      `--service-account-signing-key-file=${pki('service-accounts.key')}`,
      `--kubelet-certificate-authority=${pki('ca.crt')}`,
      `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`,
      `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${pki('front-proxy-client.crt')}`,
      `--proxy-client-key-file=${pki('front-proxy-client.key')}`,
      '--enable-aggregator-routing=true',
      '--allow-privileged=true',
      '--profiling=false',
      ...(hasAuditLog
        ? [`--audit-policy-file=${join(folder, 'audit-policy.json')}`, '--audit-log-path=/var/log/audit.log']
        : []),
    ];
  },
  containerd: ({ programs, folder }) => [
    join(programs.folder, 'containerd'),
    `--config=${join(folder, 'containerd.toml')}`,
  ],
  'kube-controller-manager': ({ programs, folder }) => {
    const pki = (file: string): string => join(folder, 'pki', file);
    const config = join(folder, 'kube-controller-manager.kubeconfig');
    return [
      join(programs.folder, 'kube-controller-manager'),
      `--kubeconfig=${config}`,
      `--authentication-kubeconfig=${config}`,
      `--authorization-kubeconfig=${config}`,
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${pki('service-accounts.key')}`,
      `--root-ca-file=${pki('ca.crt')}`,
      `--cluster-signing-cert-file=${pki('ca.crt')}`,
      `--cluster-signing-key-file=${pki('ca.key')}`,
      '--leader-elect=false',
      '--profiling=false',
    ];
  },
  'kube-scheduler': ({ programs, folder }) => {
    const config = join(folder, 'kube-scheduler.kubeconfig');
    return [
      join(programs.folder, 'kube-scheduler'),
      `--kubeconfig=${config}`,
      `--authentication-kubeconfig=${config}`,
      `--authorization-kubeconfig=${config}`,
      '--leader-elect=false',
      '--profiling=false',
    ];
  },
  kubelet: ({ programs, folder, network }) => [
    join(programs.folder, 'kubelet'),
    `--config=${join(folder, 'kubelet.json')}`,
    `--kubeconfig=${join(folder, 'kubelet.kubeconfig')}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${network.nodeAddress}`,
  ],
  'kube-proxy': ({ programs, folder, network }) => [
    join(programs.folder, 'kube-proxy'),
    `--kubeconfig=${join(folder, 'kube-proxy.kubeconfig')}`,
    `--hostname-override=${nodeName}`,
    '--proxy-mode=iptables',
    `--cluster-cidr=${network.podSubnet}`,
    // The table of connections belongs to the machine, not to the namespaces.
    '--conntrack-max-per-core=0',
  ],
  coredns: ({ programs, folder }) => [join(programs.folder, 'coredns'), '-conf', join(folder, 'Corefile')],
};

export const daemonNames = Object.keys(daemons) as readonly DaemonName[];

/** What a person may call them. */
const shortNames: Readonly<Record<string, DaemonName>> = {
  apiserver: 'kube-apiserver',
  'controller-manager': 'kube-controller-manager',
  scheduler: 'kube-scheduler',
  proxy: 'kube-proxy',
  dns: 'coredns',
};

/** @throws RangeError for a name that no daemon has */
export function daemonNamed(name: string): DaemonName {
  const full = Object.hasOwn(shortNames, name) ? shortNames[name] : daemonNames.find((each) => each === name);
  if (full === undefined)
    throw new RangeError(`Cannot find the program ${JSON.stringify(name)}, need one of ${daemonNames.join(', ')}`);
  return full;
}
