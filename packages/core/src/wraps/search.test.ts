import { describe, expect, test } from '@jest/globals';
import { searchWraps, type SearchOptions } from './testing/search-wraps.ts';

const honest = { kid: 'reader', cid: 'c1' };
const none = { opensPerClient: 1, sweeps: 1, losses: 0, crashes: 0 };
/** Before everything is due, and after. */
const twoTimes = [100, 1000];
/** And when an early claim's window has ended, but the wrap has not. */
const threeTimes = [100, 160, 1000];

const cases: readonly ({ readonly name: string } & SearchOptions)[] = [
  {
    name: 'a thief with the key and a claim id of its own, over a network that loses an answer',
    clients: [honest, { kid: 'reader', cid: 'c2' }],
    ...none,
    losses: 1,
    times: twoTimes,
  },
  {
    name: 'the same thief, and a replica that crashes',
    clients: [honest, { kid: 'reader', cid: 'c2' }],
    ...none,
    crashes: 1,
    times: twoTimes,
  },
  {
    name: 'a thief with the key and the claim id',
    clients: [honest, honest],
    ...none,
    times: twoTimes,
  },
  {
    name: 'a stranger who knows the claim id',
    clients: [honest, { kid: 'stranger', cid: 'c1' }],
    ...none,
    times: threeTimes,
  },
  {
    name: 'a thief with the key and a claim id of its own, at replicas that remember an old state',
    clients: [honest, { kid: 'reader', cid: 'c2' }],
    ...none,
    losses: 1,
    times: twoTimes,
    replicasRemember: true,
  },
  {
    name: 'the reader alone, again and again, over a network that loses an answer',
    clients: [honest],
    ...none,
    opensPerClient: 2,
    losses: 1,
    times: twoTimes,
  },
  {
    name: 'the reader alone, and a network that also loses the answer to the recovery',
    clients: [honest],
    ...none,
    losses: 2,
    times: twoTimes,
  },
];

describe('exhaustive search over the production reducer, runs and transactions (protocol.md §9.5)', () => {
  const allEnds = new Set<string>();
  let allStates = 0;

  test.each(cases)('$name', ({ name, ...options }) => {
    const { states, violation, ends } = searchWraps(options);
    allStates += states;
    for (const end of ends.keys()) allEnds.add(end);
    console.log(`${name}: ${states} states`);
    expect(violation).toBeUndefined();
  });

  test('has reached every end that a request can have', () => {
    console.log(`${allStates} states in all`);
    expect([...allEnds].toSorted()).toEqual(
      [
        'acknowledge: acknowledged',
        'acknowledge: gone',
        'acknowledge: not_found',
        'acknowledge: unavailable',
        'open: already_claimed',
        'open: delivered',
        'open: gone',
        'open: not_found',
        'open: unavailable',
        'revoke: already_claimed',
        'revoke: gone',
        'revoke: not_found',
        'revoke: revoked',
        'revoke: unavailable',
        'store: stored',
        'store: unavailable',
        'sweep: done',
        'sweep: ended',
        'sweep: unavailable',
      ].toSorted(),
    );
  });

  test('finds what happens when the store goes back to an earlier state', () => {
    const { violation } = searchWraps({
      clients: [honest, { kid: 'reader', cid: 'c2' }],
      ...none,
      times: twoTimes,
      storeMayRollBack: true,
    });
    expect(violation?.broken).toMatch(/^the envelope was given /);
    expect(violation?.steps).toContain('the store goes back to an earlier state');
  });
});
