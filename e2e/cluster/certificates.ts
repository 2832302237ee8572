/**
 * Keys, certificates and kubeconfigs of one cluster: a certificate for each program, with the rights of that program alone.
 * It must never make one that lives longer than the cluster could.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Network } from './network.ts';
import { runTool } from './run-tool.ts';

const days = '3';
export const nodeName = 'node-1';

interface Leaf {
  readonly name: string;
  readonly subject: string;
  readonly usage: 'clientAuth' | 'serverAuth';
  readonly names?: string;
  /** Default: the cluster's. */
  readonly authority?: 'ca' | 'front-proxy-ca';
}

/** The certificates. */
function leaves({ nodeAddress, apiService }: Network): readonly Leaf[] {
  const serviceNames = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const apiNames = [...serviceNames, 'localhost'].map((name) => `DNS:${name}`);
  const apiAddresses = ['127.0.0.1', nodeAddress, apiService].map((address) => `IP:${address}`);
  return [
    {
      name: 'apiserver',
      subject: '/CN=kube-apiserver',
      usage: 'serverAuth',
      names: [...apiNames, ...apiAddresses].join(','),
    },
    { name: 'apiserver-kubelet-client', subject: '/CN=kube-apiserver-kubelet-client', usage: 'clientAuth' },
    { name: 'front-proxy-client', subject: '/CN=front-proxy-client', usage: 'clientAuth', authority: 'front-proxy-ca' },
    {
      name: 'kubelet-server',
      subject: `/CN=${nodeName}`,
      usage: 'serverAuth',
      names: `DNS:${nodeName},IP:${nodeAddress}`,
    },
    ...clients.map(({ name, subject }) => ({ name, subject, usage: 'clientAuth' as const })),
  ];
}

/** Who has a kubeconfig. */
const clients = [
  { name: 'admin', subject: '/O=system:masters/CN=admin' },
  { name: 'kube-controller-manager', subject: '/CN=system:kube-controller-manager' },
  { name: 'kube-scheduler', subject: '/CN=system:kube-scheduler' },
  { name: 'kube-proxy', subject: '/CN=system:kube-proxy' },
  { name: 'coredns', subject: '/CN=system:coredns' },
  { name: 'kubelet', subject: `/O=system:nodes/CN=system:node:${nodeName}` },
] as const;

/** Writes `pki/*.{crt,key}`, `pki/service-accounts.{key,pub}` and `<client>.kubeconfig` into the folder. */
export function writeCertificates(folder: string, network: Network): void {
  const pki = join(folder, 'pki');
  mkdirSync(pki, { mode: 0o700 });
  const path = (name: string): string => join(pki, name);
  // The machine's own configuration would add extensions of its choice.
  writeFileSync(path('request.cnf'), '[req]\ndistinguished_name = name\n[name]\n');
  /** Subjects and names have no spaces. */
  const certify = (name: string, subject: string, words: string): string =>
    runTool(
      'openssl',
      `req -x509 -days ${days} -config ${path('request.cnf')} -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj ${subject} -keyout ${path(`${name}.key`)} -out ${path(`${name}.crt`)} ${words}`.split(
        ' ',
      ),
    );
  for (const authority of ['ca', 'front-proxy-ca']) {
    const extensions = [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
    ];
    certify(authority, `/CN=letterlock-e2e-${authority}`, added(extensions));
  }
  for (const { name, subject, usage, names, authority = 'ca' } of leaves(network)) {
    const extensions = [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      `extendedKeyUsage=${usage}`,
    ];
    if (names !== undefined) extensions.push(`subjectAltName=${names}`);
    certify(name, subject, `-CA ${path(`${authority}.crt`)} -CAkey ${path(`${authority}.key`)} ${added(extensions)}`);
  }
  runTool('openssl', [
    'genpkey',
    '-algorithm',
    'EC',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-out',
    path('service-accounts.key'),
  ]);
  runTool('openssl', ['pkey', '-in', path('service-accounts.key'), '-pubout', '-out', path('service-accounts.pub')]);
  for (const { name } of clients) {
    const read = (file: string): string => readFileSync(path(file)).toString('base64');
    const text = kubeconfig({
      server: `https://${network.nodeAddress}:6443`,
      authority: read('ca.crt'),
      certificate: read(`${name}.crt`),
      key: read(`${name}.key`),
    });
    writeFileSync(join(folder, `${name}.kubeconfig`), text, { mode: 0o600 });
  }
}

function added(extensions: readonly string[]): string {
  return extensions.map((extension) => `-addext ${extension}`).join(' ');
}

/** One cluster and one user. Shape of authority, certificate and key: Base64 of PEM. */
export function kubeconfig(facts: {
  readonly server: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}): string {
  const name = 'letterlock-e2e';
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server: facts.server, 'certificate-authority-data': facts.authority } }],
      users: [{ name, user: { 'client-certificate-data': facts.certificate, 'client-key-data': facts.key } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    },
    undefined,
    2,
  )}\n`;
}
