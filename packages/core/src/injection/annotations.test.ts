import { describe, expect, test } from '@jest/globals';
import { readAnnotations } from './annotations.ts';
import { makePod } from './testing/injection-world.ts';

function faultOf(annotations: Readonly<Record<string, string>>, labels?: Readonly<Record<string, string>>) {
  const read = readAnnotations(makePod({ annotations, ...(labels === undefined ? {} : { labels }) }));
  return 'fault' in read ? read.fault : undefined;
}

const everything = {
  inject: 'true',
  binding: 'orders-db, orders-cache',
  containers: 'app,worker',
  'mount-path': '/etc/orders/secrets',
  order: 'last',
  agent: 'sidecar',
  writer: 'true',
  'on-missing': 'Fail',
  'wait-timeout': '4m',
  'on-update': 'http://localhost:8080/reload',
  'run-as-user': '1000',
  'agent-requests-cpu': '20m',
  'agent-requests-memory': '48Mi',
  'agent-limits-cpu': '0.5',
  'agent-limits-memory': '256Mi',
  'log-level': 'debug',
  'secret-url': 'orders-db/db',
  'file-url': 'db/url',
  'perms-url': '0400',
  'template-url': 'a\n<< .username | urlencode >>$x',
  'secret-password': 'orders-db/db#password',
  'secret-env': 'orders-db/db',
  'format-env': 'dotenv',
} as const;

describe('readAnnotations()', () => {
  test('reads every annotation there is', () => {
    expect(readAnnotations(makePod({ annotations: everything }))).toEqual({
      asking: 'yes',
      request: {
        containers: ['app', 'worker'],
        mountPath: '/etc/orders/secrets',
        order: 'last',
        mode: 'sidecar',
        isWriter: true,
        runAsUser: 1000,
        logLevel: 'debug',
        resources: { requests: { cpu: '20m', memory: '48Mi' }, limits: { cpu: '0.5', memory: '256Mi' } },
        delivery: {
          bindings: ['orders-db', 'orders-cache'],
          files: [
            { binding: 'orders-db', secret: 'db', path: 'env', format: 'dotenv' },
            { binding: 'orders-db', secret: 'db', key: 'password', path: 'password' },
            { binding: 'orders-db', secret: 'db', path: 'db/url', perms: '0400', template: everything['template-url'] },
          ],
          on_missing: 'Fail',
          on_update: { action: 'HTTP', path: '/reload', port: 8080 },
          wait_timeout_seconds: 240,
        },
      },
    });
  });

  test.each([
    { name: 'annotation', annotations: { inject: 'true' }, labels: {}, asking: 'yes' },
    { name: 'label', annotations: {}, labels: { 'letterlock.dev/inject': 'true' }, asking: 'yes' },
    {
      name: 'annotation against the label',
      annotations: { inject: 'false' },
      labels: { 'letterlock.dev/inject': 'true' },
      asking: 'no',
    },
    { name: 'label that says no', annotations: {}, labels: { 'letterlock.dev/inject': 'false' }, asking: 'no' },
    { name: 'nothing', annotations: {}, labels: {}, asking: 'nothing' },
  ])('hears the $name', ({ annotations, labels, asking }) => {
    const pod = makePod();
    const prefixed = Object.fromEntries(
      Object.entries(annotations).map(([name, value]) => [`letterlock.dev/${name}`, value]),
    );
    expect(readAnnotations({ ...pod, metadata: { annotations: prefixed, labels } }).asking).toBe(asking);
  });

  test.each([
    { word: 'containres', near: 'letterlock.dev/containers' },
    { word: 'Inject', near: 'letterlock.dev/inject' },
    { word: 'mountpath', near: 'letterlock.dev/mount-path' },
    { word: 'secrets-db', near: 'letterlock.dev/secret-<n>' },
    { word: 'secret-', near: 'letterlock.dev/secret-<n>' },
    { word: 'secret-A', near: 'letterlock.dev/secret-<n>' },
  ])('hints at $near for $word', ({ word, near }) => {
    expect(faultOf({ [word]: 'x' })).toEqual({
      key: `letterlock.dev/${word}`,
      message: `is not known; did you mean ${near}?`,
    });
  });

  test.each(['image', 'agent-image', 'addr', 'ca-cert', 'tls-skip-verify', 'json-patch', 'share-process-namespace'])(
    'never offers %s',
    (name) => {
      expect(faultOf({ [name]: 'x' })?.message).toContain('is not offered');
    },
  );

  test.each(['zzzzzzzzzz', '__proto__', 'constructor', 'toString'])('refuses %s', (name) => {
    expect(faultOf({ [name]: 'x' })?.key).toBe(`letterlock.dev/${name}`);
  });

  test('passes over the status, and over what is not ours', () => {
    expect(faultOf({ status: '{{ anything }}' })).toBeUndefined();
    const pod = makePod();
    const annotations = { 'letterlock.dev.example/x': '{{', 'vault.hashicorp.com/agent-inject': 'true' };
    expect(readAnnotations({ ...pod, metadata: { annotations } })).toHaveProperty('request');
  });

  test.each(['True', 'TRUE', 'yes', '1', '', 'enabled', ' true'])('refuses inject: "%s", also as a label', (value) => {
    const expected = { key: 'letterlock.dev/inject', message: 'expected true or false' };
    expect(faultOf({ inject: value })).toEqual(expected);
    const labels = { 'letterlock.dev/inject': value };
    expect(readAnnotations({ ...makePod(), metadata: { labels } })).toEqual({ asking: 'yes', fault: expected });
  });

  test('refuses another label of ours', () => {
    expect(faultOf({}, { 'letterlock.dev/binding': 'orders-db' })?.key).toBe('letterlock.dev/binding');
  });

  test.each([
    { key: 'binding', value: 'orders\ndb' },
    { key: 'binding', value: '${BINDING}' },
    { key: 'binding', value: '{{ .Values.binding }}' },
    { key: 'binding', value: '../other' },
    { key: 'binding', value: 'other/orders-db' },
    { key: 'binding', value: 'a,a' },
    { key: 'binding', value: '' },
    { key: 'binding', value: Array.from({ length: 17 }, (_, index) => `b${index}`).join(',') },
    { key: 'binding', value: 'x'.repeat(262_144) },
    { key: 'containers', value: 'app,' },
    { key: 'containers', value: 'App' },
    { key: 'mount-path', value: 'run/letterlock' },
    { key: 'mount-path', value: '/run/../etc' },
    { key: 'mount-path', value: '/run/./x' },
    { key: 'mount-path', value: '/run//x' },
    { key: 'mount-path', value: '/' },
    { key: 'mount-path', value: '/proc/1' },
    { key: 'mount-path', value: '/dev' },
    { key: 'mount-path', value: '/var/run/secrets/kubernetes.io/serviceaccount' },
    { key: 'mount-path', value: '/run/a:b' },
    { key: 'order', value: 'second' },
    { key: 'agent', value: 'job' },
    { key: 'writer', value: 'yes' },
    { key: 'on-missing', value: 'wait' },
    { key: 'wait-timeout', value: '0s' },
    { key: 'wait-timeout', value: '2h' },
    { key: 'wait-timeout', value: '4' },
    { key: 'on-update', value: 'Restart' },
    { key: 'on-update', value: 'http://example.com:80/x' },
    { key: 'on-update', value: 'http://localhost:70000/x' },
    { key: 'on-update', value: 'http://localhost:8080' },
    { key: 'run-as-user', value: '0' },
    { key: 'run-as-user', value: '2147483648' },
    { key: 'run-as-user', value: '-1' },
    { key: 'agent-limits-memory', value: '12Qi' },
    { key: 'agent-limits-memory', value: '-1' },
    { key: 'log-level', value: 'trace' },
    { key: 'secret-db', value: 'orders-db' },
    { key: 'secret-db', value: 'orders-db/db#a/b' },
    { key: 'secret-db', value: 'a/b/c' },
    { key: 'file-db', value: '/etc/passwd' },
    { key: 'file-db', value: '../../etc/passwd' },
    { key: 'file-db', value: 'a/../b' },
    { key: 'file-db', value: '' },
    { key: 'perms-db', value: '0777' },
    { key: 'perms-db', value: '0400' },
    { key: 'template-db', value: '{{ .Data.data.password }}' },
    { key: 'template-db', value: '${PASSWORD}' },
    { key: 'template-db', value: '$(PASSWORD)' },
    { key: 'template-db', value: 'a\rb' },
    { key: 'template-db', value: '\u001b[2J' },
    { key: 'template-db', value: '\ud800' },
    { key: 'template-db', value: 'x'.repeat(16_385) },
    { key: 'template-db', value: '' },
    { key: 'format-db', value: 'yaml' },
  ])('refuses $key (case %#) by its key, and repeats nothing of it', ({ key, value }) => {
    const fault = faultOf({ 'secret-db': 'orders-db/db', [key]: value });
    expect(fault?.key).toBe(`letterlock.dev/${key}`);
    expect(fault?.message).not.toContain(value.length > 5 ? value.slice(0, 100) : 'marker');
  });

  test.each([
    { name: 'a file without its secret', annotations: { 'file-db': 'db' }, key: 'file-db' },
    {
      name: 'a template and a format',
      annotations: { 'secret-db': 'a/b', 'template-db': '<< .x >>', 'format-db': 'json' },
      key: 'format-db',
    },
    { name: 'a format of one key', annotations: { 'secret-db': 'a/b#c', 'format-db': 'json' }, key: 'secret-db' },
    {
      name: 'a template of one key',
      annotations: { 'secret-db': 'a/b#c', 'template-db': '<< .x >>' },
      key: 'secret-db',
    },
    {
      name: 'two files at one path',
      annotations: { 'secret-a': 'a/b', 'secret-b': 'a/b', 'file-b': 'a' },
      key: 'file-b',
    },
    { name: 'a writer whose agent ends', annotations: { agent: 'init', writer: 'true' }, key: 'writer' },
    {
      name: 'more than 64 files',
      annotations: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`secret-${index}`, 'a/b'])),
      key: 'secret-<n>',
    },
  ])('refuses $name', ({ annotations, key }) => {
    expect(faultOf(annotations)?.key).toBe(`letterlock.dev/${key}`);
  });

  test('lets the owner alone read where the agent has the application’s uid', () => {
    expect(faultOf({ 'secret-db': 'a/b', 'perms-db': '0400', 'run-as-user': '1000' })).toBeUndefined();
  });
});
