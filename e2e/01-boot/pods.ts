/**
 * The objects of this story: a transient server with its certificates, its Service, and an application beside it.
 * It must never ask for more than Pod Security `restricted` gives.
 * @module
 */
export const namespace = 'letterlock-boot';

const podSecurity = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

export function namespaceObject(): object {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  };
}

/** A server in memory. Shape of certificates: file name → PEM. */
export function serverObjects(image: string, certificates: Readonly<Record<string, string>>): object[] {
  const labels = { app: 'letterlock' };
  const files = Object.keys(certificates).map((name) => `/etc/letterlock/${name}`);
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'admins', namespace }, data: certificates },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'letterlock', namespace },
      spec: { selector: labels, ports: [{ name: 'https', port: 8443 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'server', namespace, labels },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: podSecurity,
        containers: [
          {
            name: 'server',
            image,
            args: [
              'server',
              '--trust-domain=boot.example',
              '--store=memory',
              `--init-certificates=${files.join(',')}`,
              '--listen-direct=0.0.0.0:8443',
              '--listen-health=0.0.0.0:9090',
              `--public-origins=https://letterlock.${namespace}.svc:8443,https://localhost:8443`,
            ],
            ports: [{ containerPort: 8443 }, { containerPort: 9090 }],
            readinessProbe: { httpGet: { path: '/readyz', port: 9090 }, periodSeconds: 1 },
            livenessProbe: { httpGet: { path: '/livez', port: 9090 } },
            resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
            securityContext: containerSecurity,
            volumeMounts: [{ name: 'admins', mountPath: '/etc/letterlock', readOnly: true }],
          },
        ],
        volumes: [{ name: 'admins', configMap: { name: 'admins' } }],
      },
    },
  ];
}

/** A pod with a shell and curl. */
export function appObject(image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'app', namespace },
    spec: {
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      securityContext: { ...podSecurity, runAsUser: 1000 },
      containers: [{ name: 'app', image, securityContext: containerSecurity }],
    },
  };
}
