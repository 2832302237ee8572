import { describe, expect, test } from '@jest/globals';
import { canonicalize, type JcsObject } from '@letterlock/protocol';
import fc from 'fast-check';
import { isLive, reduceWrap, type WrapEvent } from './reduce-wrap.ts';
import { writeRecord, type WrapRecord } from './wrap-record.ts';

const stored: WrapRecord = {
  at: 100,
  eh: 'eh',
  exp: 1000,
  id: 'id',
  path: 'team-a/db',
  ph: 'ph',
  rcp: 'k:reader',
  s: 'STORED',
  v: 1,
  win: 60,
  wkey: { crv: 'P-256', kty: 'EC', x: 'x', y: 'y' },
  wrt: 'writer',
};

const who = fc.constantFrom('reader', 'writer', 'operator', 'stranger');
const cid = fc.constantFrom('c1', 'c2');
/** Clocks of several replicas: not in order. */
const now = fc.integer({ min: 0, max: 1300 });
const event: fc.Arbitrary<WrapEvent> = fc.oneof(
  fc.record({ do: fc.constant('open' as const), by: who, cid, bh: fc.uuid(), proof: fc.constant('p'), now }),
  fc.record({ do: fc.constant('acknowledge' as const), by: who, cid, proof: fc.constant('a'), now }),
  fc.record({
    do: fc.constant('revoke' as const),
    by: who,
    mayDestroy: fc.constantFrom(
      () => false,
      () => true,
    ),
    now,
  }),
  fc.record({ do: fc.constant('status' as const), by: who, now }),
  fc.record({ do: fc.constant('sweep' as const), tombstoneSeconds: fc.constant(100), now }),
  fc.record({ do: fc.constant('store' as const), record: fc.constant(stored), now }),
);

interface Step {
  readonly before: WrapRecord | undefined;
  readonly event: WrapEvent;
  readonly decision: ReturnType<typeof reduceWrap>;
  readonly after: WrapRecord | undefined;
}

/** One history until the record is purged. */
function historyOf(events: readonly WrapEvent[]): Step[] {
  const steps: Step[] = [];
  let state: WrapRecord | undefined = stored;
  for (const each of events) {
    if (state === undefined) break;
    const decision = reduceWrap(state, each);
    const after: WrapRecord | undefined = decision.is === 'change' ? decision.next : state;
    steps.push({ before: state, event: each, decision, after });
    state = after;
  }
  return steps;
}

const history = fc.array(event, { maxLength: 40 }).map(historyOf);

describe('reduceWrap(), whatever happens in whatever order', () => {
  test('gives the envelope to one key and claim id, at most eight times', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const given = steps.flatMap(({ event: each, decision }) =>
          each.do === 'open' && decision.is === 'change' && decision.then === 'deliver'
            ? [`${each.by} ${each.cid}`]
            : [],
        );
        expect(new Set(given).size).toBeLessThanOrEqual(1);
        expect(given.length).toBeLessThanOrEqual(8);
        expect(given.filter((each) => !each.startsWith('reader '))).toEqual([]);
      }),
    );
  });

  test('fetches the envelope only to deliver it, and deletes it exactly when the wrap ends', () => {
    fc.assert(
      fc.property(history, (steps) => {
        for (const { before, decision, after } of steps) {
          if (decision.is !== 'change') continue;
          expect(decision.envelope === 'fetch').toBe(decision.then === 'deliver');
          const ends = before !== undefined && isLive(before.s) && after !== undefined && !isLive(after.s);
          expect(decision.envelope === 'delete').toBe(ends);
        }
      }),
    );
  });

  test('never forgets or changes a claim, and every claim lists as many requests as deliveries', () => {
    fc.assert(
      fc.property(history, (steps) => {
        for (const { before, after } of steps) {
          if (after?.claim === undefined) continue;
          const { kid, cid: id, n, bhs } = after.claim;
          expect(bhs).toHaveLength(n);
          const claim = before?.claim ?? after.claim;
          expect([kid, id, bhs.slice(0, claim.n)]).toEqual([claim.kid, claim.cid, claim.bhs]);
        }
        for (const { before, after } of steps)
          expect(before?.claim !== undefined && after !== undefined && after.claim === undefined).toBe(false);
      }),
    );
  });

  test('never leaves an end but to be purged', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const left = steps.filter(
          ({ before, after }) => before && !isLive(before.s) && after !== undefined && after.s !== before.s,
        );
        expect(left).toEqual([]);
      }),
    );
  });

  test('tells a stranger the same as if there were nothing, and changes nothing for it', () => {
    fc.assert(
      fc.property(history, event, (steps, each) => {
        fc.pre(each.do !== 'store' && each.do !== 'sweep');
        const asStranger: WrapEvent = {
          ...each,
          by: 'stranger',
          ...(each.do === 'revoke' ? { mayDestroy: () => false } : {}),
        };
        const state = steps.at(-1)?.after;
        fc.pre(state !== undefined);
        const [told, absent] = [reduceWrap(state, asStranger), reduceWrap(undefined, asStranger)];
        expect([told.is, 'code' in told ? told.code : '']).toEqual([absent.is, 'code' in absent ? absent.code : '']);
      }),
    );
  });

  test('decides again in at most one more step after time had passed', () => {
    fc.assert(
      fc.property(history, event, (steps, each) => {
        const state = steps.at(-1)?.after;
        const first = reduceWrap(state, each);
        fc.pre(first.is === 'change' && first.then === 'decide_again');
        const second = first.is === 'change' ? reduceWrap(first.next, each) : first;
        expect(second.is === 'change' && second.then === 'decide_again').toBe(false);
      }),
    );
  });

  test('changes nothing that it is given', () => {
    fc.assert(
      fc.property(history, event, (steps, each) => {
        const state = steps.at(-1)?.after;
        const before = JSON.stringify(state);
        reduceWrap(state, each);
        expect(JSON.stringify(state)).toBe(before);
      }),
    );
  });

  test('makes records that are written in canonical form', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const records = steps.flatMap(({ after }) => after ?? []);
        expect(records.map(writeRecord)).toEqual(records.map((each) => canonicalize(each as unknown as JcsObject)));
      }),
    );
  });
});
