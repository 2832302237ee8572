/** Payloads of signed objects: what belongs together, and every member that is not optional. @module */
import { describe, expect, test } from '@jest/globals';
import {
  auditRecordClaims,
  checkpointClaims,
  deliveryClaims,
  envelopeHeader,
  envelopeSignatureClaims,
  grant,
  keysetClaims,
  operationClaims,
  operations,
  proofClaims,
  readClaims,
  receiptClaims,
  stateClaims,
  transcriptClaims,
  unsealClaims,
} from './claims.ts';
import { canonicalize, type JcsObject, type JcsValue } from './jcs.ts';
import type { Reader } from './shape.ts';

const hash = `${'a'.repeat(42)}A`;
const id = `${'a'.repeat(21)}A`;
const nonce = `${'a'.repeat(53)}A`.replace(/.$/, 'A');
const iat = 1_790_000_000;
const jwk = { crv: 'P-256', kty: 'EC', x: hash, y: hash };
const workload = 'spiffe://prod.example/ns/team-a/sa/app';
const other = `${'b'.repeat(42)}A`;

const once: JcsObject = {
  enc: 'inline',
  exp: iat + 86_400,
  iat,
  id,
  kc: hash,
  kind: 'once',
  mode: 'e2e',
  path: 'team-a/db',
  rcp: [`k:${hash}`],
  v: 1,
  ver: 1,
  win: 60,
  wrt: hash,
};
const { exp: _, win: __, ...withoutTimes } = once;
const kv: JcsObject = { ...withoutTimes, kind: 'kv', ver: 7 };
const svc: JcsObject = { ...once, mode: 'svc', rcp: [workload], bnd: 'team-a/app' };
const withDefined = (base: JcsObject, change: Readonly<Record<string, unknown>>): JcsValue =>
  Object.fromEntries(Object.entries({ ...base, ...change }).filter(([, value]) => value !== undefined)) as JcsObject;

describe('envelopeHeader', () => {
  test.each([
    { name: 'once e2e', base: once, change: {} },
    { name: 'once svc', base: svc, change: {} },
    { name: 'kv e2e', base: kv, change: {} },
    { name: 'kv with expiry', base: kv, change: { exp: iat + 1 } },
    {
      name: 'kv to sixteen readers',
      base: kv,
      change: { rcp: Array.from({ length: 16 }, (_item, index) => `k:${String.fromCharCode(97 + index).repeat(42)}A`) },
    },
    {
      name: 'kv svc with a break-glass reader behind the selectors',
      base: kv,
      change: { mode: 'svc', bnd: 'team-a/app', rcp: [workload, `${workload}-2`, `k:${hash}`] },
    },
    { name: 'once for thirty days', base: once, change: { exp: iat + 30 * 86_400 } },
    { name: 'the shortest window', base: once, change: { win: 15 } },
    { name: 'the longest window', base: once, change: { win: 900 } },
  ])('reads $name', ({ base, change }) => {
    const value = withDefined(base, change);
    expect(envelopeHeader(value, '')).toEqual(value);
  });

  test.each<{ name: string; base?: JcsObject; change: Readonly<Record<string, unknown>>; code?: string }>([
    { name: 'once without expiry', change: { exp: undefined } },
    { name: 'once without window', change: { win: undefined } },
    { name: 'once for longer than thirty days', change: { exp: iat + 30 * 86_400 + 1 } },
    { name: 'once that expires when it is issued', change: { exp: iat } },
    { name: 'once of version 2', change: { ver: 2 } },
    { name: 'once for two readers', change: { rcp: [`k:${hash}`, `k:${other}`] } },
    { name: 'kv with a window', base: kv, change: { win: 60 } },
    { name: 'kv of version 0', base: kv, change: { ver: 0 }, code: 'bad_encoding' },
    { name: 'e2e with a binding', change: { bnd: 'team-a/app' } },
    { name: 'e2e to a workload', change: { rcp: [workload] } },
    { name: 'svc without binding', base: svc, change: { bnd: undefined } },
    { name: 'svc to an identity only', base: svc, change: { rcp: [`k:${hash}`] } },
    {
      name: 'svc with a selector behind an identity',
      base: { ...kv, mode: 'svc', bnd: 'a/b' },
      change: { rcp: [workload, `k:${hash}`, `${workload}-2`] },
    },
    { name: 'a reader twice', base: kv, change: { rcp: [`k:${hash}`, `k:${hash}`] } },
    { name: 'no reader', base: kv, change: { rcp: [] }, code: 'bad_encoding' },
    {
      name: 'seventeen readers',
      base: kv,
      change: { rcp: Array.from({ length: 17 }, (_item, index) => `k:${String.fromCharCode(97 + index).repeat(42)}A`) },
      code: 'bad_encoding',
    },
    { name: 'a window of 14', change: { win: 14 }, code: 'bad_encoding' },
    { name: 'a window of 901', change: { win: 901 }, code: 'bad_encoding' },
    { name: 'another version of the format', change: { v: 2 }, code: 'bad_encoding' },
    { name: 'another mode', change: { mode: 'public' }, code: 'bad_encoding' },
    { name: 'another kind', change: { kind: 'twice' }, code: 'bad_encoding' },
    { name: 'a path with ..', change: { path: 'a/../b' }, code: 'bad_encoding' },
    { name: 'a binding without namespace', base: svc, change: { bnd: 'app' }, code: 'bad_encoding' },
    { name: 'a binding with two slashes', base: svc, change: { bnd: 'a/b/c' }, code: 'bad_encoding' },
    { name: 'an unknown member', change: { note: 'x' }, code: 'bad_encoding' },
  ])('refuses $name', ({ base = once, change, code = 'bad_envelope' }) => {
    expect(() => envelopeHeader(withDefined(base, change), '')).toThrow(expect.objectContaining({ code }));
  });
});

const operation = { args: {}, exp: 1, inst: id, nonce: id, op: 'seal' };
/** Every reader with a full example: without one required member, or with one of another type, it must refuse. */
const readers: readonly { name: string; reader: Reader<unknown>; example: JcsObject; optional: readonly string[] }[] = [
  {
    name: 'keyset',
    reader: keysetClaims,
    example: { enc: jwk, exp: 2, iat: 1, name: 'a', seq: 1, sig: jwk },
    optional: ['exp', 'name'],
  },
  {
    name: 'proof',
    reader: proofClaims,
    example: { bh: hash, cb: hash, htm: 'GET', htu: 'https://a/v1/b', iat: 1, nonce, th: hash },
    optional: ['cb', 'th'],
  },
  {
    name: 'envelope signature',
    reader: envelopeSignatureClaims,
    example: { eh: hash, ph: hash, sh: [hash] },
    optional: [],
  },
  {
    name: 'receipt',
    reader: receiptClaims,
    example: { at: 1, eh: hash, id, nonce, ph: hash, rev: 1, st: 'STORED' },
    optional: ['nonce'],
  },
  {
    name: 'delivery',
    reader: deliveryClaims,
    example: {
      at: 1,
      bhs: [hash],
      cid: id,
      ds: hash,
      eh: hash,
      id,
      kid: hash,
      n: 1,
      nonce,
      ph: hash,
      st: 'CLAIMED',
      until: 2,
    },
    optional: ['bhs', 'cid', 'n', 'nonce', 'until'],
  },
  {
    name: 'state',
    reader: stateClaims,
    example: { exp: 2, iat: 1, inst: id, td: 'a.example', tls: hash },
    optional: [],
  },
  {
    name: 'unseal',
    reader: unsealClaims,
    example: { boot: hash, c: hash, gen: 1, iat: 1, inst: id, nonce, purpose: 'unseal', s: 'AA.AA.AA.AA.AA' },
    optional: [],
  },
  {
    name: 'transcript',
    reader: transcriptClaims,
    example: { admins: [hash], boot: hash, ckpt: 'AA.AA.AA', gen: 1, rev: 1, t: 1 },
    optional: ['ckpt'],
  },
  {
    name: 'checkpoint',
    reader: checkpointClaims,
    example: { au: [['AAAAAAAAAAA', 7, hash]], n: 2, prev: hash, rev: 1, t: 1 },
    optional: [],
  },
  {
    name: 'audit record',
    reader: auditRecordClaims,
    example: {
      act: 'wrap.open',
      at: 1,
      cb: 'exporter',
      factor: 'proof',
      listener: 'direct',
      obj: 'wrap/id',
      outcome: 'ok',
      reason: 'ok',
      rep: 'AAAAAAAAAAA',
      req: 'request-1',
      seq: 1,
      v: 1,
      void: [],
      who: hash,
    },
    optional: [],
  },
  { name: 'grant', reader: grant, example: { path: 'a', until: 1, verbs: ['read'], who: hash }, optional: ['until'] },
  { name: 'operation', reader: operationClaims, example: operation, optional: [] },
];

describe.each(readers)('$name', ({ reader, example, optional }) => {
  const names = Object.keys(example);

  test('reads its example, and from canonical bytes', () => {
    expect(reader(example, '')).toEqual(example);
    expect(readClaims(reader, canonicalize(example))).toEqual(example);
  });

  test.each(names)('%s: absent only if optional, never of another type', (name) => {
    const { [name]: gone, ...rest } = example;
    const reads = (value: JcsObject): boolean => {
      try {
        reader(value, '');
        return true;
      } catch {
        return false;
      }
    };
    expect(gone).toBeDefined();
    expect(reads(rest)).toBe(optional.includes(name));
    // No member of any payload is a boolean.
    expect(reads({ ...example, [name]: true })).toBe(false);
  });

  test('refuses a further member', () => {
    expect(() => reader({ ...example, further: 1 }, '')).toThrow(expect.objectContaining({ reason: 'unknown_field' }));
  });
});

test.each([
  { name: 'another method', reader: proofClaims, value: { bh: hash, htm: 'TRACE', htu: 'a', iat: 1, nonce } },
  {
    name: 'a target of 769 characters',
    reader: proofClaims,
    value: { bh: hash, htm: 'GET', htu: 'a'.repeat(769), iat: 1, nonce },
  },
  {
    name: 'another state of a receipt',
    reader: receiptClaims,
    value: { at: 1, eh: hash, id, ph: hash, rev: 1, st: 'LOST' },
  },
  {
    name: 'nine deliveries',
    reader: deliveryClaims,
    value: { at: 1, ds: hash, eh: hash, id, kid: hash, n: 9, ph: hash, st: 'CLAIMED' },
  },
  {
    name: 'a purpose of another name',
    reader: unsealClaims,
    value: { boot: hash, c: hash, gen: 1, iat: 1, inst: id, nonce, purpose: 'rekey', s: 'AA.AA.AA.AA.AA' },
  },
  {
    name: 'generation 0',
    reader: unsealClaims,
    value: { boot: hash, c: hash, gen: 0, iat: 1, inst: id, nonce, purpose: 'unseal', s: 'AA.AA.AA.AA.AA' },
  },
])('refuses $name', ({ reader, value }) => {
  expect(() => (reader as Reader<unknown>)(value, '')).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
});

describe('operationClaims', () => {
  const examples: Readonly<Record<keyof typeof operations, JcsObject>> = {
    init: { admins: ['AAAA'], boot: hash, k: 1 },
    'identity.put': { id: hash },
    'identity.revoke': { id: hash },
    'grant.put': { path: 'a', verbs: ['wrap', 'write', 'read', 'list', 'destroy'], who: workload },
    'grant.delete': { path: 'a', who: hash },
    seal: {},
    'share.ack': { ack: hash },
    'peer_unseal.set': { mode: 'off' },
    'images.set': { images: [`sha256:${'0a'.repeat(32)}`] },
  };
  const names = Object.keys(examples) as (keyof typeof operations)[];
  const full = (op: keyof typeof operations): JcsObject => ({
    args: examples[op],
    exp: 1,
    nonce: id,
    op,
    ...(op === 'init' ? {} : { inst: id }),
  });

  test('every operation has an example here', () => {
    expect(names.toSorted()).toEqual(Object.keys(operations).toSorted());
  });

  test.each(names)('%s has its arguments and no others', (op) => {
    expect(operationClaims(full(op), '')).toEqual(full(op));
    const changed = { ...full(op), args: { ...examples[op], further: 1 } };
    expect(() => operationClaims(changed, '')).toThrow(expect.objectContaining({ reason: 'unknown_field' }));
  });

  test.each(names)('%s names the instance unless it makes it', (op) => {
    const { inst, ...without } = full(op);
    const turned: JcsObject = op === 'init' ? { ...without, inst: id } : without;
    expect(inst === undefined).toBe(op === 'init');
    expect(() => operationClaims(turned, '')).toThrow(expect.objectContaining({ reason: 'operation_instance' }));
  });

  test.each(['constructor', '__proto__', 'toString', 'rekey', ''])('refuses the operation %j', (op) => {
    expect(() => operationClaims({ ...full('seal'), op }, '')).toThrow(
      expect.objectContaining({ code: 'bad_encoding' }),
    );
  });
});

describe('checkpointClaims', () => {
  const first: JcsObject = { au: [['AAAAAAAAAAA', 7, hash]], n: 1, rev: 1, t: 1 };
  const entry: JcsValue = ['AAAAAAAAAAA', 7, hash];

  test('the first has no predecessor', () => {
    expect(checkpointClaims(first, '')).toEqual(first);
  });

  test.each<[string, JcsObject]>([
    ['the first with a predecessor', { ...first, prev: hash }],
    ['a later one without', { ...first, n: 2 }],
    ['number 0', { ...first, n: 0 }],
    ['no replica', { ...first, au: [] }],
    ['a replica twice', { ...first, au: [entry, entry] }],
    ['an entry of two items', { ...first, au: [['AAAAAAAAAAA', 7]] }],
    ['an entry of four items', { ...first, au: [['AAAAAAAAAAA', 7, hash, 1]] }],
    ['an entry that is no array', { ...first, au: [hash] }],
    ['a record number 0', { ...first, au: [['AAAAAAAAAAA', 0, hash]] }],
  ])('refuses %s', (_name, claims) => {
    expect(() => checkpointClaims(claims, '')).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
  });
});
