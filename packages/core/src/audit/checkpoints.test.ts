/** One chain for several replicas, over stores that lose answers. @module */
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  AuditVerifier,
  checkpointHash,
  generateSigningKey,
  publicOf,
  verifyCheckpoint,
  type SigningKey,
} from '@letterlock/crypto';
import type { CheckpointClaims } from '@letterlock/protocol';
import { MemoryStore } from '../store/memory-store.ts';
import type { Store, Transaction } from '../store/store.ts';
import { FakeBarrier } from '../store/testing/fake-barrier.ts';
import { faults, FaultyStore } from '../store/testing/faulty-store.ts';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import type { AuditLine } from './audit-sink.ts';
import { AuditTrail } from './audit-trail.ts';
import { checkpointPaths, Checkpoints } from './checkpoints.ts';
import type { AuditFacts } from './record.ts';

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
const clock = new FixedClock();
const barrier = new FakeBarrier();
const key: SigningKey = generateSigningKey('P-256');

/** One replica with its sink. */
class Replica {
  readonly trail: AuditTrail;
  readonly checkpoints: Checkpoints;
  readonly lines: AuditLine[] = [];
  readonly store: Store;

  constructor(store: Store, replica = 'AAAAAAAAAAA') {
    this.store = store;
    this.trail = new AuditTrail({ replica, barrier, clock });
    const sink = { take: (line: AuditLine): void => void this.lines.push(line) };
    this.trail.settled.onRecord(({ seq, bytes }) =>
      sink.take({ place: { seq }, text: new TextDecoder().decode(bytes) }),
    );
    this.checkpoints = new Checkpoints({ store, trail: this.trail, clock, sink });
    this.checkpoints.use(key);
  }

  async act(count = 1): Promise<void> {
    // As the records of an unseal do.
    await memory.transact({ compare: [], then: this.trail.registration });
    this.trail.registered();
    for (let index = 0; index < count; index += 1) await this.trail.record(this.store, facts);
  }
}

let memory: MemoryStore;
let store: FaultyStore;
let replica: Replica;

beforeEach(() => {
  memory = new MemoryStore();
  store = new FaultyStore(memory);
  replica = new Replica(store);
});

async function stored(n: number | 'head'): Promise<string | undefined> {
  const path = n === 'head' ? checkpointPaths.head : checkpointPaths.at(n);
  const [entry] = (await memory.range({ key: path })).entries;
  return entry === undefined ? undefined : new TextDecoder().decode(entry.value);
}

async function chain(): Promise<readonly CheckpointClaims[]> {
  const claims: CheckpointClaims[] = [];
  for (let n = 1; ; n += 1) {
    const jws = await stored(n);
    if (jws === undefined) return claims;
    claims.push(verifyCheckpoint(jws, publicOf(key)));
  }
}

/** A checkpoint that is being stored, not the look before it. */
function isWrite(transaction: Transaction | undefined): boolean {
  return transaction?.then.some((operation) => operation.do === 'put') === true;
}

function verify(...replicas: readonly Replica[]) {
  const verifier = new AuditVerifier(key.thumbprint);
  for (const [index, { lines }] of replicas.entries()) {
    for (const [at, { text }] of lines.entries()) verifier.add(text, { file: `${index}`, line: at + 1 });
  }
  return verifier.report();
}

describe('Checkpoints', () => {
  test('covers what is new, names the one before, and writes nothing when nothing is new', async () => {
    await replica.act(2);
    expect(await replica.checkpoints.write()).toBe(1);
    expect(await replica.checkpoints.write()).toBeUndefined();
    await replica.act();
    expect(await replica.checkpoints.write()).toBe(2);
    expect(await chain()).toEqual([
      { au: [['AAAAAAAAAAA', 2, expect.any(String)]], n: 1, rev: 4, t: clock.nowSeconds() },
      {
        au: [['AAAAAAAAAAA', 3, expect.any(String)]],
        n: 2,
        prev: checkpointHash((await stored(1))!),
        rev: 6,
        t: clock.nowSeconds(),
      },
    ]);
    expect(await stored('head')).toBe(await stored(2));
    expect(replica.trail.settled.signedThrough).toBe(3);
  });

  test('its lines and those of the records pass the verifier, in order', async () => {
    await replica.act(2);
    await replica.checkpoints.write();
    await replica.act();
    expect(replica.lines.map(({ place }) => place)).toEqual([{ seq: 1 }, { seq: 2 }, { checkpoint: 1 }, { seq: 3 }]);
    expect(verify(replica)).toMatchObject({ findings: [], records: 3, checkpoints: 1, uncovered: 1 });
  });

  test('several replicas write one chain, and each sink has all of it', async () => {
    const replicas = [replica, new Replica(memory, 'BBBBBBBBBBA'), new Replica(memory, 'CCCCCCCCCCA')];
    await Promise.all(replicas.map((each) => each.act(3)));
    await Promise.all(replicas.map((each) => each.checkpoints.write()));
    await Promise.all(replicas.map((each) => each.act()));
    await Promise.all(replicas.map((each) => each.checkpoints.write()));
    await Promise.all(replicas.map((each) => each.checkpoints.write()));
    expect(await chain()).toHaveLength(6);
    for (const { lines } of replicas) {
      expect(lines.flatMap(({ place }) => ('checkpoint' in place ? [place.checkpoint] : []))).toEqual([
        1, 2, 3, 4, 5, 6,
      ]);
    }
    expect(verify(...replicas)).toMatchObject({ findings: [], records: 12, checkpoints: 6, uncovered: 0, replicas: 3 });
  });

  test('does not pass a number whose outcome is open, and reads which record is there', async () => {
    await replica.act();
    store.choose = () => 'answer_lost';
    await expect(replica.act()).rejects.toThrow(unavailable);
    store.choose = () => 'lost';
    await expect(replica.act()).rejects.toThrow(unavailable);
    store.choose = () => 'none';
    await replica.act();
    await replica.checkpoints.write();
    expect((await chain())[0]?.au[0]?.[1]).toBe(1);
    await replica.trail.settleOpen(store, { limit: 10 });
    await replica.checkpoints.write();
    expect((await chain())[1]?.au[0]?.[1]).toBe(4);
    const acts = replica.lines.flatMap(({ place, text }) =>
      'seq' in place ? [(JSON.parse(text) as { act: string }).act] : [],
    );
    expect(acts).toEqual(['wrap.open', 'wrap.open', 'audit.void', 'wrap.open']);
    expect(verify(replica)).toMatchObject({ findings: [], records: 4, uncovered: 0 });
  });

  test('a void number waits for the record that lists it, which is written if no other comes', async () => {
    replica.trail.prepare(facts).settle('not_applied');
    expect(await replica.checkpoints.write()).toBeUndefined();
    await replica.trail.settleOpen(store, { limit: 10 });
    expect(replica.trail.settled.through).toBe(2);
    await replica.checkpoints.write();
    expect(verify(replica)).toMatchObject({ findings: [], records: 1, voids: 1, uncovered: 0 });
    await replica.trail.settleOpen(store, { limit: 10 });
    expect(replica.trail.lastSeq).toBe(2);
  });

  test.each(faults.filter((fault) => fault !== 'delayed'))(
    'no second checkpoint over a run when the answer is not known (%s)',
    async (fault) => {
      await replica.act(2);
      let isFirst = true;
      store.choose = ({ transaction }) => {
        if (!isWrite(transaction) || !isFirst) return 'none';
        isFirst = false;
        return fault;
      };
      await replica.checkpoints.write().catch(() => undefined);
      await store.deliverLate();
      await replica.act();
      await replica.checkpoints.write();
      expect((await chain()).map(({ au }) => au[0]?.[1])).toEqual([2, 3]);
      expect(verify(replica)).toMatchObject({ findings: [], uncovered: 0 });
    },
  );

  test('takes a lost run into the next one when another replica took its place', async () => {
    await replica.act(2);
    store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'late');
    await expect(replica.checkpoints.write()).rejects.toThrow(unavailable);
    store.choose = () => 'none';
    const other = new Replica(memory, 'BBBBBBBBBBA');
    await other.act();
    await other.checkpoints.write();
    await store.deliverLate();
    await replica.act();
    await replica.checkpoints.write();
    expect((await chain()).map(({ au }) => au[0]?.slice(0, 2))).toEqual([
      ['BBBBBBBBBBA', 1],
      ['AAAAAAAAAAA', 3],
    ]);
    expect(verify(replica, other)).toMatchObject({ findings: [], uncovered: 0 });
  });

  test('after a start the last checkpoint is passed on again', async () => {
    await replica.act();
    await replica.checkpoints.write();
    const next = new Replica(memory, 'BBBBBBBBBBA');
    await next.act();
    await next.checkpoints.write();
    expect(next.lines.map(({ place }) => place)).toEqual([{ seq: 1 }, { checkpoint: 1 }, { checkpoint: 2 }]);
  });

  test.each<[string, () => Promise<void>]>([
    ['is gone', () => remove(checkpointPaths.head)],
    ['is an older one', async () => put(checkpointPaths.head, (await stored(1))!)],
  ])('stops when the head of the chain %s', async (_, change) => {
    for (let count = 0; count < 2; count += 1) {
      await replica.act();
      await replica.checkpoints.write();
    }
    await change();
    await replica.act();
    await expect(replica.checkpoints.write()).rejects.toThrow(
      expect.objectContaining({ code: 'internal', reason: 'checkpoint_rolled_back' }),
    );
  });

  test('stops when the head is not by the instance key', async () => {
    const foreign = new Replica(memory, 'BBBBBBBBBBA');
    foreign.checkpoints.use(generateSigningKey('P-256'));
    await foreign.act();
    await foreign.checkpoints.write();
    await replica.act();
    await expect(replica.checkpoints.write()).rejects.toThrow(
      expect.objectContaining({ code: 'internal', reason: 'checkpoint_changed' }),
    );
  });

  test('the last one at a seal covers what came while another was under way, and the key goes', async () => {
    await replica.act();
    store.choose = ({ transaction }) => (isWrite(transaction) ? 'delayed' : 'none');
    const under = replica.checkpoints.write();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    store.choose = () => 'none';
    await replica.act();
    const finished = replica.checkpoints.finish();
    store.release();
    await Promise.all([under, finished]);
    expect((await chain()).map(({ au }) => au[0]?.[1])).toEqual([1, 2]);
    await replica.act();
    expect(await replica.checkpoints.write()).toBeUndefined();
  });

  test('the key goes also when the store does not answer, unless another came', async () => {
    await replica.act();
    store.choose = () => 'lost';
    await expect(replica.checkpoints.finish()).rejects.toThrow(unavailable);
    store.choose = () => 'none';
    expect(await replica.checkpoints.write()).toBeUndefined();
    replica.checkpoints.use(key);
    const finished = replica.checkpoints.finish();
    replica.checkpoints.use({ ...key });
    await finished;
    await replica.act();
    expect(await replica.checkpoints.write()).toBe(2);
  });
});

async function put(path: string, text: string): Promise<void> {
  await memory.transact({ compare: [], then: [{ do: 'put', key: path, value: new TextEncoder().encode(text) }] });
}

async function remove(path: string): Promise<void> {
  await memory.transact({ compare: [], then: [{ do: 'delete', key: path }] });
}
