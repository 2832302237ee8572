import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { workloadLifetimes } from '@letterlock/protocol';
import {
  afterStep,
  defaultRotationTimes,
  dueStep,
  firstState,
  lookEverySeconds,
  rotationTimesOf,
  trustedOf,
  type RotationState,
} from './rotation.ts';

interface Named {
  readonly name: string;
  readonly notAfter: number;
}
const times = defaultRotationTimes;
const day = 86_400;
const old: Named = { name: 'old', notAfter: 90 * day };
const fresh: Named = { name: 'fresh', notAfter: 150 * day };
const published = afterStep(firstState(old), 'publish', 60 * day, fresh);
const switched = afterStep(published, 'switch', 60 * day + 7200);
const namesOf = (state: RotationState<Named>): readonly string[] => trustedOf(state).map(({ name }) => name);

describe('rotationTimesOf()', () => {
  test('renews at two thirds, and keeps the old one for the overlap, a leaf and a twelfth of it', () => {
    expect(rotationTimesOf({ leaf: 120, authority: 900, overlap: 30 })).toEqual({
      lifetime: 900,
      renewBefore: 300,
      published: 30,
      retired: 160,
      leaf: 120,
    });
  });

  test('renews when it is told to', () => {
    expect(rotationTimesOf({ leaf: 120, authority: 900, renewBefore: 840, overlap: 30 }).renewBefore).toBe(840);
  });
});

describe('lookEverySeconds()', () => {
  test.each([
    { name: 'a minute for the default times', change: {}, seconds: 60 },
    { name: 'a tenth of a short leaf', change: { leaf: 120 }, seconds: 12 },
    { name: 'a tenth of a short overlap', change: { published: 30 }, seconds: 3 },
    { name: 'a second at least', change: { leaf: 5 }, seconds: 1 },
  ])('is $name', ({ change, seconds }) => {
    expect(lookEverySeconds({ ...times, ...change })).toBe(seconds);
  });
});

describe('the default times', () => {
  test('are those of the protocol', () => {
    expect(times).toEqual({
      lifetime: 90 * day,
      renewBefore: 30 * day,
      published: 2 * 3600,
      retired: workloadLifetimes.authorityRetired,
      leaf: 3600,
    });
  });
});

describe('dueStep()', () => {
  test.each([
    { name: 'nothing while much life is left', state: firstState(old), at: 60 * day - 1, is: undefined },
    { name: 'a new one at 30 days left', state: firstState(old), at: 60 * day, is: 'publish' },
    { name: 'nothing before two hours', state: published, at: 60 * day + 7199, is: undefined },
    { name: 'signing after two hours', state: published, at: 60 * day + 7200, is: 'switch' },
    { name: 'nothing when the clock went back', state: published, at: 0, is: undefined },
    {
      name: 'signing at once where the old one cannot',
      state: { ...published, signing: { ...old, notAfter: 60 * day + 3599 } },
      at: 60 * day,
      is: 'switch',
    },
    {
      name: 'nothing while certificates of the old one live',
      state: switched,
      at: 60 * day + 7200 + 11_099,
      is: undefined,
    },
    { name: 'removal after them', state: switched, at: 60 * day + 7200 + 11_100, is: 'retire' },
  ])('says $name', ({ state, at, is }) => {
    expect(dueStep(state, at, times)).toBe(is);
  });

  test('begins when it is asked to, and only from rest', () => {
    const isRequested = { isRequested: true };
    expect(dueStep(firstState(old), 0, times, isRequested)).toBe('publish');
    expect(dueStep(published, 60 * day, times, isRequested)).toBeUndefined();
    expect(dueStep(switched, 60 * day + 7200, times, isRequested)).toBeUndefined();
  });
});

describe('afterStep()', () => {
  test('shows the new one, then lets it sign, then removes the old one and remembers it', () => {
    expect(namesOf(published)).toEqual(['old', 'fresh']);
    expect(namesOf(switched)).toEqual(['fresh', 'old']);
    const retired = afterStep(switched, 'retire', 61 * day);
    expect(namesOf(retired)).toEqual(['fresh']);
    expect(retired.past).toEqual([old]);
    expect([published.seq, switched.seq, retired.seq]).toEqual([2, 3, 4]);
  });

  test.each([
    { name: 'publishing without a new one', state: firstState(old), step: 'publish', other: undefined },
    { name: 'publishing a third', state: published, step: 'publish', other: fresh },
    { name: 'publishing while one retires', state: switched, step: 'publish', other: fresh },
    { name: 'signing by none', state: firstState(old), step: 'switch', other: undefined },
    { name: 'removing none', state: firstState(old), step: 'retire', other: undefined },
  ] as const)('refuses $name', ({ state, step, other }) => {
    expect(() => afterStep<Named>(state, step, 0, other)).toThrow(TypeError);
  });

  test('forgets the oldest of more than 32', () => {
    const many = { ...switched, past: Array.from({ length: 32 }, (_, index) => ({ name: `${index}`, notAfter: 0 })) };
    const { past } = afterStep(many, 'retire', 0);
    expect(past).toHaveLength(32);
    expect(past.map(({ name }) => name)).toEqual([...many.past.slice(1).map(({ name }) => name), 'old']);
  });
});

/** A history: at each moment the state, as one replica that calls often enough sees it. */
function run(
  seconds: readonly number[],
  requests: ReadonlySet<number>,
): readonly { at: number; state: RotationState<Named> }[] {
  let at = 0;
  let made = 0;
  let state = firstState<Named>({ name: '0', notAfter: times.lifetime });
  const history = [{ at, state }];
  seconds.forEach((waited, index) => {
    at += waited;
    const step = dueStep(state, at, times, { isRequested: requests.has(index) });
    if (step === undefined) return;
    made += 1;
    state = afterStep(state, step, at, { name: `${made}`, notAfter: at + times.lifetime });
    history.push({ at, state });
  });
  return history;
}

describe('rotation over a long time', () => {
  const histories = fc
    .tuple(fc.array(fc.integer({ min: 1, max: 6 * 3600 }), { minLength: 50, maxLength: 800 }), fc.array(fc.nat(800)))
    .map(([waits, requests]) => run(waits, new Set(requests)));

  test('never has more than two that are trusted, and its number only grows', () => {
    fc.assert(
      fc.property(histories, (history) => {
        history.forEach(({ state }, index) => {
          expect(trustedOf(state).length).toBeLessThanOrEqual(2);
          expect(state.seq).toBe(index + 1);
        });
      }),
    );
  });

  // An agent fetches the bundle every ten minutes; two hours leave room for a service that is away.
  test('whoever fetched the bundle within two hours trusts every certificate, until it ends', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const trustedAt = (at: number): readonly string[] =>
          namesOf(history.findLast((entry) => entry.at <= at)!.state);
        for (const [index, { at, state }] of history.entries()) {
          const until = history[index + 1]?.at ?? at;
          // The last certificate is issued just before the next step, and lives as long as a leaf can.
          for (const issued of [at, until]) {
            for (const fetched of [issued - 7200, issued, issued + times.leaf]) {
              expect(trustedAt(Math.max(0, fetched))).toContain(state.signing.name);
            }
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
