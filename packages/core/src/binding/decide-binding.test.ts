import { describe, expect, test } from '@jest/globals';
import { isSelected, readBinding, type Binding, type LabelSelector } from './binding.ts';
import {
  decideBinding,
  decideFaultyBinding,
  type ObservedBinding,
  type ObservedRecipient,
  type Waiting,
} from './decide-binding.ts';

const object = {
  metadata: { namespace: 'shop', name: 'orders-db', uid: 'u', generation: 3 },
  spec: {
    workload: { serviceAccountNames: ['orders'], podSelector: { matchLabels: { app: 'orders' } } },
    keyHeldBy: 'Service',
    secrets: [{ name: 'db', keys: ['password'], maxBytes: 16_384, files: [{ path: 'db/password', key: 'password' }] }],
    writers: { identities: [{ name: 'bot', thumbprint: 't', secrets: ['*'], notAfter: '2027-01-01T00:00:00Z' }] },
    delivery: { onMissing: 'Wait', waitTimeout: '4m30s' },
  },
};
const binding = readBinding(object) as Binding;
const prefix = 'spiffe://prod.example/ns/shop/sa/';
const key = { kty: 'EC', crv: 'P-256', x: 'x1', y: 'y1' };
const at = 1_780_000_100;
const given = { binding: 'orders-db', secret: 'db', ver: 7, at, opened: at };
const opened: ObservedRecipient = { waiting: undefined, deliveries: [given] };
const empty: ObservedRecipient = { waiting: undefined, deliveries: [] };
const observed: ObservedBinding = {
  nowSeconds: 1_790_000_000,
  publicKey: key,
  secrets: [{ name: 'db', version: 7, writtenAtSeconds: 1_780_000_000, writer: 'w', recipients: [`${prefix}orders`] }],
  formerKeyX: 'x1',
  recipients: [opened],
  conditions: [],
  recipientPrefix: prefix,
};

function changed(change: object): unknown {
  return { ...object, spec: { ...object.spec, ...change } };
}

describe('readBinding()', () => {
  test('reads what rights and delivery rest on', () => {
    expect(binding).toMatchObject({
      serviceAccountNames: ['orders'],
      secrets: [{ name: 'db', opens: 'Unlimited' }],
      writers: { serviceAccounts: [], identities: [{ thumbprint: 't', notAfter: 1_798_761_600 }] },
      delivery: {
        files: [{ path: 'db/password', key: 'password', secret: 'db' }],
        on_missing: 'Wait',
        wait_timeout_seconds: 270,
      },
      deletionPolicy: 'Retain',
      readyWhen: 'Accepted',
    });
  });

  test.each([
    { fault: 'CrossNamespaceForbidden', change: { workload: { serviceAccountNames: ['other/orders'] } } },
    { fault: 'Unreadable', change: { workload: { serviceAccountNames: [] } } },
    { fault: 'Unreadable', change: { workload: undefined } },
    { fault: 'NotYetSupported', change: { keyHeldBy: 'Pod' } },
    { fault: 'TooLarge', change: { secrets: [{ name: 'db', keys: ['a'], maxBytes: 1_048_577 }] } },
    { fault: 'TooLarge', change: { secrets: [1, 2, 3].map((n) => ({ name: `s${n}`, maxBytes: 349_526 })) } },
    {
      fault: 'PathRepeated',
      change: { secrets: [1, 2].map((n) => ({ name: `s${n}`, files: [{ path: 'a', key: 'k' }] })) },
    },
    { fault: 'Unreadable', change: { delivery: { waitTimeout: '5 years' } } },
    { fault: 'Unreadable', change: { secrets: [{ name: 'db', files: [{ path: '../x', key: 'k' }] }] } },
    {
      fault: 'Unreadable',
      change: { writers: { identities: [{ thumbprint: 't', secrets: ['*'], notAfter: 'soon' }] } },
    },
  ])('refuses $change as $fault', ({ fault, change }) => {
    expect(readBinding(changed(change))).toEqual({ fault });
  });
});

test('reads how long what opens once lasts, and takes a MiB of all secrets together', () => {
  const once = readBinding(changed({ secrets: [{ name: 'a', opens: 'Once', ttl: '90m' }, { name: 'b' }] })) as Binding;
  expect(once.secrets).toEqual([
    { name: 'a', opens: 'Once', ttlSeconds: 5400 },
    { name: 'b', opens: 'Unlimited' },
  ]);
  const full = readBinding(changed({ secrets: [1, 2].map((n) => ({ name: `s${n}`, maxBytes: 524_288 })) }));
  expect(full).toMatchObject({ name: 'orders-db' });
});

describe('isSelected()', () => {
  const labels = { app: 'orders', tier: 'web' };
  const rows: readonly { readonly selector: LabelSelector | undefined; readonly is: boolean }[] = [
    { selector: undefined, is: true },
    { selector: { matchLabels: { app: 'orders' } }, is: true },
    { selector: { matchLabels: { app: 'other' } }, is: false },
    { selector: { matchLabels: { toString: 'x' } }, is: false },
    { selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['orders'] }] }, is: true },
    { selector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['orders'] }] }, is: false },
    { selector: { matchExpressions: [{ key: 'none', operator: 'NotIn', values: ['x'] }] }, is: true },
    { selector: { matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, is: true },
    { selector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, is: false },
  ];
  test.each(rows)('$selector: $is', ({ selector, is }) => {
    expect(isSelected(selector, labels)).toBe(is);
  });
});

describe('decideBinding()', () => {
  const conditionOf = (change: Partial<ObservedBinding>, type: string, of: Binding = binding) =>
    decideBinding(of, { ...observed, ...change }).status.conditions.find((each) => each.type === type);

  test('a binding that is written is ready, with its key and its secrets', () => {
    const { status, waiting } = decideBinding(binding, observed);
    expect(waiting).toBeUndefined();
    expect(status).toMatchObject({
      observedGeneration: 3,
      publicKey: key,
      recipientCount: 1,
      openedCount: 1,
      lastWrittenBy: 'w',
      lastWrittenAt: '2026-05-28T20:26:40Z',
      secrets: [
        {
          name: 'db',
          latestVersion: 7,
          writtenAt: '2026-05-28T20:26:40Z',
          writtenBy: 'w',
          pending: 0,
          delivered: 1,
          opened: 1,
        },
      ],
    });
    expect(status.conditions.map(({ type, status: is }) => `${type}=${is}`)).toEqual([
      'Ready=True',
      'Reconciling=False',
      'Stalled=False',
      'Accepted=True',
      'Populated=True',
      'Delivered=True',
    ]);
  });

  test.each([
    { reason: 'Sealed', change: { publicKey: undefined } },
    { reason: 'Sealed', change: { secrets: undefined } },
    { reason: 'NotWritten', change: { secrets: [{ name: 'db' }] } },
    { reason: 'NotWritten', change: { secrets: [{ name: 'db', version: 7, isGone: true }] } },
    { reason: 'InstanceReplaced', change: { secrets: [{ name: 'db' }], formerKeyX: 'x0' } },
    { reason: 'RewriteNeeded', change: { secrets: [{ name: 'db', version: 7, recipients: [`${prefix}other`] }] } },
  ] as const)('pods wait for $reason', ({ reason, change }) => {
    expect(decideBinding(binding, { ...observed, ...change }).waiting?.reason).toBe(reason);
    expect(conditionOf(change, 'Populated')?.reason).toBe(reason);
    expect(conditionOf(change, 'Delivered')?.reason).toBe(reason);
  });

  const waiting: Waiting = { reason: 'KeysMissing', message: 'no' };
  test.each([
    { name: 'no pod', recipients: [], status: 'Unknown', reason: 'NoRecipients' },
    { name: 'a pod without it', recipients: [opened, empty], status: 'False', reason: 'Delivering' },
    {
      name: 'a pod with an older version',
      recipients: [{ ...empty, deliveries: [{ ...given, ver: 6 }] }],
      status: 'False',
      reason: 'Delivering',
    },
    {
      name: 'a pod with another binding’s secret',
      recipients: [{ ...empty, deliveries: [{ ...given, binding: 'other' }] }],
      status: 'False',
      reason: 'Delivering',
    },
    { name: 'a pod that waits', recipients: [opened, { ...opened, waiting }], status: 'False', reason: 'KeysMissing' },
    { name: 'every pod with it', recipients: [opened, opened], status: 'True', reason: 'Delivered' },
  ])('Delivered with $name is $status: $reason', ({ recipients, status, reason }) => {
    expect(conditionOf({ recipients }, 'Delivered')).toMatchObject({ status, reason });
  });

  test('counts pods that have the latest version, and those that opened it', () => {
    const delivered: ObservedRecipient = {
      waiting: undefined,
      deliveries: [{ binding: 'orders-db', secret: 'db', ver: 7, at }],
    };
    const { status } = decideBinding(binding, { ...observed, recipients: [opened, delivered, empty] });
    expect(status).toMatchObject({ openedCount: 1, secrets: [{ pending: 1, delivered: 2, opened: 1 }] });
  });

  test('what was opened before the last write of what opens once was another', () => {
    const { ver: _, ...older } = { ...given, at: 1_779_999_999 };
    const recipients = [{ waiting: undefined, deliveries: [older] }];
    expect(decideBinding(binding, { ...observed, recipients }).status).toMatchObject({ openedCount: 0 });
    const newer = [{ waiting: undefined, deliveries: [{ ...older, at }] }];
    expect(decideBinding(binding, { ...observed, recipients: newer }).status).toMatchObject({ openedCount: 1 });
  });

  test('an identity that wrote is shown by the name that the binding gives it', () => {
    const secrets = [{ ...observed.secrets![0]!, writer: 't' }];
    expect(decideBinding(binding, { ...observed, secrets }).status).toMatchObject({ lastWrittenBy: 'id:bot' });
  });

  test('Once and two pods is a fault that is said', () => {
    const once = { ...binding, secrets: [{ name: 'db', opens: 'Once' as const }] };
    expect(decideBinding(once, { ...observed, recipients: [opened, empty] }).waiting?.reason).toBe('OnceManyPods');
    expect(decideBinding(once, observed).waiting).toBeUndefined();
  });

  test('Ready does not wait for a write, unless the binding says so', () => {
    const change = { secrets: [{ name: 'db' }] };
    expect(conditionOf(change, 'Ready')?.status).toBe('True');
    expect(conditionOf(change, 'Ready', { ...binding, readyWhen: 'Populated' })?.status).toBe('False');
  });

  test('a condition keeps its time while its status stays', () => {
    const before = decideBinding(binding, observed).status.conditions;
    const later = { nowSeconds: observed.nowSeconds + 60, conditions: before };
    expect(conditionOf(later, 'Populated')?.lastTransitionTime).toBe('2026-09-21T14:13:20Z');
    expect(conditionOf({ ...later, secrets: [{ name: 'db' }] }, 'Populated')?.lastTransitionTime).toBe(
      '2026-09-21T14:14:20Z',
    );
  });

  test('a faulty binding is stalled', () => {
    const { status } = decideFaultyBinding('CrossNamespaceForbidden', { generation: 2, nowSeconds: 0, conditions: [] });
    expect(status.conditions.find(({ type }) => type === 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'CrossNamespaceForbidden',
      lastTransitionTime: '1970-01-01T00:00:00Z',
    });
  });
});
