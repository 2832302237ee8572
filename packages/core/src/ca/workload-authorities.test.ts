import { beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey, openBundle, publicOf } from '@letterlock/crypto';
import { decodeBase64url, encodeUtf8 } from '@letterlock/protocol';
import { AuditTrail, auditPath } from '../audit/audit-trail.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { FakeBarrier } from '../store/testing/fake-barrier.ts';
import { FaultyStore } from '../store/testing/faulty-store.ts';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { authoritiesPath, decodeAuthorities, encodeAuthorities, type AuthorityState } from './authority-record.ts';
import { createAuthority } from './authority.ts';
import { proveWorkload } from './proven-workload.ts';
import { agentKey, authority, forge, identity, nowSeconds, trustDomain } from './testing/forge.ts';
import { rotationTimesOf } from './rotation.ts';
import { WorkloadAuthorities } from './workload-authorities.ts';

const instanceKey = generateSigningKey();
const workload = proveWorkload({ identity, containerId: 'containerd://1' });
const key = publicOf(agentKey);

class World {
  readonly memory = new MemoryStore();
  readonly store = new FaultyStore(this.memory);
  readonly barrier = new FakeBarrier();
  readonly clock = new FixedClock(nowSeconds);
  #replicas = 0;

  /** Another replica of the same installation. */
  open(): Promise<WorkloadAuthorities> {
    const { store, barrier, clock } = this;
    this.#replicas += 1;
    const audit = new AuditTrail({ replica: `AAAAAAAAAA${this.#replicas}`, barrier, clock });
    return WorkloadAuthorities.open({ store, barrier, audit, clock, trustDomain, instanceKey });
  }

  async record(): Promise<Uint8Array> {
    const [entry] = (await this.memory.range({ key: authoritiesPath })).entries;
    return entry!.value;
  }

  async put(value: Uint8Array): Promise<void> {
    await this.memory.transact({ compare: [], then: [{ do: 'put', key: authoritiesPath, value }] });
  }

  async audited(replica: string): Promise<readonly string[]> {
    const acts: string[] = [];
    for (let seq = 1; ; seq += 1) {
      const path = auditPath(replica, seq);
      const [entry] = (await this.memory.range({ key: this.barrier.keyOf(path) })).entries;
      if (entry === undefined) return acts;
      const { act } = JSON.parse(Buffer.from(this.barrier.open(path, entry.value)).toString()) as {
        readonly act: string;
      };
      acts.push(act);
    }
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});
const claimsOf = (authorities: WorkloadAuthorities) =>
  openBundle(authorities.bundle(), publicOf(instanceKey), { nowSeconds: world.clock.nowSeconds(), leastSeq: 0 });

describe('WorkloadAuthorities', () => {
  test('makes the first authority once, whoever comes first', async () => {
    const [a, b] = await Promise.all([world.open(), world.open()]);
    const c = await world.open();
    expect(new Set([a, b, c].map(({ trusted }) => trusted[0]!.read.key.thumbprint)).size).toBe(1);
    expect(a.trusted).toHaveLength(1);
    expect([await world.audited('AAAAAAAAAA1'), await world.audited('AAAAAAAAAA2')].flat()).toContain(
      'authority.create',
    );
  });

  test('issues a certificate that it and every other replica knows', async () => {
    const a = await world.open();
    const b = await world.open();
    const { der } = await a.issue(workload, key);
    expect(b.parse(der).identity).toEqual(identity);
    expect(b.parse(der).key.thumbprint).toBe(agentKey.thumbprint);
  });

  test('refuses a certificate of an authority that it does not hold', async () => {
    const a = await world.open();
    const der = await forge();
    expect(() => a.parse(der)).toThrow(expect.objectContaining({ reason: 'cert_chain' }));
  });

  test('issues nothing for another trust domain', async () => {
    const a = await world.open();
    const foreign = proveWorkload({ identity: { ...identity, td: 'test.example' }, containerId: 'x' });
    expect(() => a.issue(foreign, key)).toThrow(TypeError);
  });

  test('rotates: shown, signing after two hours, removed when the last certificate has ended', async () => {
    const a = await world.open();
    const b = await world.open();
    const first = a.trusted[0]!.read.key.thumbprint;
    expect(await a.advance()).toBeUndefined();

    world.clock.advance(60 * 86_400);
    expect(await a.advance()).toBe('publish');
    expect(a.trusted).toHaveLength(2);
    const { der: last } = await b.issue(workload, key);
    expect(a.parse(last).identity).toEqual(identity);
    world.clock.advance(7199);
    expect(await b.advance()).toBeUndefined();
    expect(b.trusted).toHaveLength(2);
    world.clock.advance(1);
    expect(await b.advance()).toBe('switch');
    await a.refresh();
    const { der: next } = await a.issue(workload, key);
    expect(b.parse(next).identity).toEqual(identity);
    world.clock.advance(11_099);
    expect(await a.advance()).toBeUndefined();
    world.clock.advance(1);
    expect(await a.advance()).toBe('retire');

    const claims = claimsOf(a);
    expect(a.trusted.map(({ read }) => read.key.thumbprint)).not.toContain(first);
    expect(claims.certs).toHaveLength(1);
    expect(claims.past).toHaveLength(1);
    expect(claims.seq).toBe(4);
    expect(await world.audited('AAAAAAAAAA1')).toEqual(['authority.create', 'authority.publish', 'authority.retire']);
    expect(await world.audited('AAAAAAAAAA2')).toEqual(['authority.switch']);
  });

  test('after a seal that outlasts the authority the next one signs at once', async () => {
    const a = await world.open();
    world.clock.advance(91 * 86_400);
    const ended = expect.objectContaining({ code: 'unavailable', reason: 'authority_expired' });
    await expect(a.issue(workload, key)).rejects.toEqual(ended);
    expect(await a.advance()).toBe('publish');
    expect(await a.advance()).toBe('switch');
    const { der } = await a.issue(workload, key);
    expect(a.parse(der).identity).toEqual(identity);
    expect(await a.advance()).toBeUndefined();
  });

  test('lets leaves live as long as it is told to', async () => {
    const { store, barrier, clock } = world;
    const audit = new AuditTrail({ replica: 'AAAAAAAAAA1', barrier, clock });
    const times = rotationTimesOf({ leaf: 120, authority: 900, overlap: 30 });
    const a = await WorkloadAuthorities.open({ store, barrier, audit, clock, trustDomain, instanceKey, times });
    expect((await a.issue(workload, key)).notAfter).toBe(nowSeconds + 120);
    expect((await a.issueServer(['x'], key)).notAfter).toBe(nowSeconds + 120);
    expect(a.trusted[0]!.notAfter).toBe(nowSeconds + 900);
  });

  test('begins when it is asked to', async () => {
    const a = await world.open();
    expect(await a.advance({ isRequested: true })).toBe('publish');
    expect(await a.advance({ isRequested: true })).toBeUndefined();
  });

  test('takes each step once, also when two replicas take it together', async () => {
    const [a, b] = [await world.open(), await world.open()];
    world.clock.advance(60 * 86_400);
    const steps = await Promise.all([a.advance(), b.advance()]);
    expect(steps.filter((step) => step === 'publish')).toHaveLength(1);
    await a.refresh();
    await b.refresh();
    expect(a.bundle()).not.toBe('');
    expect(claimsOf(a).certs).toEqual(claimsOf(b).certs);
    expect(claimsOf(a).certs).toHaveLength(2);
  });

  test.each(['lost', 'answer_lost', 'sent_twice'] as const)(
    'ends in one state after a transaction that is %s',
    async (fault) => {
      const a = await world.open();
      world.clock.advance(60 * 86_400);
      let isDone = false;
      world.store.choose = ({ transaction }) => {
        if (transaction === undefined || isDone) return 'none';
        isDone = true;
        return fault;
      };
      await a.advance();
      await a.advance();
      const b = await world.open();
      expect(claimsOf(a).certs).toEqual(claimsOf(b).certs);
      expect(a.trusted).toHaveLength(2);
    },
  );

  test('signs a bundle that names the authorities, and keeps it until its half life or the next number', async () => {
    const a = await world.open();
    const bundle = a.bundle();
    expect(claimsOf(a)).toEqual({
      certs: [expect.any(String)],
      exp: nowSeconds + 7 * 86_400,
      iat: nowSeconds,
      past: [],
      seq: 1,
    });
    expect(decodeBase64url(claimsOf(a).certs[0]!)).toEqual(a.trusted[0]!.der);
    world.clock.advance(3.5 * 86_400 - 1);
    expect(a.bundle()).toBe(bundle);
    world.clock.advance(1);
    expect(claimsOf(a)).toMatchObject({ iat: nowSeconds + 302_400, seq: 1 });
    await a.advance({ isRequested: true });
    expect(claimsOf(a)).toMatchObject({ seq: 2 });
  });

  test('refuses a record that was put back', async () => {
    const a = await world.open();
    const before = await world.record();
    await a.advance({ isRequested: true });
    await world.put(before);
    await expect(a.refresh()).rejects.toMatchObject({ code: 'internal', reason: 'authorities_older' });
  });

  test('refuses a store that has lost the record', async () => {
    const a = await world.open();
    await world.memory.transact({ compare: [], then: [{ do: 'delete', key: authoritiesPath }] });
    await expect(a.refresh()).rejects.toMatchObject({ code: 'internal', reason: 'authorities_missing' });
  });

  test('refuses a record that cannot be read', async () => {
    await world.put(world.barrier.seal(authoritiesPath, encodeUtf8('nothing of the kind')));
    await expect(world.open()).rejects.toMatchObject({ code: 'internal', reason: 'authorities_unreadable' });
  });

  test('issues nothing after disposal', async () => {
    const a = await world.open();
    a[Symbol.dispose]();
    const sealed = expect.objectContaining({ code: 'sealed' });
    expect(() => a.issue(workload, key)).toThrow(sealed);
    expect(() => a.issueServer(['x'], key)).toThrow(sealed);
    expect(() => a.bundle()).toThrow(sealed);
    expect(() => a.trusted).toThrow(sealed);
  });

  test('issues to the service itself', async () => {
    const a = await world.open();
    const { notAfter } = await a.issueServer(['letterlock.letterlock-system.svc'], key);
    expect(notAfter).toBe(nowSeconds + 3600);
  });
});

describe('decodeAuthorities()', () => {
  const state = async (): Promise<AuthorityState> => ({
    seq: 9,
    signing: authority,
    next: { authority: await createAuthority({ trustDomain, nowSeconds }), publishedAt: 5 },
    past: [await createAuthority({ trustDomain, nowSeconds })],
  });

  test('reads what encodeAuthorities wrote, and no key of a past authority', async () => {
    const before = await state();
    using encoded = encodeAuthorities(before);
    const after = decodeAuthorities(encoded.expose(), trustDomain);
    expect(after).toMatchObject({ seq: 9, next: { publishedAt: 5 } });
    expect(after.signing.key.thumbprint).toBe(authority.key.thumbprint);
    expect(after.next?.authority).toHaveProperty('key');
    expect(after.past[0]?.der).toEqual(before.past[0]?.der);
    expect(after.past[0]).not.toHaveProperty('key');
  });

  test.each([
    { name: 'another trust domain', change: (bytes: Uint8Array) => bytes, td: 'test.example' },
    {
      name: 'a byte behind it',
      change: (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from([0])]),
      td: trustDomain,
    },
    { name: 'a byte fewer', change: (bytes: Uint8Array) => bytes.subarray(0, -1), td: trustDomain },
    { name: 'a header that is too long', change: () => Buffer.from('ffffffff', 'hex'), td: trustDomain },
  ])('refuses $name', async ({ change, td }) => {
    using encoded = encodeAuthorities(await state());
    const bytes = change(encoded.expose());
    const unreadable = expect.objectContaining({ code: 'internal', reason: 'authorities_unreadable' });
    expect(() => decodeAuthorities(bytes, td)).toThrow(unreadable);
  });

  test('refuses a key that is not the certificate’s', async () => {
    const before = await state();
    using encoded = encodeAuthorities({ ...before, signing: { ...authority, key: generateSigningKey() } });
    const unreadable = expect.objectContaining({ reason: 'authorities_unreadable' });
    expect(() => decodeAuthorities(encoded.expose(), trustDomain)).toThrow(unreadable);
  });
});

test('the bundle holds certificates also where the barrier gives its plaintext as a Buffer', async () => {
  const opened = await world.open();
  const open = world.barrier.open.bind(world.barrier);
  world.barrier.open = (path, record) => Buffer.from(open(path, record));
  const { certs } = openBundle((await world.open()).bundle(), publicOf(instanceKey), { nowSeconds, leastSeq: 1 });
  expect(certs.map((der) => new Uint8Array(decodeBase64url(der)))).toEqual(
    opened.trusted.map(({ der }) => new Uint8Array(der)),
  );
});
