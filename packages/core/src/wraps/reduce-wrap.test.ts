import { describe, expect, test } from '@jest/globals';
import type { WrapStateName } from '@letterlock/protocol';
import { reduceWrap, type WrapChange, type WrapDecision, type WrapEvent } from './reduce-wrap.ts';
import type { Claim, WrapRecord } from './wrap-record.ts';

const now = 1000;
const claim: Claim = {
  at: 950,
  bhs: ['bh-1'],
  cid: 'cid-1',
  kid: 'reader',
  n: 1,
  proof: 'proof-1',
  until: 1010,
};
const stored: WrapRecord = {
  at: 900,
  eh: 'eh',
  exp: 2000,
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
const { wkey: _, ...tombstone } = stored;
const states: Readonly<Record<WrapStateName, WrapRecord>> = {
  STORED: stored,
  CLAIMED: { ...stored, at: 950, claim, s: 'CLAIMED' },
  OPENED: { ...tombstone, at: 960, claim: { ...claim, aproof: 'aproof-1' }, s: 'OPENED' },
  BURNED: { ...tombstone, at: 960, claim, s: 'BURNED' },
  EXPIRED: { ...tombstone, at: 960, s: 'EXPIRED' },
  REVOKED: { ...tombstone, at: 960, s: 'REVOKED' },
};

const store: WrapEvent = { do: 'store', record: stored, now };
const open: WrapEvent = { do: 'open', by: 'reader', cid: 'cid-1', bh: 'bh-2', proof: 'proof-2', now };
const acknowledge: WrapEvent = { do: 'acknowledge', by: 'reader', cid: 'cid-1', proof: 'aproof-2', now };
const revoke: WrapEvent = { do: 'revoke', by: 'writer', mayDestroy: () => false, now };
const status: WrapEvent = { do: 'status', by: 'writer', now };
const sweep: WrapEvent = { do: 'sweep', tombstoneSeconds: 100, now };
const other = { cid: 'cid-2' } as const;

/** A decision in one word: what a client sees, or the transition. */
function wordOf(decision: WrapDecision): string {
  if (decision.is === 'refuse') return decision.code;
  return decision.is === 'change' ? `${decision.act} → ${decision.next?.s ?? 'nothing'}` : decision.is;
}

describe('reduceWrap() by state and route (protocol.md §4.6)', () => {
  const all: readonly WrapStateName[] = ['STORED', 'CLAIMED', 'OPENED', 'BURNED', 'EXPIRED', 'REVOKED'];
  const table: readonly { readonly event: string; readonly of: WrapEvent; readonly answers: readonly string[] }[] = [
    {
      event: 'open with the same claim id',
      of: open,
      answers: ['wrap.open → CLAIMED', 'wrap.redeliver → CLAIMED', 'gone', 'gone', 'gone', 'gone'],
    },
    {
      event: 'open with another claim id',
      of: { ...open, ...other },
      answers: ['wrap.open → CLAIMED', 'already_claimed', 'gone', 'gone', 'gone', 'gone'],
    },
    {
      event: 'open by another than the recipient',
      of: { ...open, by: 'writer' },
      answers: ['not_found', 'not_found', 'not_found', 'not_found', 'not_found', 'not_found'],
    },
    {
      event: 'acknowledgement with the same claim id',
      of: acknowledge,
      answers: ['conflict', 'wrap.acknowledge → OPENED', 'answer', 'gone', 'gone', 'gone'],
    },
    {
      event: 'acknowledgement with another claim id',
      of: { ...acknowledge, ...other },
      answers: ['conflict', 'already_claimed', 'gone', 'gone', 'gone', 'gone'],
    },
    {
      event: 'acknowledgement by another than the recipient',
      of: { ...acknowledge, by: 'writer' },
      answers: ['not_found', 'not_found', 'not_found', 'not_found', 'not_found', 'not_found'],
    },
    {
      event: 'revocation by the writer',
      of: revoke,
      answers: ['wrap.revoke → REVOKED', 'already_claimed', 'gone', 'gone', 'gone', 'answer'],
    },
    {
      event: 'revocation by a holder of destroy',
      of: { ...revoke, by: 'operator', mayDestroy: (path) => path === 'team-a/db' },
      answers: ['wrap.revoke → REVOKED', 'already_claimed', 'gone', 'gone', 'gone', 'answer'],
    },
    {
      event: 'revocation by the recipient',
      of: { ...revoke, by: 'reader' },
      answers: ['not_found', 'not_found', 'not_found', 'not_found', 'not_found', 'not_found'],
    },
    {
      event: 'status to the writer',
      of: status,
      answers: ['answer', 'answer', 'answer', 'answer', 'answer', 'answer'],
    },
    {
      event: 'status to the recipient',
      of: { ...status, by: 'reader' },
      answers: ['answer', 'answer', 'answer', 'answer', 'answer', 'answer'],
    },
    {
      event: 'status to a stranger',
      of: { ...status, by: 'operator' },
      answers: ['not_found', 'not_found', 'not_found', 'not_found', 'not_found', 'not_found'],
    },
    {
      event: 'the same envelope again',
      of: store,
      answers: ['answer', 'answer', 'answer', 'answer', 'answer', 'answer'],
    },
    {
      event: 'the sweeper before anything is due',
      of: sweep,
      answers: ['rest', 'rest', 'rest', 'rest', 'rest', 'rest'],
    },
    {
      event: 'the sweeper at the end of the window',
      of: { ...sweep, now: 1010 },
      answers: ['rest', 'wrap.burn → BURNED', 'rest', 'rest', 'rest', 'rest'],
    },
    {
      event: 'the sweeper at the expiry',
      of: { ...sweep, now: 2000 },
      answers: ['wrap.expire → EXPIRED', 'wrap.burn → BURNED', 'rest', 'rest', 'rest', 'rest'],
    },
    {
      event: 'the sweeper one second before the tombstone is old enough',
      of: { ...sweep, now: 2099 },
      answers: ['wrap.expire → EXPIRED', 'wrap.burn → BURNED', 'rest', 'rest', 'rest', 'rest'],
    },
    {
      event: 'the sweeper when the tombstone is old enough',
      of: { ...sweep, now: 2100 },
      answers: [
        'wrap.expire → EXPIRED',
        'wrap.burn → BURNED',
        'wrap.purge → nothing',
        'wrap.purge → nothing',
        'wrap.purge → nothing',
        'wrap.purge → nothing',
      ],
    },
    {
      event: 'open, acknowledged before, at the expiry',
      of: { ...open, now: 2000 },
      answers: ['wrap.expire → EXPIRED', 'wrap.burn → BURNED', 'gone', 'gone', 'gone', 'gone'],
    },
    {
      event: 'open with the same claim id at the end of the window',
      of: { ...open, now: 1010 },
      answers: ['wrap.open → CLAIMED', 'wrap.burn → BURNED', 'gone', 'gone', 'gone', 'gone'],
    },
    {
      event: 'acknowledgement of the right claim after the window',
      of: { ...acknowledge, now: 5000 },
      answers: ['wrap.expire → EXPIRED', 'wrap.acknowledge → OPENED', 'answer', 'gone', 'gone', 'gone'],
    },
    {
      event: 'acknowledgement of another claim after the window',
      of: { ...acknowledge, ...other, now: 1010 },
      answers: ['conflict', 'wrap.burn → BURNED', 'gone', 'gone', 'gone', 'gone'],
    },
    {
      event: 'revocation at the end of the window',
      of: { ...revoke, now: 1010 },
      answers: ['wrap.revoke → REVOKED', 'wrap.burn → BURNED', 'gone', 'gone', 'gone', 'answer'],
    },
    {
      event: 'status at the expiry',
      of: { ...status, now: 2000 },
      answers: ['wrap.expire → EXPIRED', 'wrap.burn → BURNED', 'answer', 'answer', 'answer', 'answer'],
    },
    {
      event: 'a stranger at the expiry',
      of: { ...open, by: 'operator', now: 2000 },
      answers: ['not_found', 'not_found', 'not_found', 'not_found', 'not_found', 'not_found'],
    },
  ];
  const cells = table.flatMap(({ event, of, answers }) =>
    all.map((state, index) => ({ state, event, of, answer: answers[index]! })),
  );

  test.each(cells)('$state, $event: $answer', ({ state, of, answer }) => {
    expect(wordOf(reduceWrap(states[state], of))).toBe(answer);
  });

  test.each([
    { event: 'storing', of: store, answer: 'wrap.store → STORED' },
    { event: 'opening', of: open, answer: 'not_found' },
    { event: 'acknowledging', of: acknowledge, answer: 'not_found' },
    { event: 'revoking', of: revoke, answer: 'not_found' },
    { event: 'revoking with destroy on everything', of: { ...revoke, mayDestroy: () => true }, answer: 'not_found' },
    { event: 'status', of: status, answer: 'not_found' },
    { event: 'the sweeper', of: { ...sweep, now: 5000 }, answer: 'rest' },
  ] as const)('nothing there, $event: $answer', ({ of, answer }) => {
    expect(wordOf(reduceWrap(undefined, of))).toBe(answer);
  });

  test.each([
    { name: 'another writer', record: { ...stored, wrt: 'writer-2' } },
    { name: 'another header', record: { ...stored, eh: 'eh-2' } },
    { name: 'another payload', record: { ...stored, ph: 'ph-2' } },
  ])('storing under an identifier in use with $name: conflict', ({ record }) => {
    for (const state of all) expect(wordOf(reduceWrap(states[state], { do: 'store', record, now }))).toBe('conflict');
  });
});

describe('reduceWrap() transitions (protocol.md §9.2)', () => {
  const changeOf = (state: WrapRecord | undefined, event: WrapEvent): WrapChange => {
    const decision = reduceWrap(state, event);
    if (decision.is !== 'change') throw new Error(`Expected a change, got ${decision.is}`);
    return decision;
  };

  test('T0 puts state and envelope', () => {
    expect(changeOf(undefined, store)).toEqual({
      is: 'change',
      act: 'wrap.store',
      next: stored,
      envelope: 'create',
      then: 'answer',
    });
  });

  test('T1 claims for key and claim id, until now plus the window, and fetches the envelope', () => {
    expect(changeOf(stored, open)).toEqual({
      is: 'change',
      act: 'wrap.open',
      next: {
        ...stored,
        at: 1000,
        s: 'CLAIMED',
        claim: { at: 1000, bhs: ['bh-2'], cid: 'cid-1', kid: 'reader', n: 1, proof: 'proof-2', until: 1060 },
      },
      envelope: 'fetch',
      then: 'deliver',
    });
  });

  test('T2 adds the body hash and keeps claim, proof, time and window', () => {
    expect(changeOf(states.CLAIMED, open)).toEqual({
      is: 'change',
      act: 'wrap.redeliver',
      next: { ...states.CLAIMED, claim: { ...claim, bhs: ['bh-1', 'bh-2'], n: 2 } },
      envelope: 'fetch',
      then: 'deliver',
    });
  });

  test('T2 happens seven times', () => {
    let state: WrapRecord | undefined = stored;
    for (let n = 1; n <= 8; n += 1) {
      state = changeOf(state, open).next;
      expect(state?.claim).toMatchObject({ n, bhs: { length: n } });
    }
    expect(reduceWrap(state, open)).toEqual({ is: 'refuse', code: 'already_claimed', reason: 'delivery_limit' });
  });

  test('T2 needs the key as well as the claim id', () => {
    const foreign: WrapRecord = { ...states.CLAIMED, claim: { ...claim, kid: 'somebody-else' } };
    expect(wordOf(reduceWrap(foreign, open))).toBe('already_claimed');
    expect(wordOf(reduceWrap(foreign, acknowledge))).toBe('already_claimed');
    expect(wordOf(reduceWrap({ ...foreign, s: 'OPENED' }, acknowledge))).toBe('gone');
  });

  test.each([
    { name: 'T3', state: states.CLAIMED, event: acknowledge, s: 'OPENED', then: 'answer' },
    { name: 'T4 by the sweeper', state: states.CLAIMED, event: { ...sweep, now: 1010 }, s: 'BURNED', then: 'answer' },
    {
      name: 'T4 by an access',
      state: states.CLAIMED,
      event: { ...open, now: 1010 },
      s: 'BURNED',
      then: 'decide_again',
    },
    { name: 'T5 by the sweeper', state: stored, event: { ...sweep, now: 2000 }, s: 'EXPIRED', then: 'answer' },
    { name: 'T5 by an access', state: stored, event: { ...open, now: 2000 }, s: 'EXPIRED', then: 'decide_again' },
    { name: 'T6', state: stored, event: revoke, s: 'REVOKED', then: 'answer' },
  ] as const)('$name deletes the envelope and leaves what proves the end', ({ state, event, s, then }) => {
    const change = changeOf(state, event);
    expect(change).toMatchObject({
      envelope: 'delete',
      then,
      next: { s, at: event.now, exp: 2000, eh: 'eh', ph: 'ph' },
    });
    expect(change.next).not.toHaveProperty('wkey');
    expect(change.next?.claim?.proof).toBe(state.claim?.proof);
  });

  test('T3 keeps the signed acknowledgement beside the signed opening', () => {
    expect(changeOf(states.CLAIMED, acknowledge).next?.claim).toEqual({ ...claim, aproof: 'aproof-2' });
  });

  test('T7 deletes the record alone', () => {
    expect(changeOf(states.OPENED, { ...sweep, now: 2100 })).toEqual({
      is: 'change',
      act: 'wrap.purge',
      next: undefined,
      envelope: 'leave',
      then: 'answer',
    });
  });

  test('refuses to decide on a claimed record without a claim', () => {
    const { claim: _claim, ...damaged } = states.CLAIMED;
    expect(() => reduceWrap(damaged, open)).toThrow('no claim');
  });
});
