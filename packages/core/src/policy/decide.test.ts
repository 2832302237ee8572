import { describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import type { Grant, Operation } from '@letterlock/protocol';
import type { Caller } from '../proof/index.ts';
import { provenCaller } from '../proof/testing/proof-fixture.ts';
import { actionOfOperation, decide, permit } from './decide.ts';
import type { Action } from './permitted.ts';

const id = hash43('caller');
const other = hash43('somebody else');
const nowSeconds = 1_790_000_000;
const grant: Grant = { who: id, verbs: ['wrap'], path: 'team-a/db' };
const store: Extract<Action, { act: 'wrap.store' }> = {
  act: 'wrap.store',
  id: 'w',
  path: 'team-a/db/password',
  writer: id,
};

function decideFor(caller: Partial<Caller>, action: Action, grants: readonly Grant[] = [grant]) {
  return decide(action, provenCaller({ id, ...caller }, undefined), { grants, nowSeconds });
}

describe('decide()', () => {
  describe('wrap.store', () => {
    test('is permitted by a grant, and says so', () => {
      const decision = decideFor({}, store);
      expect(decision).toMatchObject({ permitted: true, reason: 'grant', value: { action: store, caller: { id } } });
    });

    test.each([
      { name: 'no grant at all', grants: [], code: 'denied', reason: 'no_grant' },
      {
        name: 'a grant for another verb',
        grants: [{ ...grant, verbs: ['read', 'write', 'list', 'destroy'] }],
        code: 'denied',
        reason: 'verb_not_granted',
      },
      {
        name: 'a grant on a sibling',
        grants: [{ ...grant, path: 'team-a/web' }],
        code: 'denied',
        reason: 'path_not_covered',
      },
      {
        name: 'a grant on a path that only begins alike',
        grants: [{ ...grant, path: 'team-a/db/pass' }],
        code: 'denied',
        reason: 'path_not_covered',
      },
      {
        name: 'a grant below the path',
        grants: [{ ...grant, path: 'team-a/db/password/old' }],
        code: 'denied',
        reason: 'path_not_covered',
      },
      {
        name: 'a grant that ends now',
        grants: [{ ...grant, until: nowSeconds }],
        code: 'denied',
        reason: 'grant_ended',
      },
    ] as { name: string; grants: Grant[]; code: string; reason: string }[])(
      'is refused with $name',
      ({ grants, code, reason }) => {
        expect(decideFor({}, store, grants)).toMatchObject({
          permitted: false,
          reason,
          problem: { code, reason, status: 403 },
        });
      },
    );

    test.each([
      { name: 'the path itself', change: { path: 'team-a/db/password' } },
      { name: 'the topmost segment', change: { path: 'team-a' } },
      { name: 'an end in a second', change: { until: nowSeconds + 1 } },
      { name: 'further verbs', change: { verbs: ['read', 'wrap'] } },
    ] as { name: string; change: Partial<Grant> }[])('is permitted by a grant with $name', ({ change }) => {
      expect(decideFor({}, store, [{ ...grant, ...change }]).permitted).toBe(true);
    });

    test('is permitted by one of several grants, in any order', () => {
      const useless: Grant = { ...grant, path: 'elsewhere' };
      expect(decideFor({}, store, [useless, grant]).permitted).toBe(true);
      expect(decideFor({}, store, [grant, useless]).permitted).toBe(true);
    });

    test("is refused for another's envelope, with the words of a bad envelope", () => {
      expect(decideFor({}, { ...store, writer: other })).toMatchObject({
        permitted: false,
        reason: 'writer_not_caller',
        problem: { code: 'bad_envelope' },
      });
    });

    test('is refused to an admin, whatever the grants', () => {
      expect(decideFor({ isAdmin: true }, store)).toMatchObject({
        reason: 'admin_handles_no_content',
        problem: { code: 'denied' },
      });
    });
  });

  describe.each(['wrap.open', 'wrap.acknowledge', 'wrap.revoke', 'wrap.status'] as const)('%s', (act) => {
    test('needs no grant: the wrap knows its parties', () => {
      expect(decideFor({}, { act, id: 'w' }, [])).toMatchObject({ permitted: true, reason: 'party' });
    });

    test('finds nothing for an admin, as for any stranger', () => {
      expect(decideFor({ isAdmin: true }, { act, id: 'w' })).toMatchObject({
        permitted: false,
        reason: 'admin_handles_no_content',
        problem: { code: 'not_found', status: 404 },
      });
    });
  });

  describe('Permitted.allows()', () => {
    const allows = (caller: Partial<Caller>, grants: readonly Grant[]) => {
      const decision = decideFor(caller, { act: 'wrap.revoke', id: 'w' }, grants);
      return decision.permitted && decision.value.allows('destroy', 'team-a/db/password');
    };

    test('is the same rule for a path that becomes known later', () => {
      expect(allows({}, [{ ...grant, verbs: ['destroy'] }])).toBe(true);
      expect(allows({}, [grant])).toBe(false);
      expect(allows({}, [{ ...grant, verbs: ['destroy'], until: nowSeconds }])).toBe(false);
      expect(allows({}, [])).toBe(false);
    });
  });

  test('Permitted.allows() is never true for an admin', () => {
    const decision = decideFor({ isAdmin: true, factor: 'admin' }, { act: 'seal' }, [{ ...grant, verbs: ['destroy'] }]);
    expect(decision).toMatchObject({ permitted: true });
    expect(decision.permitted && decision.value.allows('destroy', 'team-a/db/password')).toBe(false);
  });

  test('identity.read is for everybody who is registered', () => {
    expect(decideFor({}, { act: 'identity.read', id: other }, [])).toMatchObject({
      permitted: true,
      reason: 'registered',
    });
  });

  test('identity.register is for the own key', () => {
    expect(decideFor({}, { act: 'identity.register', id }, [])).toMatchObject({ permitted: true, reason: 'own_key' });
    expect(decideFor({}, { act: 'identity.register', id: other }, [])).toMatchObject({
      permitted: false,
      reason: 'identity_not_own',
      problem: { code: 'denied' },
    });
  });

  describe.each([
    { act: 'grant.list' },
    { act: 'identity.list' },
    { act: 'explain' },
    { act: 'unseal.status' },
  ] as const)('$act', (action) => {
    test('is for an admin with a proof', () => {
      expect(decideFor({ isAdmin: true }, action)).toMatchObject({ permitted: true, reason: 'admin' });
    });

    test('is for nobody else', () => {
      expect(decideFor({}, action)).toMatchObject({
        permitted: false,
        reason: 'admin_required',
        problem: { code: 'denied' },
      });
    });

    test('is not for a connection without a proof', () => {
      expect(decideFor({ isAdmin: true, factor: 'mtls' }, action)).toMatchObject({
        permitted: false,
        reason: 'proof_required',
      });
    });
  });

  describe.each([
    { act: 'identity.put', id: other },
    { act: 'identity.revoke', id: other },
    { act: 'grant.put', who: other, path: 'team-a' },
    { act: 'grant.delete', who: other, path: 'team-a' },
    { act: 'seal' },
    { act: 'share.ack' },
  ] as const)('$act', (action) => {
    test('is for an admin who signed it', () => {
      expect(decideFor({ isAdmin: true, factor: 'admin' }, action)).toMatchObject({
        permitted: true,
        reason: 'admin_signature',
      });
    });

    test('is for nobody else', () => {
      expect(decideFor({ isAdmin: false, factor: 'admin' }, action)).toMatchObject({
        permitted: false,
        reason: 'admin_required',
      });
    });

    test.each(['proof', 'mtls'] as const)('is not for an admin by %s alone', (factor) => {
      expect(decideFor({ isAdmin: true, factor }, action)).toMatchObject({
        permitted: false,
        reason: 'operation_required',
      });
    });
  });
});

describe('permit()', () => {
  test('gives the permission, or throws the problem of the decision', () => {
    const proven = provenCaller({ id }, undefined);
    expect(permit(store, proven, { grants: [grant], nowSeconds }).action).toBe(store);
    expect(() => permit(store, proven, { grants: [], nowSeconds })).toThrow(
      expect.objectContaining({ code: 'denied', reason: 'no_grant' }),
    );
  });
});

describe('actionOfOperation()', () => {
  const outer = { exp: nowSeconds, inst: 'i', nonce: 'n' };
  test.each([
    { op: 'identity.put', args: { id }, action: { act: 'identity.put', id } },
    { op: 'identity.revoke', args: { id }, action: { act: 'identity.revoke', id } },
    { op: 'grant.put', args: grant, action: { act: 'grant.put', who: id, path: grant.path } },
    { op: 'grant.delete', args: { who: id, path: 'a' }, action: { act: 'grant.delete', who: id, path: 'a' } },
    { op: 'seal', args: {}, action: { act: 'seal' } },
    { op: 'share.ack', args: { ack: id }, action: { act: 'share.ack' } },
    { op: 'init', args: { admins: ['AA'], boot: id, k: 1 }, action: undefined },
  ])('names what $op asks for', ({ op, args, action }) => {
    expect(actionOfOperation({ ...outer, op, args } as Operation)).toEqual(action);
  });
});
