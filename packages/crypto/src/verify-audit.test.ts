/** `audit verify`: one good trail, and rows that differ from it in one place. @module */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { canonicalize, type CheckpointClaims, type JcsObject } from '@letterlock/protocol';
import { auditRecordDigest, AuditRun } from './audit-run.ts';
import { checkpointHash, signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { generateSigningKey, publicOf, type SigningKey } from './keys.ts';
import { AuditVerifier, type AuditFindingKind, type AuditReport } from './verify-audit.ts';

const replica = 'AAAAAAAAAAA';
const other = 'BBBBBBBBBBA';
let instance: SigningKey;
let foreign: SigningKey;

beforeAll(() => {
  instance = generateSigningKey('P-256');
  foreign = generateSigningKey('P-256');
});

function record(seq: number, change: JcsObject = {}): string {
  return canonicalize({
    act: 'wrap.open',
    at: 1_790_000_000 + seq,
    cb: 'exporter',
    factor: 'proof',
    listener: 'direct',
    obj: 'wrap/id',
    outcome: 'ok',
    reason: 'ok',
    rep: replica,
    req: 'request-1',
    seq,
    v: 1,
    void: [],
    who: 'reader',
    ...change,
  });
}

function runOver(records: readonly string[]): string {
  const run = new AuditRun();
  for (const each of records) run.add(auditRecordDigest(each));
  return run.value();
}

function checkpoint(
  claims: Omit<CheckpointClaims, 't' | 'rev'> & { rev?: number },
  key: SigningKey = instance,
): string {
  return signCheckpoint(key, { rev: claims.n * 10, t: 1, ...claims });
}

function lineOf(ckpt: string, key: SigningKey = instance): string {
  return canonicalize({ ckpt, key: { ...publicOf(key).jwk } });
}

/** Records 1, 2, 4, 5 (3 is void) of one replica and 1 of another, three checkpoints, and record 6 after them. */
function makeTrail(key: SigningKey = instance) {
  const records = [record(1), record(2), record(4, { void: [3] }), record(5), record(6)] as const;
  const [r1, r2, r4, r5, r6] = records;
  const b1 = record(1, { rep: other });
  const first = checkpoint({ n: 1, au: [[replica, 2, runOver([r1, r2])]] }, key);
  const second = checkpoint({ n: 2, prev: checkpointHash(first), au: [[other, 1, runOver([b1])]] }, key);
  const third = checkpoint({ n: 3, prev: checkpointHash(second), au: [[replica, 5, runOver([r4, r5])]] }, key);
  return {
    records,
    checkpoints: [first, second, third] as const,
    lines: [r1, r2, lineOf(first, key), b1, lineOf(second, key), r4, r5, lineOf(third, key), r6],
  };
}

function verify(...files: readonly (readonly string[])[]): AuditReport {
  const verifier = new AuditVerifier(instance.thumbprint);
  for (const [index, lines] of files.entries()) {
    for (const [at, line] of lines.entries()) verifier.add(line, { file: `file ${index}`, line: at + 1 });
  }
  return verifier.report();
}

describe('AuditVerifier', () => {
  test('finds nothing in a whole trail, and counts', () => {
    expect(verify(makeTrail().lines)).toEqual({
      findings: [],
      records: 6,
      replicas: 2,
      voids: 1,
      repeated: 0,
      checkpoints: 3,
      uncovered: 1,
      last: { n: 3, t: 1 },
    });
  });

  test('the files of two replicas may each hold the whole chain, and a line may come twice', () => {
    const { lines } = makeTrail();
    const ofOther = lines.filter((line) => line.includes(other) || line.startsWith('{"ckpt"'));
    const ofReplica = lines.filter((line) => !line.includes(other));
    expect(verify(ofOther, ofReplica)).toMatchObject({ findings: [], records: 6, checkpoints: 3, repeated: 3 });
    expect(verify([...lines.slice(0, 2), ...lines])).toMatchObject({ findings: [], records: 6, repeated: 2 });
  });

  test('a trail without a checkpoint is not proved', () => {
    expect(verify([record(1), record(2)])).toMatchObject({ findings: [], records: 2, uncovered: 2, last: undefined });
  });

  const rows: readonly [
    string,
    readonly AuditFindingKind[],
    (trail: ReturnType<typeof makeTrail>) => readonly string[],
  ][] = [
    ['one byte of a record changed', ['changed'], ({ lines }) => lines.with(1, record(2, { who: 'Reader' }))],
    ['one byte of the form changed', ['unreadable', 'gap'], ({ lines }) => lines.with(1, `${lines[1]!} `)],
    ['a covered record removed', ['gap'], ({ lines }) => lines.toSpliced(1, 1)],
    ['all records of a replica removed', ['gap'], ({ lines }) => lines.toSpliced(3, 1)],
    ['a record removed before one that is not covered', ['gap'], ({ lines }) => [...lines, record(8)]],
    ['two records swapped', ['order'], ({ lines }) => lines.with(0, lines[1]!).with(1, lines[0]!)],
    [
      'the contents of two numbers swapped',
      ['changed'],
      ({ lines }) => lines.with(0, record(1, { at: 1_790_000_002 })).with(1, record(2, { at: 1_790_000_001 })),
    ],
    ['a number with two records', ['duplicate'], ({ lines }) => [...lines, record(2, { who: 'somebody' })]],
    ['the first checkpoint removed', ['checkpoint_missing'], ({ lines }) => lines.toSpliced(2, 1)],
    ['a checkpoint removed', ['checkpoint_missing'], ({ lines }) => lines.toSpliced(4, 1)],
    [
      'a checkpoint by another key, which stands beside it',
      ['signature', 'checkpoint_missing'],
      ({ lines }) => lines.with(4, makeTrail(foreign).lines[4]!),
    ],
    [
      'a checkpoint by another key beside the right key',
      ['signature', 'checkpoint_missing'],
      ({ lines }) => lines.with(4, lineOf(makeTrail(foreign).checkpoints[1])),
    ],
    [
      'another checkpoint of the same number',
      ['link'],
      ({ lines, checkpoints }) => [
        ...lines,
        lineOf(checkpoint({ n: 2, prev: checkpointHash(checkpoints[0]), au: [[other, 2, runOver([])]] })),
      ],
    ],
    [
      'a checkpoint that names another one before it',
      ['link'],
      ({ lines, records }) =>
        lines.with(
          7,
          lineOf(checkpoint({ n: 3, prev: checkpointHash('x'), au: [[replica, 5, runOver(records.slice(2, 4))]] })),
        ),
    ],
    [
      'a checkpoint of an older revision',
      ['link'],
      ({ lines, checkpoints, records }) =>
        lines.with(
          7,
          lineOf(
            checkpoint({
              n: 3,
              rev: 5,
              prev: checkpointHash(checkpoints[1]),
              au: [[replica, 5, runOver(records.slice(2, 4))]],
            }),
          ),
        ),
    ],
    [
      'a checkpoint that goes back',
      ['link'],
      ({ lines, checkpoints }) => [
        ...lines,
        lineOf(checkpoint({ n: 4, prev: checkpointHash(checkpoints[2]), au: [[replica, 4, runOver([])]] })),
      ],
    ],
    ['a record for a void number', ['order', 'void', 'changed'], ({ lines }) => lines.toSpliced(8, 0, record(3))],
    ['a void number that is declared no more', ['gap'], ({ lines }) => lines.with(5, record(4))],
    ['a line of something else', ['unreadable'], ({ lines }) => [...lines, '{"level":"info"}']],
    ['a checkpoint without its key', ['unreadable'], ({ lines }) => [...lines, '{"ckpt":"AA.AA.AA"}']],
  ];

  test.each(rows)('%s', (_, kinds, change) => {
    const found = verify(change(makeTrail())).findings.map(({ kind }) => kind);
    expect(found.toSorted()).toEqual(kinds.toSorted());
  });

  test('finds a trail that ends before a checkpoint that is known to exist', () => {
    const { lines } = makeTrail();
    const verifier = new AuditVerifier(instance.thumbprint);
    for (const [at, line] of lines.slice(0, 5).entries()) verifier.add(line, { file: 'file', line: at + 1 });
    expect(verifier.report({ through: 2 }).findings).toEqual([]);
    expect(verifier.report({ through: 3 }).findings).toEqual([
      { kind: 'checkpoint_missing', what: 'Missing: checkpoints 3' },
    ]);
  });

  test('names replica, numbers and place', () => {
    const { lines } = makeTrail();
    expect(verify(lines.with(6, record(5, { who: 'Reader' }))).findings).toEqual([
      {
        kind: 'changed',
        what: `Records 3 to 5 of replica ${replica} are not those that checkpoint 3 was made over`,
        file: 'file 0',
        line: 8,
      },
    ]);
    expect(verify(lines.toSpliced(0, 2)).findings).toEqual([
      { kind: 'gap', what: `Missing: records 1 to 2 of replica ${replica}` },
    ]);
  });
});

describe('verifyCheckpoint()', () => {
  const claims: CheckpointClaims = { au: [[replica, 1, runOver([])]], n: 1, rev: 1, t: 1 };

  test('gives the claims back', () => {
    expect(verifyCheckpoint(signCheckpoint(instance, claims), publicOf(instance))).toEqual(claims);
  });

  test('refuses another key', () => {
    expect(() => verifyCheckpoint(signCheckpoint(foreign, claims), publicOf(instance))).toThrow(
      expect.objectContaining({ code: 'bad_proof' }),
    );
  });
});
