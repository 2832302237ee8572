import { describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import { explainResponse, limits, verbs, type Grant } from '@letterlock/protocol';
import { provenCaller } from '../proof/testing/proof-fixture.ts';
import { decide } from './decide.ts';
import { explain } from './explain.ts';

const who = hash43('caller');
const nowSeconds = 1_790_000_000;
const wish = { who, verb: 'wrap', path: 'team-a/db/password', nowSeconds } as const;
const grant: Grant = { who, verbs: ['wrap'], path: 'team-a/db' };

describe('explain()', () => {
  test.each([
    {
      name: 'the grant that allows',
      grants: [grant],
      reason: 'Allowed: the grant on team-a/db gives wrap without an end',
    },
    {
      name: 'its end',
      grants: [{ ...grant, until: nowSeconds + 5 }],
      reason: 'Allowed: the grant on team-a/db gives wrap until 1790000005',
    },
    { name: 'that there is none', grants: [], reason: 'Denied: no grant names this identity' },
    {
      name: 'another path',
      grants: [{ ...grant, path: 'team-a/web' }],
      reason: 'Denied: the nearest grant is on team-a/web, which does not cover the path',
    },
    {
      name: 'the path that comes nearest',
      grants: [
        { ...grant, path: 'b' },
        { ...grant, path: 'team-a/db/passwords' },
        { ...grant, path: 'team-a/web' },
      ],
      reason: 'Denied: the nearest grant is on team-a/db/passwords, which does not cover the path',
    },
    {
      name: 'another verb rather than another path',
      grants: [
        { ...grant, verbs: ['read', 'list'] },
        { ...grant, path: 'team-a/web' },
      ],
      reason: 'Denied: the grant on team-a/db gives read, list, but not wrap',
    },
    {
      name: 'an end rather than another verb',
      grants: [
        { ...grant, verbs: ['read'] },
        { ...grant, until: nowSeconds },
      ],
      reason: 'Denied: the grant on team-a/db gave wrap until 1790000000, which has passed',
    },
  ] as { name: string; grants: Grant[]; reason: string }[])('names $name', ({ grants, reason }) => {
    expect(explain({ ...wish, grants })).toEqual({ allowed: reason.startsWith('Allowed'), reason });
  });

  test('says what decide does, for every combination of a grant', () => {
    const paths = ['team-a', 'team-a/db', 'team-a/db/password', 'team-a/d', 'team-b', 'team-a/db/password/x'];
    const ends = [undefined, nowSeconds - 1, nowSeconds, nowSeconds + 1];
    let allowed = 0;
    for (const path of paths) {
      for (const until of ends) {
        for (const verb of verbs) {
          const grants = [{ who, verbs: [verb], path, ...(until === undefined ? {} : { until }) }];
          const action = { act: 'wrap.store', id: 'w', path: wish.path, writer: who } as const;
          const decision = decide(action, provenCaller({ id: who }, undefined), { grants, nowSeconds });
          const explained = explain({ ...wish, grants });
          expect(explained.allowed).toBe(decision.permitted);
          if (explained.allowed) allowed += 1;
        }
      }
    }
    expect(allowed).toBe(6);
  });

  test('fits the answer with the longest path and all verbs', () => {
    const path = `${'a'.repeat(15)}/`.repeat(16).slice(0, 256);
    const { reason } = explain({ ...wish, path, grants: [{ who, verbs: ['write', 'read', 'list', 'destroy'], path }] });
    expect(reason.length).toBeLessThanOrEqual(limits.explainCharacters);
    expect(explainResponse({ allowed: false, reason }, '')).toEqual({ allowed: false, reason });
  });
});
