/**
 * The bindings of this story: one that is valid, and changes of it.
 * It must never make a change that touches two fields, so that a refusal has one reason.
 * @module
 */

export const namespace = 'letterlock-e2e-bindings';

/** Any JSON, as Kubernetes objects are here. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Mutable = { [name: string]: Mutable } | Mutable[] | null | boolean | number | string;

const valid = {
  apiVersion: 'letterlock.dev/v1alpha1',
  kind: 'SecretBinding',
  metadata: { name: 'orders-db', namespace },
  spec: {
    workload: { serviceAccountNames: ['orders'], podSelector: { matchLabels: { app: 'orders' } } },
    keyHeldBy: 'Service',
    secrets: [
      {
        name: 'db',
        keys: ['username', 'password'],
        maxBytes: 16_384,
        opens: 'Unlimited',
        ttl: '24h',
        files: [
          { path: 'db/password', key: 'password', perms: '0440' },
          { path: 'db/url', template: 'postgres://<< .username | urlencode >>@db' },
        ],
      },
    ],
    writers: {
      serviceAccounts: [{ namespace: 'ci', name: 'deployer', secrets: ['db'], factor: 'Sidecar' }],
      identities: [
        {
          name: 'release-bot',
          thumbprint: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
          secrets: ['*'],
          notAfter: '2027-01-01T00:00:00Z',
        },
      ],
    },
    delivery: {
      mountPath: '/run/letterlock',
      containers: [],
      onMissing: 'Wait',
      waitTimeout: '4m',
      onUpdate: { action: 'HTTP', port: 8080, path: '/reload' },
    },
    deletionPolicy: 'Retain',
    readyWhen: 'Accepted',
  },
} as const satisfies Json;

/** The valid binding with another value at a path such as `spec.secrets.0.ttl`; undefined removes the member. */
export function binding(change?: { readonly at: string; readonly to: Json | undefined }): Json {
  const copy = JSON.parse(JSON.stringify(valid)) as Mutable;
  if (change === undefined) return copy;
  const names = change.at.split('.');
  const last = names.pop()!;
  let place = copy;
  for (const name of names) place = member(place, name);
  const holder = place as { [name: string]: Mutable };
  if (change.to === undefined) delete holder[last];
  else holder[last] = change.to as Mutable;
  return copy;
}

function member(place: Mutable, name: string): Mutable {
  const found = (place as { [name: string]: Mutable })[name];
  if (found === undefined) throw new Error(`The valid binding has no ${name} here`);
  return found;
}
