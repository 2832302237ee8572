/** What a killed process left is covered by another, whether or not it was dead, and the verifier is as strict as before. @module */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { AuditVerifier, generateSigningKey, publicOf, verifyCheckpoint, type SigningKey } from '@letterlock/crypto';
import { MemoryStore } from '../store/memory-store.ts';
import { FakeBarrier } from '../store/testing/fake-barrier.ts';
import { FaultyStore } from '../store/testing/faulty-store.ts';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import type { AuditLine } from './audit-sink.ts';
import { AuditTrail } from './audit-trail.ts';
import { checkpointPaths, Checkpoints } from './checkpoints.ts';
import { commitChange } from './commit-change.ts';
import { LeftRecords, quietSeconds } from './left-records.ts';
import type { AuditFacts } from './record.ts';
import { putReplica, replicaRegister } from './replica-register.ts';

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
const key: SigningKey = generateSigningKey('P-256');
const text = new TextDecoder();

let clock: FixedClock;
let memory: MemoryStore;
let barrier: FakeBarrier;

/** One process with its sink; its first records are those of an unseal, which enter it in the register. */
class Replica {
  readonly name: string;
  readonly trail: AuditTrail;
  readonly checkpoints: Checkpoints;
  readonly left: LeftRecords;
  readonly lines: AuditLine[] = [];
  readonly store = new FaultyStore(memory);

  constructor(name: string) {
    const { store, lines } = this;
    this.name = name;
    this.trail = new AuditTrail({ replica: name, barrier, clock });
    const sink = { take: (line: AuditLine): void => void lines.push(line) };
    this.trail.settled.onRecord(({ seq, bytes }) => sink.take({ place: { seq }, text: text.decode(bytes) }));
    this.checkpoints = new Checkpoints({ store, trail: this.trail, clock, sink });
    this.checkpoints.use(key);
    const { trail, checkpoints } = this;
    this.left = new LeftRecords({ store, trail, checkpoints, clock, sink, flush: async () => {} });
  }

  async start(): Promise<this> {
    await this.store.transact({ compare: [], then: this.trail.registration });
    this.trail.registered();
    await this.act();
    return this;
  }

  async act(count = 1): Promise<void> {
    for (let index = 0; index < count; index += 1) await this.trail.record(this.store, facts);
  }

  /** Takes a number and is killed before the transaction reaches the store. */
  leaveOpen() {
    return this.trail.prepare(facts);
  }

  /** Looks, and looks again when what it found has stood for long enough. */
  async coverAfter(seconds = quietSeconds): Promise<readonly string[]> {
    await this.left.cover();
    clock.advance(seconds);
    return this.left.cover();
  }
}

let killed: Replica;
let other: Replica;

beforeEach(async () => {
  clock = new FixedClock();
  memory = new MemoryStore();
  barrier = new FakeBarrier();
  killed = await new Replica('KILLEDAAAAA').start();
  other = await new Replica('OTHERAAAAAA').start();
});

function linesOf(...replicas: readonly Replica[]): readonly (readonly string[])[] {
  return replicas.map(({ lines }) => lines.map((line) => line.text));
}
function verify(files: readonly (readonly string[])[]) {
  const verifier = new AuditVerifier(key.thumbprint);
  for (const [index, lines] of files.entries()) {
    for (const [at, line] of lines.entries()) verifier.add(line, { file: `${index}`, line: at + 1 });
  }
  return verifier.report();
}
async function register(): Promise<readonly string[]> {
  const { entries } = await memory.range({ prefix: replicaRegister, limit: 10 });
  return entries.map(({ key: at, value }) => `${at.slice(replicaRegister.length)} ${text.decode(value)}`);
}

describe('LeftRecords', () => {
  test('covers what a process left since its last checkpoint, and strikes it off', async () => {
    await killed.checkpoints.write();
    await killed.act(3);
    expect(await register()).toEqual(['KILLEDAAAAA 1', 'OTHERAAAAAA 0']);
    expect(await other.coverAfter()).toEqual(['KILLEDAAAAA']);
    await other.checkpoints.write();
    expect(await register()).toEqual(['OTHERAAAAAA 1']);
    expect(verify(linesOf(killed, other))).toMatchObject({ findings: [], records: 5, uncovered: 0, checkpoints: 3 });
    expect(await other.left.cover()).toEqual([]);
  });

  test('covers a process that never wrote a checkpoint', async () => {
    await killed.act(2);
    expect(await other.coverAfter()).toEqual(['KILLEDAAAAA']);
    const { value } = (await memory.range({ key: checkpointPaths.head })).entries[0]!;
    expect(verifyCheckpoint(text.decode(value), publicOf(key)).au).toEqual([['KILLEDAAAAA', 3, expect.any(String)]]);
  });

  test('gives its own sinks the lines, in order, so that they are somewhere', async () => {
    await killed.act(70);
    killed.lines.length = 0;
    await other.coverAfter();
    await other.checkpoints.write();
    const places = other.lines.flatMap(({ place }) => ('of' in place ? [place.seq] : []));
    expect(places).toEqual(Array.from({ length: 71 }, (_, index) => index + 1));
    expect(verify(linesOf(other))).toMatchObject({ findings: [], uncovered: 0 });
  });

  test('closes a number that was left open: what is under way for it can never be applied', async () => {
    const open = killed.leaveOpen();
    await killed.act(2);
    expect(await other.coverAfter()).toEqual(['KILLEDAAAAA']);
    await other.checkpoints.write();
    expect(verify(linesOf(killed, other))).toMatchObject({ findings: [], records: 5, uncovered: 0 });
    expect(other.lines.map((line) => line.text)).toContainEqual(expect.stringContaining('"replica_ended"'));
    const late = await memory.transact({ compare: [open.compare], then: [open.put], otherwise: [open.get] });
    expect(late.succeeded).toBe(false);
    expect(open.outcomeOf(late.succeeded, late.entries[0])).toBe('taken');
  });

  test('closes none that a later record declares void, nor one behind the last record', async () => {
    killed.leaveOpen().settle('not_applied');
    await killed.act();
    killed.leaveOpen();
    await other.coverAfter();
    await other.checkpoints.write();
    expect(verify(linesOf(killed, other))).toMatchObject({ findings: [], records: 3, voids: 1, uncovered: 0 });
  });

  test('is in no hurry: a process that lives covers its records itself', async () => {
    await killed.act();
    expect(await other.coverAfter(quietSeconds - 1)).toEqual([]);
    await killed.checkpoints.write();
    await killed.act();
    expect(await other.coverAfter(1)).toEqual([]);
    expect(await other.coverAfter(quietSeconds - 2)).toEqual([]);
  });

  test('counts from the first record that stood uncovered, not from the last checkpoint', async () => {
    await killed.checkpoints.write();
    await other.coverAfter(quietSeconds * 10);
    await killed.act();
    expect(await other.coverAfter(quietSeconds - 1)).toEqual([]);
    expect(await other.coverAfter(1)).toEqual(['KILLEDAAAAA']);
  });

  test('of two replicas one covers', async () => {
    const third = await new Replica('THIRDAAAAAA').start();
    await killed.act();
    for (const replica of [other, third]) await replica.left.cover();
    clock.advance(quietSeconds);
    // Both decide on the same state; the store decides between them.
    const covered = await Promise.all([other, third].map((replica) => replica.left.cover()));
    expect(covered.flat().filter((name) => name === 'KILLEDAAAAA')).toHaveLength(1);
    for (const replica of [other, third]) await replica.checkpoints.write();
    expect(verify(linesOf(killed, other, third)).findings).toEqual([]);
  });

  test('strikes off who was silent for an hour; who lives enters itself again', async () => {
    await killed.checkpoints.write();
    await other.checkpoints.write();
    await other.coverAfter(3599);
    expect(await register()).toEqual(['KILLEDAAAAA 1', 'OTHERAAAAAA 1']);
    await other.coverAfter(1);
    expect(await register()).toEqual(['OTHERAAAAAA 1']);
    await killed.checkpoints.write();
    expect(await register()).toEqual(['KILLEDAAAAA 1', 'OTHERAAAAAA 1']);
  });

  test('a process that ends well leaves the register; one with open numbers stays in it', async () => {
    await killed.checkpoints.write();
    await killed.checkpoints.leave();
    await other.act();
    await other.checkpoints.leave();
    expect(await register()).toEqual(['OTHERAAAAAA 0']);
  });

  test.each([
    { name: 'a number that is none', put: { ...putReplica('KILLEDAAAAA', 0), value: Buffer.from('-1') } },
    { name: 'a name that is none', put: { ...putReplica('A', 0) } },
  ])('notices $name in the register', async ({ put }) => {
    await memory.transact({ compare: [], then: [put] });
    await expect(other.left.cover()).rejects.toMatchObject({ code: 'internal', reason: 'checkpoint_changed' });
  });
});

describe('a process that was taken for dead and is not', () => {
  test('goes on after the checkpoint that covers it', async () => {
    await killed.act(4);
    await other.coverAfter();
    await killed.act(2);
    await killed.checkpoints.write();
    await other.checkpoints.write();
    await killed.act();
    await killed.checkpoints.write();
    expect(verify(linesOf(killed, other))).toMatchObject({ findings: [], records: 9, uncovered: 0, checkpoints: 4 });
    expect(await register()).toEqual(['KILLEDAAAAA 8', 'OTHERAAAAAA 1']);
  });

  test('also when its own checkpoint was on its way', async () => {
    await killed.act(2);
    killed.store.choose = ({ transaction }) =>
      transaction?.then.some((operation) => operation.do === 'put' && operation.key === checkpointPaths.head) === true
        ? 'late'
        : 'none';
    await expect(killed.checkpoints.write()).rejects.toMatchObject({ code: 'unavailable' });
    await other.coverAfter();
    await killed.store.deliverLate();
    killed.store.choose = () => 'none';
    await killed.act();
    await killed.checkpoints.write();
    await other.checkpoints.write();
    expect(verify(linesOf(killed, other))).toMatchObject({ findings: [], uncovered: 0 });
  });

  test('does not take the record that closed its number for its own: the change is known not to have happened', async () => {
    const { store, trail } = killed;
    const put = { do: 'put', key: 'changed', value: new Uint8Array(1) } as const;
    store.choose = ({ transaction }) => (transaction?.then.includes(put) === true ? 'delayed' : 'none');
    const change = commitChange(store, trail, facts, { compare: [], then: [put] });
    store.choose = () => 'none';
    await killed.act();
    await other.coverAfter();
    store.release();
    expect(await change).toEqual({ isApplied: false });
    expect((await memory.range({ key: 'changed' })).entries).toEqual([]);
    await trail.settleOpen(store, { limit: 10 });
    await killed.checkpoints.write();
    await other.checkpoints.write();
    expect(verify(linesOf(killed, other))).toMatchObject({ findings: [], uncovered: 0 });
  });
});

describe('the verifier over records that another process covered', () => {
  beforeEach(async () => {
    killed.leaveOpen();
    await killed.act(3);
    await other.coverAfter();
    await other.checkpoints.write();
  });

  test.each([
    {
      name: 'a record that is missing',
      kind: 'gap',
      change: (line: string) => (/"seq":4,/.test(line) ? undefined : line),
    },
    {
      name: 'the closing record that is missing',
      kind: 'gap',
      change: (line: string) => (line.includes('replica_ended') ? undefined : line),
    },
    {
      name: 'a record that was changed',
      kind: 'changed',
      change: (line: string) => line.replace(/"req":"request-1"(?=.*"seq":4,)/, '"req":"request-2"'),
    },
    {
      name: 'a checkpoint that is missing',
      kind: 'checkpoint_missing',
      change: (line: string) =>
        line === other.lines.find(({ place }) => 'checkpoint' in place)?.text ? undefined : line,
    },
  ])('finds $name', ({ kind, change }) => {
    const files = linesOf(killed, other).map((lines) =>
      lines.map((line) => change(line)).filter((line) => line !== undefined),
    );
    expect(verify(linesOf(killed, other)).findings).toEqual([]);
    expect(verify(files).findings.map((finding) => finding.kind)).toContain(kind);
  });
});
