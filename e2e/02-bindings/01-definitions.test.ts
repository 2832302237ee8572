/**
 * The definitions of our resources, judged by a real API server: what is accepted, and what is refused with which words.
 * @module
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../run/story.ts';
import { binding, namespace, type Json } from './bindings.ts';

const folder = join(import.meta.dirname, '../../crds');

/** Each differs from the valid binding in one field. */
const refused: readonly {
  readonly at: string;
  readonly to: Json | undefined;
  readonly why: string;
  readonly name?: string;
}[] = [
  { at: 'metadata.name', to: 'b'.repeat(64), why: 'metadata.name: expected at most 63 characters' },
  { at: 'spec.workload', to: undefined, why: 'spec.workload: Required value' },
  { at: 'spec.workload.serviceAccountNames', to: [], why: 'should have at least 1 items' },
  { at: 'spec.workload.serviceAccountNames', to: names(17), why: 'must have at most 16 items' },
  { at: 'spec.workload.serviceAccountNames', to: ['other/orders'], why: 'CrossNamespaceForbidden' },
  { at: 'spec.workload.serviceAccountNames', to: ['system:serviceaccount:o:p'], why: 'CrossNamespaceForbidden' },
  { at: 'spec.workload.serviceAccountNames', to: ['Orders'], why: 'expected the name of a ServiceAccount' },
  { at: 'spec.workload.serviceAccountNames', to: ['orders', 'orders'], why: 'Duplicate value' },
  {
    at: 'spec.workload.podSelector',
    to: { matchExpressions: [{ key: 'app', operator: 'In' }] },
    why: 'values: needed by In and NotIn',
  },
  { at: 'spec.keyHeldBy', to: 'Pod', why: 'not yet supported' },
  { at: 'spec.keyHeldBy', to: 'Reader', why: 'not yet supported' },
  { at: 'spec.keyHeldBy', to: 'Cluster', why: 'Unsupported value' },
  { at: 'spec.secrets', to: [], why: 'should have at least 1 items' },
  { at: 'spec.secrets.0.name', to: 'DB', why: 'should match' },
  { at: 'spec.secrets.0.keys', to: [], why: 'should have at least 1 items' },
  { at: 'spec.secrets.0.keys', to: ['username', 'password', '..'], why: 'should match', name: 'key ..' },
  { at: 'spec.secrets.0.keys', to: ['username', 'password', ''], why: 'should match', name: 'empty key' },
  {
    at: 'spec.secrets.0.keys',
    to: ['username', 'password', 'k'.repeat(254)],
    why: 'may not be more than 253',
    name: 'long key',
  },
  { at: 'spec.secrets.0.keys', to: ['username', 'password', 'a/b'], why: 'should match', name: 'key with a slash' },
  { at: 'spec.secrets.0.maxBytes', to: 0, why: 'should be greater than or equal to 1' },
  { at: 'spec.secrets.0.maxBytes', to: 524_289, why: 'should be less than or equal to 524288' },
  {
    at: 'spec.secrets',
    to: [
      { name: 'db', keys: ['a'], maxBytes: 524_288 },
      { name: 'two', keys: ['a'], maxBytes: 524_288 },
      { name: 'three', keys: ['a'], maxBytes: 1 },
    ],
    why: 'TooLarge: maxBytes of spec.secrets are more than 1048576 together',
    name: 'more than a MiB together',
  },
  { at: 'spec.secrets.0.opens', to: 'Twice', why: 'Unsupported value' },
  { at: 'spec.secrets.0.ttl', to: '0s', why: 'expected 1m to 8760h' },
  { at: 'spec.secrets.0.ttl', to: '-1h', why: 'should match' },
  { at: 'spec.secrets.0.ttl', to: '999999h', why: 'expected 1m to 8760h' },
  { at: 'spec.secrets.0.ttl', to: '5 years', why: 'should match' },
  { at: 'spec.secrets.0.ttl', to: '', why: 'expected 1m to 8760h' },
  { at: 'spec.secrets.0.files.0.key', to: 'token', why: 'files: key is none of keys' },
  { at: 'spec.secrets.0.files.0.key', to: undefined, why: 'expected key, template, or format' },
  { at: 'spec.secrets.0.files.0.template', to: 'x', why: 'at most one of them' },
  { at: 'spec.secrets.0.files.0.path', to: '../password', why: 'should match' },
  { at: 'spec.secrets.0.files.0.path', to: '/etc/passwd', why: 'should match' },
  { at: 'spec.secrets.0.files.0.path', to: 'db/url', why: 'Duplicate value' },
  { at: 'spec.secrets.0.files.0.perms', to: '0777', why: 'Unsupported value' },
  { at: 'spec.secrets.0.files.1.format', to: 'json', why: 'a template makes its own' },
  {
    at: 'spec.secrets.0.files.1.template',
    to: '<< .username | exec >>',
    why: 'should match',
    name: 'template that calls',
  },
  {
    at: 'spec.secrets.0.files.1.template',
    to: '<< range .username >>',
    why: 'should match',
    name: 'template that loops',
  },
  { at: 'spec.secrets.0.files.1.template', to: '<< .username', why: 'should match', name: 'template cut off' },
  { at: 'spec.writers.serviceAccounts.0.secrets', to: ['other'], why: 'serviceAccounts: secrets names one that' },
  { at: 'spec.writers.serviceAccounts.0.secrets', to: [], why: 'should have at least 1 items' },
  { at: 'spec.writers.serviceAccounts.0.factor', to: 'None', why: 'Unsupported value' },
  { at: 'spec.writers.identities.0.secrets', to: ['other'], why: 'identities: secrets names one that' },
  { at: 'spec.writers.identities.0.thumbprint', to: 'short', why: 'should match' },
  { at: 'spec.writers.identities.0.notAfter', to: 'tomorrow', why: 'date-time' },
  { at: 'spec.delivery.mountPath', to: 'run', why: 'should match' },
  { at: 'spec.delivery.mountPath', to: '/run/../etc', why: 'should match' },
  { at: 'spec.delivery.onMissing', to: 'Ignore', why: 'Unsupported value' },
  { at: 'spec.delivery.waitTimeout', to: '2h', why: 'expected 1s to 1h' },
  { at: 'spec.delivery.onUpdate.action', to: 'Restart', why: 'Unsupported value' },
  { at: 'spec.delivery.onUpdate.port', to: undefined, why: 'needed by HTTP' },
  { at: 'spec.delivery.onUpdate', to: { action: 'None', path: '/x' }, why: 'belongs to HTTP' },
  { at: 'spec.deletionPolicy', to: 'Keep', why: 'Unsupported value' },
  { at: 'spec.retainFor', to: '0s', why: 'expected 1m to 8760h' },
  { at: 'spec.readyWhen', to: 'Soon', why: 'Unsupported value' },
];

/** Each is a row that must stay valid. */
const accepted: readonly { readonly at: string; readonly to: Json | undefined; readonly name?: string }[] = [
  { at: 'spec.keyHeldBy', to: undefined },
  { at: 'spec.writers', to: undefined },
  { at: 'spec.delivery', to: undefined },
  { at: 'spec.secrets.0.opens', to: 'Once' },
  { at: 'spec.secrets.0.files', to: [{ path: 'all.json', format: 'json' }] },
  { at: 'spec.secrets.0.files.1.template', to: 'a<b << .username >><', name: 'template with a lone <' },
  { at: 'spec.secrets.0.keys', to: ['username', 'password', '.hidden', '...'], name: 'keys that begin with dots' },
  { at: 'spec.retainFor', to: '24h' },
  {
    at: 'spec.secrets',
    to: [
      { name: 'db', keys: ['a'], maxBytes: 524_288 },
      { name: 'two', keys: ['a'], maxBytes: 524_288 },
      { name: 'three', keys: ['a'] },
    ],
    name: 'a MiB together',
  },
];

function names(count: number): Json {
  return Array.from({ length: count }, (_, index) => `sa-${index}`);
}

function titleOf({
  at,
  to,
  name,
}: {
  readonly at: string;
  readonly to: Json | undefined;
  readonly name?: string;
}): string {
  const text = to === undefined ? 'absent' : JSON.stringify(to);
  return `${at}: ${name ?? (text.length > 40 ? `${text.slice(0, 37)}...` : text)}`;
}

export const steps: readonly Step[] = [
  {
    title: 'the definitions are established',
    run(world) {
      world.kubectl(['apply', '--server-side', '-f', folder]);
      world.kubectl('wait --for=condition=Established --timeout=30s crd/secretbindings.letterlock.dev');
      world.kubectl('wait --for=condition=Established --timeout=30s crd/secretrecipients.letterlock.dev');
      world.kubectl(`create namespace ${namespace}`);
    },
  },
  {
    title: 'the definitions are structural and break no naming rule',
    run(world) {
      for (const name of ['secretbindings', 'secretrecipients']) {
        const { status } = world.read(`crd ${name}.letterlock.dev`) as {
          readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
        };
        const bad = status.conditions.filter(
          ({ type, status: is }) => is !== (type === 'NonStructuralSchema' ? 'False' : 'True'),
        );
        if (bad.length > 0) throw new Error(`${name}: ${JSON.stringify(bad)}`);
      }
    },
  },
  {
    title: 'every example is accepted',
    run(world) {
      for (const file of readdirSync(join(folder, 'examples'))) {
        const text = world.kubectl(['create', '--dry-run=client', '-o', 'json', '-f', join(folder, 'examples', file)]);
        const example = JSON.parse(text) as { metadata: { namespace: string } };
        example.metadata.namespace = namespace;
        world.kubectl('create --dry-run=server --validate=strict -f -', { input: JSON.stringify(example) });
      }
    },
  },
  ...accepted.map((row): Step => ({
    title: `accepts ${titleOf(row)}`,
    isRow: true,
    run(world) {
      world.kubectl('create --dry-run=server --validate=strict -f -', { input: JSON.stringify(binding(row)) });
    },
  })),
  ...refused.map((row): Step => ({
    title: `refuses ${titleOf(row)}`,
    isRow: true,
    run(world) {
      const { status, stderr } = world.tryKubectl('create --dry-run=server -f -', {
        input: JSON.stringify(binding(row)),
      });
      if (status === 0) throw new Error('It was accepted');
      if (!stderr.includes(row.why)) throw new Error(`Refused with other words than "${row.why}": ${stderr}`);
    },
  })),
  {
    title: 'Once with two ServiceAccounts is refused',
    isRow: true,
    run(world) {
      const once = binding({ at: 'spec.secrets.0.opens', to: 'Once' }) as {
        readonly spec: { readonly workload: { readonly serviceAccountNames: string[] } };
      };
      once.spec.workload.serviceAccountNames.push('billing');
      const { status, stderr } = world.tryKubectl('create --dry-run=server -f -', { input: JSON.stringify(once) });
      if (status === 0 || !stderr.includes('opens Once needs exactly one'))
        throw new Error(`It was not refused: ${stderr}`);
    },
  },
  {
    title: 'Purge with retainFor is refused',
    isRow: true,
    run(world) {
      const purged = binding({ at: 'spec.retainFor', to: '24h' }) as { readonly spec: { deletionPolicy: string } };
      purged.spec.deletionPolicy = 'Purge';
      const { status, stderr } = world.tryKubectl('create --dry-run=server -f -', { input: JSON.stringify(purged) });
      if (status === 0 || !stderr.includes('belongs to deletionPolicy Retain'))
        throw new Error(`It was not refused: ${stderr}`);
    },
  },
  {
    title: 'an unknown field is pruned with a warning, and refused by strict validation',
    isRow: true,
    run(world) {
      const input = JSON.stringify(binding({ at: 'spec.extra', to: 'x' }));
      const lenient = world.tryKubectl('create --dry-run=server --validate=warn -f -', { input });
      if (lenient.status !== 0 || !lenient.stderr.includes('unknown field "spec.extra"'))
        throw new Error(`No warning: ${lenient.stderr}`);
      const strict = world.tryKubectl('create --dry-run=server --validate=strict -f -', { input });
      if (strict.status === 0) throw new Error('Strict validation took it');
    },
  },
  {
    title: 'a status that a user writes with the object is ignored, and no default is set inside a list',
    isRow: true,
    run(world) {
      const forged = { ...(binding() as object), status: { recipientCount: 99 } };
      world.kubectl('create -f -', { input: JSON.stringify(forged) });
      const stored = world.read(`lsb orders-db -n ${namespace}`) as {
        readonly status?: object;
        readonly spec: { readonly secrets: readonly object[]; readonly writers: object };
      };
      world.kubectl(`delete lsb orders-db -n ${namespace}`);
      if (stored.status !== undefined) throw new Error(`The status was kept: ${JSON.stringify(stored.status)}`);
      const { spec } = binding() as { readonly spec: { readonly secrets: Json; readonly writers: Json } };
      world.note(`stored ${JSON.stringify(stored.spec).length} bytes`);
      if (JSON.stringify(sorted(stored.spec.secrets)) !== JSON.stringify(sorted(spec.secrets)))
        throw new Error('A default was set inside spec.secrets');
    },
  },
  {
    title: 'keyHeldBy is immutable',
    isRow: true,
    run(world) {
      world.kubectl('create -f -', { input: JSON.stringify(binding()) });
      const patch = JSON.stringify({ spec: { keyHeldBy: 'Pod' } });
      const { status, stderr } = world.tryKubectl([
        'patch',
        'lsb',
        'orders-db',
        '-n',
        namespace,
        '--type=merge',
        '-p',
        patch,
      ]);
      world.kubectl(`delete lsb orders-db -n ${namespace}`);
      if (status === 0 || !stderr.includes('is immutable')) throw new Error(`It was changed: ${stderr}`);
    },
  },
  {
    title: 'short names and the category name both resources',
    run(world) {
      for (const words of ['lsb', 'lsr', 'letterlock']) world.kubectl(`get ${words} -n ${namespace}`);
    },
  },
];

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
