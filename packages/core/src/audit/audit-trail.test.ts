import { beforeEach, describe, expect, test } from '@jest/globals';
import { parseCanonical, ProblemError } from '@letterlock/protocol';
import { MemoryStore } from '../store/memory-store.ts';
import { FakeBarrier } from '../store/testing/fake-barrier.ts';
import { faults, FaultyStore, type Fault } from '../store/testing/faulty-store.ts';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { AuditTrail, auditPath, type PreparedAudit } from './audit-trail.ts';
import type { AuditFacts, AuditRecord } from './record.ts';

const replica = 'AAAAAAAAAAA';
const facts: AuditFacts = {
  act: 'wrap.open',
  who: 'reader',
  factor: 'proof',
  listener: 'direct',
  cb: 'exporter',
  obj: 'wrap/id',
  outcome: 'ok',
  reason: 'ok',
  req: 'request-1',
};
const unavailable = expect.objectContaining({ code: 'unavailable' });

let memory: MemoryStore;
let store: FaultyStore;
let trail: AuditTrail;
const barrier = new FakeBarrier();
const clock = new FixedClock();

beforeEach(() => {
  memory = new MemoryStore();
  store = new FaultyStore(memory);
  trail = new AuditTrail({ replica, barrier, clock });
});

async function recordAt(seq: number): Promise<AuditRecord | undefined> {
  const path = auditPath(replica, seq);
  const [entry] = (await memory.range({ key: barrier.keyOf(path) })).entries;
  return entry === undefined ? undefined : (parseCanonical(barrier.open(path, entry.value)) as unknown as AuditRecord);
}

/** Every number is stored, listed as void by a stored record, or still open. */
async function unaccounted(): Promise<number[]> {
  const numbers = Array.from({ length: trail.lastSeq }, (_, index) => index + 1);
  const records = await Promise.all(numbers.map((seq) => recordAt(seq)));
  const listed = records.flatMap((record) => record?.void ?? []);
  return numbers.filter((seq, index) => records[index] === undefined && !listed.includes(seq));
}

function commit(prepared: PreparedAudit, at: FaultyStore | MemoryStore = store) {
  return at.transact({ compare: [prepared.compare], then: [prepared.put], otherwise: [prepared.get] });
}

describe('AuditTrail', () => {
  test('numbers from 1, seals the whole record at its path', async () => {
    await commit(trail.prepare(facts));
    expect(await recordAt(1)).toEqual({ ...facts, v: 1, rep: replica, seq: 1, at: clock.nowSeconds(), void: [] });
    expect(trail.prepare(facts).seq).toBe(2);
  });

  test('takes nothing from a caller’s object but the facts', async () => {
    const more = { ...facts, content: 'must not be kept' };
    await trail.record(store, more);
    expect(await recordAt(1)).not.toHaveProperty('content');
  });

  test('lists a number whose transaction did not happen in the next record', async () => {
    trail.prepare(facts).settle('not_applied');
    await trail.record(store, facts);
    expect(await recordAt(2)).toMatchObject({ seq: 2, void: [1] });
    await trail.record(store, facts);
    expect(await recordAt(3)).toMatchObject({ void: [] });
  });

  test('lists it again when the record that listed it did not happen either', async () => {
    trail.prepare(facts).settle('not_applied');
    trail.prepare(facts).settle('not_applied');
    await trail.record(store, facts);
    expect(await recordAt(3)).toMatchObject({ void: [1, 2] });
  });

  test('keeps a record from being listed after it was settled as applied', async () => {
    const prepared = trail.prepare(facts);
    prepared.settle('applied');
    prepared.settle('not_applied');
    await trail.record(store, facts);
    expect(await recordAt(2)).toMatchObject({ void: [] });
  });

  test('lists at most 256 numbers in a record and forgets none', async () => {
    for (let count = 0; count < 300; count += 1) trail.prepare(facts).settle('not_applied');
    await trail.record(store, facts);
    await trail.record(store, facts);
    expect([(await recordAt(301))?.void.length, (await recordAt(302))?.void.length]).toEqual([256, 44]);
    expect(await unaccounted()).toEqual([]);
  });

  test('takes no number and forgets none when the barrier does not seal', async () => {
    let isSealed = false;
    const sealing = new AuditTrail({
      replica,
      clock,
      barrier: {
        keyOf: (path) => barrier.keyOf(path),
        open: (path, record) => barrier.open(path, record),
        seal: (path, plaintext) => {
          if (isSealed) throw new ProblemError('sealed');
          return barrier.seal(path, plaintext);
        },
      },
    });
    sealing.prepare(facts).settle('not_applied');
    isSealed = true;
    expect(() => sealing.prepare(facts)).toThrow(expect.objectContaining({ code: 'sealed' }));
    isSealed = false;
    await sealing.record(store, facts);
    expect(await recordAt(2)).toMatchObject({ void: [1] });
  });

  test('a number can be stored once', async () => {
    const prepared = trail.prepare(facts);
    expect((await commit(prepared)).succeeded).toBe(true);
    expect(await commit(prepared)).toMatchObject({ succeeded: false, entries: [expect.anything()] });
  });
});

describe('AuditTrail.resolve()', () => {
  test('fills a number that was not stored, and what is under way can never be applied', async () => {
    store.choose = () => 'late';
    const prepared = trail.prepare(facts);
    await expect(commit(prepared)).rejects.toThrow(unavailable);
    prepared.settle('unknown');
    expect(trail.openOutcomes).toBe(1);
    store.choose = () => 'none';
    expect(await trail.resolve(store, { limit: 10 })).toBe(1);
    await store.deliverLate();
    expect(await recordAt(1)).toMatchObject({
      act: 'audit.void',
      outcome: 'refused',
      reason: 'outcome_unknown',
      void: [1],
    });
    expect(trail.openOutcomes).toBe(0);
  });

  test('finds a number that was stored, and leaves it', async () => {
    store.choose = () => 'answer_lost';
    const prepared = trail.prepare(facts);
    await expect(commit(prepared)).rejects.toThrow(unavailable);
    prepared.settle('unknown');
    store.choose = () => 'none';
    expect(await trail.resolve(store, { limit: 10 })).toBe(1);
    expect(await recordAt(1)).toMatchObject({ act: 'wrap.open', void: [] });
    expect(trail.openOutcomes).toBe(0);
  });

  test('keeps what a lost record would have listed', async () => {
    trail.prepare(facts).settle('not_applied');
    trail.prepare(facts).settle('unknown');
    await trail.resolve(store, { limit: 10 });
    expect(await recordAt(2)).toMatchObject({ void: [1, 2] });
    expect(await unaccounted()).toEqual([]);
  });

  test('settles no more than its limit, and keeps the rest when the store does not answer', async () => {
    for (let count = 0; count < 5; count += 1) trail.prepare(facts).settle('unknown');
    expect(await trail.resolve(store, { limit: 2 })).toBe(2);
    store.choose = () => 'lost';
    await expect(trail.resolve(store, { limit: 2 })).rejects.toThrow(unavailable);
    expect(trail.openOutcomes).toBe(3);
  });

  test('4,096 open numbers block the trail until they are settled', async () => {
    for (let count = 0; count < 4096; count += 1) trail.prepare(facts).settle('unknown');
    expect(trail.isBlocked).toBe(true);
    expect(() => trail.prepare(facts)).toThrow(
      expect.objectContaining({ code: 'unavailable', reason: 'audit_blocked' }),
    );
    await trail.resolve(store, { limit: 1 });
    expect(trail.prepare(facts).seq).toBe(4097);
  });
});

describe('AuditTrail.record()', () => {
  test('stores a record of its own', async () => {
    await trail.record(store, { ...facts, outcome: 'refused', reason: 'not_a_party' });
    expect(await recordAt(1)).toMatchObject({ outcome: 'refused', reason: 'not_a_party' });
  });

  test('believes its own record more than a reply to a second sending', async () => {
    store.choose = () => 'sent_twice';
    await expect(trail.record(store, facts)).resolves.toBeUndefined();
    expect(await unaccounted()).toEqual([]);
  });

  test.each(faults.filter((fault) => fault !== 'delayed' && fault !== 'sent_twice'))(
    'throws when the store does not answer (%s), and every number is accounted for later',
    async (fault: Fault) => {
      store.choose = () => fault;
      await expect(trail.record(store, facts)).rejects.toThrow(unavailable);
      store.choose = () => 'none';
      await trail.record(store, facts);
      await trail.resolve(store, { limit: 10 });
      await store.deliverLate();
      expect(await unaccounted()).toEqual([]);
      expect(trail.openOutcomes).toBe(0);
    },
  );
});
