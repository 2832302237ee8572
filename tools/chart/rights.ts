/**
 * Every right that the chart gives, one row each, and why: the page of the reference, and what a test compares the chart with.
 * It must never hold a wildcard.
 * @module
 */
import { generatedNotice, table } from '../generate/markdown.ts';

/** One rule. */
export interface Right {
  readonly role: string;
  readonly where: 'cluster' | 'namespace';
  readonly group: string;
  readonly resources: readonly string[];
  readonly names?: readonly string[];
  readonly verbs: readonly string[];
  readonly why: string;
}

const server = { role: 'letterlock-server' } as const;
const everywhere = { ...server, where: 'cluster' } as const;
const cleanUp = { role: 'letterlock-clean-up' } as const;
const ownNamespace = { ...server, where: 'namespace' } as const;

/** In the order of the chart. */
export const rights: readonly Right[] = [
  {
    ...everywhere,
    group: 'authentication.k8s.io',
    resources: ['tokenreviews'],
    verbs: ['create'],
    why: 'asks whether a token is genuine, of our audience, and of which pod',
  },
  {
    ...everywhere,
    group: '',
    resources: ['pods', 'namespaces'],
    verbs: ['get', 'list', 'watch'],
    why: 'compares a pod that enrols with what the injector wrote, and sees when it ends',
  },
  {
    ...everywhere,
    group: '',
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'says at the pod and at the binding why something waits',
  },
  {
    ...everywhere,
    group: '',
    resources: ['configmaps'],
    names: ['letterlock-trust'],
    verbs: ['create', 'get', 'patch'],
    why: 'gives agents the authorities to believe, by server-side apply',
  },
  {
    ...everywhere,
    group: 'letterlock.dev',
    resources: ['secretbindings'],
    verbs: ['get', 'list', 'patch', 'update', 'watch'],
    why: 'follows bindings, and holds one back by a finalizer until its secrets are purged',
  },
  {
    ...everywhere,
    group: 'letterlock.dev',
    resources: ['secretrecipients'],
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'watch'],
    why: 'shows one for each pod that receives',
  },
  {
    ...everywhere,
    group: 'letterlock.dev',
    resources: ['secretbindings/status', 'secretrecipients/status'],
    verbs: ['patch'],
    why: 'says what was written, delivered and opened',
  },
  {
    ...everywhere,
    group: 'admissionregistration.k8s.io',
    resources: ['mutatingwebhookconfigurations'],
    names: ['letterlock-injector'],
    verbs: ['get', 'patch'],
    why: "writes the webhook's CA",
  },
  {
    ...ownNamespace,
    group: '',
    resources: ['serviceaccounts/token'],
    names: ['letterlock-server'],
    verbs: ['create'],
    why: 'mints its own boot token; a guard refuses every other one',
  },
  {
    ...ownNamespace,
    group: '',
    resources: ['secrets'],
    names: ['letterlock-webhook-tls'],
    verbs: ['get', 'update'],
    why: "keeps the webhook's own CA and certificate",
  },
  {
    ...ownNamespace,
    group: '',
    resources: ['secrets'],
    verbs: ['create'],
    why: 'makes that Secret; RBAC cannot limit a creation by name',
  },
  {
    ...ownNamespace,
    group: 'coordination.k8s.io',
    resources: ['leases'],
    names: ['letterlock-controller'],
    verbs: ['get', 'update'],
    why: 'one replica at a time is the controller',
  },
  {
    ...ownNamespace,
    group: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['create'],
    why: 'makes that Lease; RBAC cannot limit a creation by name',
  },
  {
    role: 'letterlock-view',
    where: 'cluster',
    group: 'letterlock.dev',
    resources: ['secretbindings', 'secretrecipients'],
    verbs: ['get', 'list', 'watch'],
    why: 'part of `view`: neither holds a secret',
  },
  {
    role: 'letterlock-edit',
    where: 'cluster',
    group: 'letterlock.dev',
    resources: ['secretbindings'],
    verbs: ['create', 'delete', 'deletecollection', 'patch', 'update'],
    why: 'part of `edit`; without any status',
  },
  {
    role: 'letterlock-admin',
    where: 'cluster',
    group: 'letterlock.dev',
    resources: ['secretrecipients'],
    verbs: ['delete', 'deletecollection'],
    why: 'part of `admin`; without any status',
  },
];

/** Of the Job after `helm uninstall`, which ends with them. */
export const cleanUpRights: readonly Right[] = [
  {
    ...cleanUp,
    where: 'cluster',
    group: '',
    resources: ['configmaps'],
    names: ['letterlock-trust'],
    verbs: ['delete', 'list'],
    why: 'takes the trust away from every namespace',
  },
  {
    ...cleanUp,
    where: 'cluster',
    group: 'letterlock.dev',
    resources: ['secretrecipients'],
    verbs: ['delete', 'list'],
    why: 'takes away what was said of pods',
  },
  {
    ...cleanUp,
    where: 'cluster',
    group: 'letterlock.dev',
    resources: ['secretbindings'],
    verbs: ['list', 'patch'],
    why: 'takes off finalizers, which would hold back a namespace for ever',
  },
  {
    ...cleanUp,
    where: 'namespace',
    group: '',
    resources: ['secrets'],
    names: ['letterlock-webhook-tls'],
    verbs: ['delete'],
    why: "takes away the webhook's CA",
  },
  {
    ...cleanUp,
    where: 'namespace',
    group: 'coordination.k8s.io',
    resources: ['leases'],
    names: ['letterlock-controller'],
    verbs: ['delete'],
    why: 'takes away the Lease',
  },
];

/** docs/reference/kubernetes-rights.md */
export function generateRights(): string {
  const rows = [...rights, ...cleanUpRights].map(({ role, where, group, resources, names = [], verbs, why }) => [
    `\`${role}\``,
    where,
    resources.map((each) => `\`${each}\``).join(', '),
    group === '' ? 'core' : group,
    names.map((each) => `\`${each}\``).join(', ') || 'all',
    verbs.join(', '),
    why,
  ]);
  return `# Rights in Kubernetes

${generatedNotice}

Everything that the chart gives. The first role is the server's, of which the rights marked _namespace_ hold in its own namespace only; the others are parts of Kubernetes'
roles for people. The server cannot read Secrets but one, change pods, or give rights. \`letterlock-clean-up\` is there only while \`helm uninstall\` runs;
\`helm test\` uses a role of its own too, which ends with it.

${table(['role', 'where', 'resource', 'group', 'names', 'verbs', 'what for'], rows)}
`;
}
