import { describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import type { Grant } from '@letterlock/protocol';
import type { Caller, CallerWorkload } from '../proof/index.ts';
import { provenCaller } from '../proof/testing/proof-fixture.ts';
import { decide, permit } from './decide.ts';
import { explain } from './explain.ts';
import { FakeBindings, liveBinding } from './testing/fake-bindings.ts';
import type { LiveBinding } from './live-binding.ts';
import type { Action } from './permitted.ts';

const id = hash43('caller');
const nowSeconds = 1_790_000_000;
const path = 'k8s/shop/orders-db/db';
const pod: CallerWorkload = {
  td: 'prod.example',
  ns: 'shop',
  sa: 'orders',
  pod: '0f4a1c7e-2b39-4c52-9c0e-5a1f7d3e8b60',
  by: 'svid',
};
const deployer: CallerWorkload = { ...pod, ns: 'ci', sa: 'deployer', pod: 'ffffffff-2b39-4c52-9c0e-5a1f7d3e8b60' };
const reader: Partial<Caller> = { factor: 'svid', workload: pod };
const writer: Partial<Caller> = { factor: 'svid-token', workload: deployer };
const read = { act: 'secret.read', path } as const;
const write = { act: 'secret.write', id: 'w', path, writer: id } as const;
/** Everything everywhere: counts for nothing here. */
const grants: readonly Grant[] = [{ who: id, verbs: ['wrap', 'write', 'read', 'list', 'destroy'], path: 'k8s' }];

function reasonOf(
  action: Action,
  caller: Partial<Caller>,
  change: Partial<LiveBinding> | 'stale' | 'none' = {},
): string {
  const bindings = new FakeBindings(...(typeof change === 'string' ? [] : [liveBinding(change)]));
  if (change === 'stale') bindings.isStale = true;
  const decision = decide(action, provenCaller({ id, ...caller }, undefined), { grants, nowSeconds, bindings });
  return decision.permitted ? 'permitted' : `${decision.problem.code} ${decision.reason}`;
}

describe('reading what a binding holds', () => {
  test('is permitted to a pod that the binding selects', () => {
    expect(reasonOf(read, reader)).toBe('permitted');
  });

  test.each([
    { name: 'a person with a grant', caller: {}, reason: 'binding_selects_not' },
    {
      name: 'a pod of another ServiceAccount',
      caller: { workload: { ...pod, sa: 'payments' } },
      reason: 'binding_selects_not',
    },
    { name: 'a pod of another namespace', caller: { workload: { ...pod, ns: 'bank' } }, reason: 'binding_selects_not' },
    {
      name: 'a key that a token registered',
      caller: { workload: { ...pod, by: 'token' } as const },
      reason: 'binding_selects_not',
    },
    { name: 'a writer', caller: writer, reason: 'binding_selects_not' },
    {
      name: 'a pod that the selector does not select',
      change: { selectsPod: () => false },
      reason: 'binding_selects_not',
    },
    { name: 'anybody once the binding is gone', change: 'none' as const, reason: 'no_binding' },
    {
      name: 'anybody where the key is a pod’s',
      change: { keyHeldBy: 'Pod' as const },
      reason: 'key_holder_not_served',
    },
    { name: 'a secret that the binding does not list', change: { secrets: [] }, reason: 'secret_not_in_binding' },
    { name: 'the binding itself', action: { ...read, path: 'k8s/shop/orders-db' }, reason: 'binding_path' },
    { name: 'below a secret', action: { ...read, path: `${path}/x` }, reason: 'binding_path' },
    { name: 'the root', action: { ...read, path: 'k8s' }, reason: 'binding_path' },
  ])('is refused to $name, as if nothing were there', ({ caller = reader, change = {}, action = read, reason }) => {
    expect(reasonOf(action, caller, change)).toBe(`not_found ${reason}`);
  });

  test('is refused to all while the watch is down', () => {
    expect(reasonOf(read, reader, 'stale')).toBe('unavailable watch_down');
    expect(reasonOf(write, writer, 'stale')).toBe('unavailable watch_down');
  });

  test('is refused outside Kubernetes', () => {
    const decision = decide(read, provenCaller({ id, ...reader }, undefined), { grants, nowSeconds });
    expect(decision).toMatchObject({ permitted: false, reason: 'no_binding' });
  });
});

describe('writing what a binding holds', () => {
  const identityWriter = (change: object = {}) => ({
    writers: { serviceAccounts: [], identities: [{ thumbprint: id, secrets: ['*'], ...change }] },
  });
  const serviceAccount = (change: object = {}) => ({
    writers: {
      serviceAccounts: [{ namespace: 'ci', name: 'deployer', secrets: ['db'], factor: 'Sidecar' as const, ...change }],
      identities: [],
    },
  });
  const byToken: Partial<Caller> = { factor: 'token', workload: { ...deployer, by: 'token' } };

  test.each([
    { name: 'a listed ServiceAccount with both factors', caller: writer, change: serviceAccount() },
    { name: 'one listed for all secrets', caller: writer, change: serviceAccount({ secrets: ['*'] }) },
    {
      name: 'one that may do without an agent, with its token',
      caller: byToken,
      change: serviceAccount({ factor: 'Token' }),
    },
    {
      name: 'one that may do without an agent, with both',
      caller: writer,
      change: serviceAccount({ factor: 'Token' }),
    },
    { name: 'a listed identity', caller: {}, change: identityWriter() },
    { name: 'a listed identity until its end', caller: {}, change: identityWriter({ notAfter: nowSeconds + 1 }) },
  ])('is permitted to $name', ({ caller, change }) => {
    expect(reasonOf(write, caller, change)).toBe('permitted');
  });

  test.each([
    {
      name: 'the certificate without the token',
      caller: { ...writer, factor: 'svid' } as const,
      change: serviceAccount(),
      reason: 'second_factor_missing',
    },
    {
      name: 'the certificate alone where a token alone would do',
      caller: { ...writer, factor: 'svid' } as const,
      change: serviceAccount({ factor: 'Token' }),
      reason: 'second_factor_missing',
    },
    {
      name: 'the token without the certificate',
      caller: byToken,
      change: serviceAccount(),
      reason: 'sidecar_required',
    },
    {
      name: 'a ServiceAccount that is not listed',
      caller: writer,
      change: serviceAccount({ name: 'other' }),
      reason: 'writer_not_listed',
    },
    {
      name: 'one of another namespace',
      caller: writer,
      change: serviceAccount({ namespace: 'shop' }),
      reason: 'writer_not_listed',
    },
    {
      name: 'one listed for another secret',
      caller: writer,
      change: serviceAccount({ secrets: ['web'] }),
      reason: 'writer_not_listed',
    },
    {
      name: 'a reader',
      caller: { factor: 'svid-token', workload: pod } as const,
      change: serviceAccount(),
      reason: 'writer_not_listed',
    },
    { name: 'a person with a grant', caller: {}, change: serviceAccount(), reason: 'writer_not_listed' },
    {
      name: 'another identity',
      caller: {},
      change: identityWriter({ thumbprint: hash43('x') }),
      reason: 'writer_not_listed',
    },
    {
      name: 'an identity whose time has ended',
      caller: {},
      change: identityWriter({ notAfter: nowSeconds }),
      reason: 'writer_not_listed',
    },
    {
      name: 'an identity listed for another secret',
      caller: {},
      change: identityWriter({ secrets: ['web'] }),
      reason: 'writer_not_listed',
    },
    {
      name: 'a secret that opens once',
      caller: writer,
      change: { secrets: [{ name: 'db', opens: 'Once' as const }] },
      reason: 'opens_differs',
    },
  ])('is refused to $name', ({ caller, change, reason }) => {
    expect(reasonOf(write, caller, change)).toBe(`denied ${reason}`);
  });

  test('of a wrap is for a secret that opens once', () => {
    const wrap = { act: 'wrap.store', id: 'w', path, writer: id } as const;
    expect(reasonOf(wrap, writer, { secrets: [{ name: 'db', opens: 'Once' }] })).toBe('permitted');
    expect(reasonOf(wrap, writer)).toBe('denied opens_differs');
  });

  test('of a wrap is for the pods of one ServiceAccount', () => {
    const wrap = { act: 'wrap.store', id: 'w', path, writer: id } as const;
    const change = { secrets: [{ name: 'db', opens: 'Once' as const }], serviceAccountNames: ['orders', 'web'] };
    expect(reasonOf(wrap, writer, change)).toBe('denied once_for_several');
  });
});

describe('listing, versions and destroying', () => {
  const list = { act: 'secret.list', path: 'k8s/shop/orders-db' } as const;
  const versions = { act: 'secret.versions', path } as const;

  test.each([
    { name: 'its reader', caller: reader, reason: 'permitted' },
    { name: 'its writer', caller: writer, reason: 'permitted' },
    { name: 'a person with a grant', caller: {}, reason: 'denied writer_not_listed' },
  ])('names and versions of a binding, for $name', ({ caller, reason }) => {
    expect([reasonOf(list, caller), reasonOf(versions, caller)]).toEqual([reason, reason]);
  });

  test('nothing is listed above a binding', () => {
    expect(reasonOf({ ...list, path: 'k8s/shop' }, writer)).toBe('denied binding_path');
  });

  test('nobody destroys or revokes by a grant', () => {
    expect(reasonOf({ act: 'secret.destroy', path }, writer)).toBe('denied binding_destroys');
    const world = { grants, nowSeconds };
    const revoke = permit<'wrap.revoke'>({ act: 'wrap.revoke', id: 'w' }, provenCaller({ id }, undefined), world);
    expect(revoke.allows('destroy', path)).toBe(false);
    expect(revoke.mayList('k8s')).toBe(false);
  });

  test('an explanation says that grants do not count', () => {
    const explained = explain({ who: id, verb: 'read', path, grants, nowSeconds });
    expect(explained.allowed).toBe(false);
    expect(explained.reason).toContain('grants do not count');
  });
});

describe('receivesAs()', () => {
  const receives = (caller: Partial<Caller>, binding: Partial<LiveBinding> = {}, bnd = 'shop/orders-db') =>
    permit<'wrap.open'>({ act: 'wrap.open', id: 'w' }, provenCaller({ id, ...caller }, undefined), {
      grants: [],
      nowSeconds,
      bindings: new FakeBindings(liveBinding(binding)),
    }).receivesAs(bnd);

  test('names the ServiceAccount of a selected pod', () => {
    expect(receives(reader)).toBe('spiffe://prod.example/ns/shop/sa/orders');
  });

  test.each([
    { name: 'a pod that is not selected', binding: { selectsPod: () => false } },
    { name: 'another binding', bnd: 'shop/other' },
    { name: 'a writer', caller: writer },
    { name: 'a person', caller: {} },
    { name: 'a binding whose key is elsewhere', binding: { keyHeldBy: 'Reader' as const } },
  ])('names nobody for $name', ({ caller = reader, binding = {}, bnd }) => {
    expect(receives(caller, binding, bnd)).toBeUndefined();
  });
});
