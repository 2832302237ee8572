import { describe, expect, test } from '@jest/globals';
import {
  decideRecipient,
  type ObservedRecords,
  type RecipientWorld,
  type SelectingBinding,
} from './decide-recipient.ts';
import { readObservedPod, type ObservedPod } from './observed-pod.ts';

const nowSeconds = 1_790_000_000;
const object = {
  metadata: {
    namespace: 'shop',
    name: 'orders-1',
    uid: 'u',
    creationTimestamp: new Date((nowSeconds - 60) * 1000).toISOString(),
  },
  spec: { serviceAccountName: 'orders', nodeName: 'node-1', initContainers: [{ name: 'letterlock-agent' }] },
  status: {
    phase: 'Pending',
    initContainerStatuses: [
      {
        name: 'letterlock-agent',
        started: false,
        state: { running: { startedAt: new Date((nowSeconds - 50) * 1000).toISOString() } },
      },
    ],
  },
};
const pod = readObservedPod(object)!;
const at = nowSeconds - 40;
const enrolled: ObservedRecords = { keyset: 'a.b.c', chain: ['leaf', 'ca'], deliveries: [] };
const delivery = { binding: 'db', secret: 'main', ver: 3, at };
const opened = { ...delivery, opened: at };
const written = { name: 'main', version: 3 };
const binding: SelectingBinding = { name: 'db', secrets: [written], waiting: undefined };
const notWritten = { reason: 'NotWritten', message: 'letterlock secret write main --binding shop/db' } as const;
const unwritten: SelectingBinding = { name: 'db', secrets: [{ name: 'main' }], waiting: notWritten };

function decide(change: Partial<RecipientWorld> = {}) {
  const records = { ...enrolled, deliveries: [opened] };
  const world = { nowSeconds, pod, records, bindings: [binding], service: 'https://l:8443', isNew: false, ...change };
  return decideRecipient(world);
}
const podWith = (change: Partial<ObservedPod>): ObservedPod => ({ ...pod, ...change });

describe('readObservedPod()', () => {
  test('reads a pod with an agent', () => {
    expect(pod).toEqual({
      namespace: 'shop',
      name: 'orders-1',
      uid: 'u',
      serviceAccount: 'orders',
      nodeName: 'node-1',
      createdAtSeconds: nowSeconds - 60,
      hasFailed: false,
      hasEnded: false,
      hasFiles: false,
      agentFailure: undefined,
      agentSinceSeconds: nowSeconds - 50,
      onlyBindings: undefined,
    });
  });

  test('knows no pod without an agent', () => {
    expect(readObservedPod({ ...object, spec: { initContainers: [{ name: 'other' }] } })).toBeUndefined();
  });

  const withAgent = (agent: object): object => ({
    ...object,
    status: { initContainerStatuses: [{ name: 'letterlock-agent', ...agent }] },
  });
  test.each([
    { name: 'a started agent', given: withAgent({ started: true }), is: { hasFiles: true } },
    {
      name: 'an agent that ended well',
      given: withAgent({ state: { terminated: { exitCode: 0 } } }),
      is: { hasFiles: true },
    },
    {
      name: 'an agent that failed',
      given: withAgent({ state: { terminated: { exitCode: 1 } } }),
      is: { hasFiles: false },
    },
    {
      name: 'an agent that is restarted too often',
      given: withAgent({ state: { waiting: { reason: 'CrashLoopBackOff' } } }),
      is: { agentFailure: 'CrashLoopBackOff' },
    },
    {
      name: 'an agent that is being made',
      given: withAgent({ state: { waiting: { reason: 'PodInitializing' } } }),
      is: { agentFailure: undefined },
    },
    { name: 'success', given: { ...object, status: { phase: 'Succeeded' } }, is: { hasEnded: true, hasFailed: false } },
    { name: 'failure', given: { ...object, status: { phase: 'Failed' } }, is: { hasEnded: true, hasFailed: true } },
    {
      name: 'a time of deletion',
      given: { ...object, metadata: { ...object.metadata, deletionTimestamp: 'x' } },
      is: { hasEnded: true },
    },
    {
      name: 'bindings that it names',
      given: { ...object, metadata: { ...object.metadata, annotations: { 'letterlock.dev/binding': 'db, mail' } } },
      is: { onlyBindings: ['db', 'mail'] },
    },
  ])('a pod with $name', ({ given, is }) => {
    expect(readObservedPod(given)).toMatchObject(is);
  });
});

describe('decideRecipient()', () => {
  test.each<{ name: string; change: Partial<RecipientWorld>; phase: string }>([
    { name: 'has opened everything', change: {}, phase: 'Opened' },
    { name: 'has failed', change: { pod: podWith({ hasFailed: true }) }, phase: 'Failed' },
    {
      name: 'has an agent that does not run',
      change: { pod: podWith({ agentFailure: 'ErrImagePull' }) },
      phase: 'Failed',
    },
    {
      name: 'has not enrolled',
      change: { records: { keyset: undefined, chain: undefined, deliveries: [] } },
      phase: 'Injected',
    },
    { name: 'has enrolled, and is not given anything yet', change: { records: enrolled }, phase: 'Enrolled' },
    {
      name: 'is for what nobody has looked at',
      change: { bindings: [{ ...binding, secrets: undefined }] },
      phase: 'Enrolled',
    },
    {
      name: 'is for what is not written',
      change: { records: enrolled, bindings: [unwritten] },
      phase: 'AwaitingWrite',
    },
    {
      name: 'has not what another has opened',
      change: { records: enrolled, bindings: [{ ...binding, secrets: [{ ...written, isTaken: true }] }] },
      phase: 'AwaitingWrite',
    },
    { name: 'has not acknowledged', change: { records: { ...enrolled, deliveries: [delivery] } }, phase: 'Delivered' },
    {
      name: 'has an older version',
      change: { bindings: [{ ...binding, secrets: [{ name: 'main', version: 4 }] }] },
      phase: 'Opened',
    },
    {
      name: 'has one of two secrets',
      change: { bindings: [{ ...binding, secrets: [written, { name: 'second', version: 1 }] }] },
      phase: 'Enrolled',
    },
    { name: 'has ended after it opened all', change: { pod: podWith({ hasEnded: true }) }, phase: 'Opened' },
  ])('a pod that $name is $phase', ({ change, phase }) => {
    expect(decide(change).status?.phase).toBe(phase);
  });

  test('shows the keys, and who opened what and when', () => {
    const time = '2026-09-21T14:12:40Z';
    expect(decide({ bindings: [{ ...binding, secrets: [written, { name: 'second' }] }] }).status).toEqual({
      phase: 'AwaitingWrite',
      message: '',
      keyset: 'a.b.c',
      chain: ['leaf', 'ca'],
      lastOpenedAt: time,
      versions: [
        { binding: 'db', secret: 'main', version: 3, deliveredAt: time, openedAt: time },
        { binding: 'db', secret: 'second' },
      ],
    });
  });

  test('while sealed keeps what is there, and says so of a new one', () => {
    expect(decide({ records: undefined }).status).toBeUndefined();
    expect(decide({ records: undefined, isNew: true }).status).toMatchObject({ phase: 'Injected' });
  });

  const late = podWith({ createdAtSeconds: nowSeconds - 10 });
  test.each<{ name: string; change: Partial<RecipientWorld>; reason: string | undefined }>([
    { name: 'sealed', change: { records: undefined }, reason: 'Sealed' },
    { name: 'not written', change: { bindings: [unwritten] }, reason: 'NotWritten' },
    { name: 'not written, at the tenth second', change: { bindings: [unwritten], pod: late }, reason: 'NotWritten' },
    {
      name: 'not written, before the tenth second',
      change: { bindings: [unwritten], pod: { ...late, createdAtSeconds: nowSeconds - 9 } },
      reason: undefined,
    },
    { name: 'not enrolled', change: { records: { ...enrolled, keyset: undefined } }, reason: 'ServerUnreachable' },
    {
      name: 'not enrolled, and only just started',
      change: { records: { ...enrolled, keyset: undefined }, pod: podWith({ agentSinceSeconds: nowSeconds - 9 }) },
      reason: undefined,
    },
    {
      name: 'not enrolled, and not started',
      change: { records: { ...enrolled, keyset: undefined }, pod: podWith({ agentSinceSeconds: undefined }) },
      reason: undefined,
    },
    { name: 'selected by nothing', change: { bindings: [] }, reason: 'NoBinding' },
    { name: 'delivered, and without its files', change: {}, reason: 'KeysMissing' },
    {
      name: 'delivered only just',
      change: { records: { ...enrolled, deliveries: [{ ...opened, at: nowSeconds - 9 }] } },
      reason: undefined,
    },
    { name: 'not delivered yet', change: { records: enrolled }, reason: undefined },
    {
      name: 'for what another has opened',
      change: { records: enrolled, bindings: [{ ...binding, secrets: [{ ...written, isTaken: true }] }] },
      reason: 'NotWritten',
    },
    { name: 'with its files', change: { bindings: [unwritten], pod: podWith({ hasFiles: true }) }, reason: undefined },
    { name: 'ended', change: { bindings: [unwritten], pod: podWith({ hasEnded: true }) }, reason: undefined },
  ])('a pod that is $name waits for $reason', ({ change, reason }) => {
    const { waiting } = decide(change);
    expect(waiting?.reason).toBe(reason);
    // Each says what to do.
    expect(waiting?.message ?? 'letterlock unseal').toMatch(
      /letterlock (unseal|secret write main --binding shop\/db|explain pod)|kubectl -n shop (?:logs|get lsb)/,
    );
  });

  test('looks again when the silence about a new pod ends, then seldom, and no more when it has its files', () => {
    const young = podWith({ createdAtSeconds: nowSeconds - 4 });
    expect(decide({ pod: young }).requeueAfterSeconds).toBe(6);
    expect(decide({ records: enrolled }).requeueAfterSeconds).toBe(5);
    expect(decide().requeueAfterSeconds).toBe(300);
    expect(decide({ pod: podWith({ hasFiles: true }) }).requeueAfterSeconds).toBeUndefined();
  });
});
