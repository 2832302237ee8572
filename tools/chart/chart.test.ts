/**
 * The chart as Helm renders it: what it refuses, warns about, and gives.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { chartFolder, renderChart, runHelm } from './helm.ts';
import { cleanUpRights, rights, type Right } from './rights.ts';
import { listValues, readValuesSchema } from './values.ts';
import { least, valuesSets } from './values-sets.ts';

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly policyName?: string; readonly failurePolicy?: string };
  readonly webhooks?: readonly { readonly clientConfig: object; readonly matchConditions?: readonly object[] }[];
}

function render(values: object): readonly KubernetesObject[] {
  const { status, stdout, stderr } = renderChart(JSON.stringify(values));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

/** What the server reads. */
function configurationOf(values: object): Readonly<Record<string, unknown>> {
  const map = render(values).find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'letterlock-server',
  );
  return parse(map?.data?.['letterlock.yaml'] ?? '') as Readonly<Record<string, unknown>>;
}

const [one] = least.init.certificates;
const durable = { ...valuesSets['durable'] };

describe('values', () => {
  test.each([
    {
      name: 'an unknown key',
      values: { ...least, replica: 1 },
      message: "additional properties 'replica' not allowed",
    },
    {
      name: 'an unknown key inside',
      values: { ...least, etcd: { endpoint: [] } },
      message: "additional properties 'endpoint' not allowed",
    },
    { name: 'a mode that does not exist', values: { ...least, mode: 'ha' }, message: "/mode': value must be one of" },
    {
      name: 'an etcd in clear',
      values: { ...durable, etcd: { mode: 'external', endpoints: ['http://etcd:2379'] } },
      message: 'does not match pattern',
    },
    {
      name: 'a private key instead of a certificate',
      values: { init: { certificates: [one.replaceAll('CERTIFICATE', 'PRIVATE KEY')] } },
      message: 'does not match pattern',
    },
    { name: 'no certificate', values: {}, message: 'init.certificates: need the certificates of at least two admins' },
    { name: 'one certificate', values: { init: { certificates: [one] } }, message: 'init.certificates: got 1' },
    {
      name: 'a threshold above the certificates',
      values: { init: { ...least.init, threshold: 3 } },
      message: 'init.threshold: got 3',
    },
    {
      name: 'two replicas in transient mode',
      values: { ...least, replicas: 2 },
      message: 'replicas: got 2, need 1 in transient mode',
    },
    {
      name: 'a digest of a server image that is none',
      values: { ...durable, attest: { images: ['sha256:abc'] } },
      message: 'does not match pattern',
    },
    {
      name: 'an external etcd without members',
      values: { ...durable, etcd: { mode: 'external', tls: { secretName: 'x' } } },
      message: 'etcd.endpoints',
    },
    {
      name: 'an external etcd without a certificate',
      values: { ...durable, etcd: { mode: 'external', endpoints: ['https://etcd:2379'] } },
      message: 'etcd.tls.secretName',
    },
    {
      name: 'a lifetime without a unit',
      values: { ...least, ca: { leafTTL: '120' } },
      message: "/ca/leafTTL': '120' does not match pattern",
    },
    {
      name: 'a lifetime in days',
      values: { ...least, ca: { authorityTTL: '90d' } },
      message: "/ca/authorityTTL': '90d' does not match pattern",
    },
    {
      name: 'certificates that live too short',
      values: { ...least, ca: { leafTTL: '119s' } },
      message: 'ca.leafTTL: got 119s, need 2m to 1h',
    },
    {
      name: 'certificates that live too long',
      values: { ...least, ca: { leafTTL: '1h1s' } },
      message: 'ca.leafTTL: got 1h1s, need 2m to 1h',
    },
    {
      name: 'an overlap that is too short',
      values: { ...least, ca: { overlap: '29s' } },
      message: 'ca.overlap: got 29s, need 30s to 24h',
    },
    {
      name: 'an authority that lives too long',
      values: { ...least, ca: { authorityTTL: '8761h' } },
      message: 'ca.authorityTTL: got 8761h, need at most 8760h',
    },
    {
      name: 'a renewal that comes too late',
      values: { ...least, ca: { renewBefore: '2h59m' } },
      message: 'ca.renewBefore: got 10740s, need at least ca.overlap and ca.leafTTL together, 10800s',
    },
    {
      name: 'an authority that ends before the next one signs',
      values: { ...least, ca: { authorityTTL: '4h59m', renewBefore: '3h' } },
      message: 'ca.authorityTTL: got 4h59m, need at least ca.renewBefore and ca.overlap together, 18000s',
    },
  ])('refuse $name', ({ values, message }) => {
    const { status, stderr } = renderChart(JSON.stringify(values));
    expect(stderr).toContain(message);
    expect(status).not.toBe(0);
  });

  test('take one certificate when a single holder is accepted', () => {
    const { status } = renderChart(JSON.stringify({ init: { certificates: [one], acceptSingleHolder: true } }));
    expect(status).toBe(0);
  });

  test('are the ones that the schema describes, each with its default', () => {
    const values = parse(readFileSync(join(chartFolder, 'values.yaml'), 'utf8')) as object;
    const valueOf = (key: string): unknown =>
      key.split('.').reduce<unknown>((object, part) => (object as Record<string, unknown>)[part], values);
    const rows = listValues(readValuesSchema());
    expect(rows.map(({ key }) => [key, valueOf(key)])).toEqual(rows.map((row) => [row.key, row.default]));
  });

  test.each([
    { name: 'an ignored failure', webhook: { failurePolicy: 'Ignore' }, warning: 'webhook.failurePolicy is Ignore' },
    {
      name: 'an empty selector',
      webhook: { namespaceSelector: { matchExpressions: [] } },
      warning: 'webhook.namespaceSelector selects everything',
    },
  ])('warn about $name, in the notes and in the webhook', ({ webhook, warning }) => {
    const values = JSON.stringify({ ...least, webhook });
    const words = ['install', 'letterlock', chartFolder, '--dry-run=client', '--values', '-'];
    expect(runHelm(words, values).stdout).toMatch(new RegExp(`\nWARNING\n${warning}`));
    const configuration = render({ ...least, webhook }).find(({ kind }) => kind === 'MutatingWebhookConfiguration');
    expect(configuration?.metadata.annotations?.['letterlock.dev/warnings']).toContain(warning);
  });

  test.each([
    { name: 'transient', values: least },
    { name: 'durable', values: durable },
    { name: 'durable, peer unseal off', values: { ...durable, attest: {}, peerUnseal: 'off' } },
  ])('warn about nothing by default, $name', ({ name, values }) => {
    const words = ['install', 'letterlock', chartFolder, '--dry-run=client', '--values', '-'];
    const { stdout } = runHelm(words, JSON.stringify(values));
    expect(stdout).toContain(`mode ${name.split(',')[0]}`);
    expect(stdout).not.toContain('WARNING');
  });

  test('warn where no image of the server may be unsealed by another replica', () => {
    const words = ['install', 'letterlock', chartFolder, '--dry-run=client', '--values', '-'];
    const { stdout } = runHelm(words, JSON.stringify({ ...durable, attest: {} }));
    expect(stdout).toContain('WARNING\nattest.images is empty');
  });
});

describe('the chart', () => {
  let objects: readonly KubernetesObject[];
  beforeAll(() => {
    objects = render(least);
  });

  test('has the version of the packages', () => {
    const { version } = JSON.parse(readFileSync(join(chartFolder, '../../package.json'), 'utf8')) as {
      readonly version: string;
    };
    const chart = parse(readFileSync(join(chartFolder, 'Chart.yaml'), 'utf8')) as Record<string, string>;
    expect([chart['version'], chart['appVersion']]).toEqual([version, version]);
  });

  test('names no registry', () => {
    const images = [
      ...readFileSync(join(import.meta.dirname, 'golden/durable.rendered.yaml'), 'utf8').matchAll(/ image: (\S+)/g),
    ];
    expect(images.length).toBeGreaterThan(2);
    expect(images.map(([, image]) => image).filter((image) => image?.includes('/'))).toEqual([]);
  });

  const linesOf = (list: readonly Omit<Right, 'why'>[]): readonly string[] =>
    list
      .map(({ role, where, group, resources, names, verbs }) =>
        JSON.stringify([role, where, group, resources, names, verbs]),
      )
      .toSorted();

  test.each([
    { name: 'while it is installed', hook: undefined, expected: rights },
    { name: 'after it is uninstalled', hook: 'post-delete', expected: cleanUpRights },
  ])('gives exactly the rights of the reference, $name', ({ hook, expected }) => {
    const roles = objects.filter(
      ({ kind, metadata }) =>
        (kind === 'ClusterRole' || kind === 'Role') && metadata.annotations?.['helm.sh/hook'] === hook,
    );
    const given = roles.flatMap(({ kind, metadata, rules = [] }) =>
      rules.map((rule) => ({
        role: metadata.name,
        where: kind === 'ClusterRole' ? ('cluster' as const) : ('namespace' as const),
        group: rule.apiGroups.join(),
        resources: rule.resources,
        ...(rule.resourceNames === undefined ? {} : { names: rule.resourceNames }),
        verbs: rule.verbs,
      })),
    );
    expect(linesOf(given)).toEqual(linesOf(expected));
    expect(JSON.stringify(given)).not.toContain('*');
  });

  test('leaves no hook behind', () => {
    const hooks = objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined);
    expect(hooks.length).toBeGreaterThan(0);
    for (const { metadata } of hooks)
      expect(metadata.annotations?.['helm.sh/hook-delete-policy']).toBe('before-hook-creation,hook-succeeded');
  });

  test('never lets people write a status', () => {
    const forPeople = rights.filter(({ role }) => role !== 'letterlock-server');
    expect(forPeople.flatMap(({ resources }) => resources).filter((each) => each.includes('/'))).toEqual([]);
  });

  test('binds every guard, and each of them fails closed', () => {
    const policies = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    const bound = objects
      .filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
      .map(({ spec }) => spec?.policyName ?? 'none');
    expect(policies.map(({ metadata }) => metadata.name).toSorted()).toEqual(bound.toSorted());
    expect(policies.map(({ metadata }) => metadata.name.replace('letterlock-', '')).toSorted()).toEqual([
      'boot-token',
      'debug',
      'exec',
      'live-edit',
      'server-pods',
      'server-secrets',
      'server-token',
      'shape',
      'token',
      'trust',
    ]);
    expect(new Set(policies.map(({ spec }) => spec?.failurePolicy))).toEqual(new Set(['Fail']));
  });

  test.each([
    { name: 'transient', values: least, peers: undefined },
    { name: 'durable', values: durable, peers: [0, 1, 2] },
    { name: 'durable of one replica', values: { ...durable, replicas: 1 }, peers: [0] },
  ])('names the replicas to each other, $name', ({ values, peers }) => {
    const name = (index: number): string => `letterlock-server-${index}.letterlock-server.letterlock-system.svc:9443`;
    expect(configurationOf(values)['peers']).toEqual(peers?.map(name));
  });

  test('lists the image of the server for peer unseal when it has a digest', () => {
    const [digest, other] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
    const images = (values: object): unknown =>
      (configurationOf({ ...durable, ...values })['attest'] as { readonly kubernetes: { readonly images?: unknown } })
        .kubernetes.images;
    expect(images({ image: { digest }, attest: {} })).toEqual([digest]);
    expect(images({ image: { digest }, attest: { images: [other, digest] } })).toEqual([digest, other]);
    expect(images({ attest: {} })).toBeUndefined();
  });

  test('keeps the definitions when it is uninstalled', () => {
    const definitions = objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(
      definitions.map(({ metadata }) => [metadata.name, metadata.annotations?.['helm.sh/resource-policy']]),
    ).toEqual([
      ['secretbindings.letterlock.dev', 'keep'],
      ['secretrecipients.letterlock.dev', 'keep'],
    ]);
  });

  test('renders no certificate for the webhook', () => {
    const configuration = objects.find(({ kind }) => kind === 'MutatingWebhookConfiguration');
    expect(configuration?.webhooks).toHaveLength(2);
    expect(JSON.stringify(configuration)).not.toContain('caBundle');
    const secrets = render(durable).filter(({ kind }) => kind === 'Secret');
    expect(secrets.filter((secret) => 'data' in secret || 'stringData' in secret)).toEqual([]);
  });

  test('leaves out what is switched off', () => {
    const off = render({
      ...least,
      policies: { enabled: false },
      networkPolicy: { enabled: false },
      serviceAccount: { create: false },
      crds: { install: false },
      cleanUp: { enabled: false },
    });
    const kinds = new Set(
      off.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined).map(({ kind }) => kind),
    );
    for (const kind of ['ValidatingAdmissionPolicy', 'NetworkPolicy', 'ServiceAccount', 'CustomResourceDefinition'])
      expect(kinds).not.toContain(kind);
    expect(off.filter(({ metadata }) => metadata.name === 'letterlock-clean-up')).toEqual([]);
  });
});
