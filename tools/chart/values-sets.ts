/**
 * Sets of values that the tests of the chart render: the least, durable, and everything that can be switched on.
 * It must never hold a real certificate.
 * @module
 */

/** PEM in form only: nothing here reads it. */
const certificate = (letter: string): string =>
  `-----BEGIN CERTIFICATE-----\n${letter.repeat(8)}\n-----END CERTIFICATE-----\n`;

/** The only values without which nothing starts. */
export const least = { init: { certificates: [certificate('A'), certificate('B')] } } as const;

const durable = {
  mode: 'durable',
  init: { certificates: [certificate('A'), certificate('B'), certificate('C')], threshold: 2 },
  attest: { images: [`sha256:${'c'.repeat(64)}`] },
} as const;

const everything = {
  ...durable,
  replicas: 5,
  etcd: {
    mode: 'external',
    endpoints: ['https://etcd-0.etcd:2379', 'https://etcd-1.etcd:2379'],
    tls: { secretName: 'etcd-client' },
  },
  image: { registry: 'registry.example/team', digest: `sha256:${'a'.repeat(64)}`, pullPolicy: 'Always' },
  agent: {
    image: { registry: 'registry.example/team', tag: '2' },
    formerImages: ['registry.example/team/letterlock-agent:1'],
    formerDigests: [`sha256:${'b'.repeat(64)}`],
    checkSourceAddress: false,
  },
  imagePullSecrets: [{ name: 'pull' }],
  pinnedInstanceKey: `${'A'.repeat(42)}A`,
  peerUnseal: 'off',
  ca: { trustDomain: 'prod.example', leafTTL: '30m', authorityTTL: '720h', renewBefore: '168h', overlap: '90m' },
  attest: { images: [`sha256:${'c'.repeat(64)}`] },
  webhook: {
    failurePolicy: 'Ignore',
    timeoutSeconds: 10,
    namespaceSelector: { matchLabels: { team: 'a' } },
    annotations: { 'example.com/note': 'x' },
    certificateSecret: 'webhook-certificate',
  },
  networkPolicy: {
    extraIngress: [{ from: [{ podSelector: {} }] }],
    egress: [{ ports: [{ port: 443, protocol: 'TCP' }] }],
  },
  metrics: { serviceMonitor: { enabled: true, interval: '15s', labels: { release: 'prometheus' } } },
  prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
  serviceAccount: { name: 'letterlock-server', annotations: { 'example.com/role': 'x' } },
  service: { type: 'LoadBalancer', annotations: { 'example.com/internal': 'true' } },
  logLevel: 'debug',
  affinity: { podAntiAffinity: {} },
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'dedicated', operator: 'Exists' }],
  priorityClassName: 'system-cluster-critical',
  podLabels: { team: 'a' },
  podAnnotations: { 'example.com/scrape': 'true' },
  livenessProbe: { periodSeconds: 20 },
  readinessProbe: { timeoutSeconds: 2 },
  startupProbe: { httpGet: { path: '/livez', port: 'health' }, failureThreshold: 30 },
  extraArgs: ['--audit-sinks=stdout'],
  extraEnv: [{ name: 'TZ', value: 'UTC' }],
  extraVolumes: [{ name: 'audit', emptyDir: {} }],
  extraVolumeMounts: [{ name: 'audit', mountPath: '/audit' }],
  extraObjects: [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'extra', namespace: '{{ .Release.Namespace }}' } },
  ],
} as const;

/** Name of the golden file → values. */
export const valuesSets: Readonly<Record<string, object>> = { transient: least, durable, everything };
