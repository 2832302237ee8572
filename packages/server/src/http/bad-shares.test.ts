/** Shares that are wrong in one thing, over HTTP: each is refused, and costs nobody else what was given before. @module */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { FixedClock } from '@letterlock/core/testing';
import {
  importSealingKey,
  openShare,
  SecretBytes,
  sealUnsealShare,
  shareCommitment,
  signJws,
  type SigningKey,
} from '@letterlock/crypto';
import {
  encodeBase64url,
  failedProofsPerMinute,
  problems,
  typ,
  type ProblemCode,
  type ProblemDocument,
  type UnsealStatusResponse,
} from '@letterlock/protocol';
import type { RawAnswer } from '../testing/raw-connection.ts';
import type { TestClient } from '../testing/test-client.ts';
import {
  apply,
  createAdmin,
  nowSeconds,
  startTestServer,
  type TestAdmin,
  type TestServer,
} from '../testing/test-server.ts';
import { TroubledStore } from '../testing/troubled-store.ts';

const threshold = 2;
/** Longest that a share waits, seconds. */
const waitsSeconds = 15 * 60;
const deadlineMilliseconds = 10_000;

let clock: FixedClock;
let store: TroubledStore;
let server: TestServer;
let client: TestClient;
beforeAll(start);
afterAll(stop);

/** A quorum of two among three, sealed. */
async function start(): Promise<void> {
  clock = new FixedClock(nowSeconds());
  store = new TroubledStore();
  const flags = { 'init-threshold': String(threshold) };
  server = await startTestServer(flags, { clock, decorateStore: store.around });
  client = await server.connect();
  await apply(server, client, { op: 'seal', args: {} });
}
async function stop(): Promise<void> {
  client.close();
  await server.close();
}

async function statusOf(admin: TestAdmin = server.admins[0]!): Promise<UnsealStatusResponse> {
  const { body } = await client.prove(admin.sig, { method: 'GET', path: '/v1/sys/unseal' });
  return JSON.parse(body) as UnsealStatusResponse;
}

/** What is different from the share that an admin gives. */
interface Changes {
  readonly signing?: SigningKey;
  /** Of the opened share; a new one takes its place. */
  readonly share?: (right: Uint8Array) => Uint8Array;
  readonly claims?: Readonly<Record<string, string | number>>;
  /** Happens between making it and sending it. */
  readonly meanwhile?: () => void;
}

async function give(
  admin: TestAdmin,
  { signing = admin.sig, share: change, claims, meanwhile }: Changes = {},
): Promise<RawAnswer> {
  const { share: sealed, inst, gen, boot, benc } = await statusOf(admin);
  using right = (await openShare(sealed, admin.enc, { inst, gen })).share;
  using share = SecretBytes.copy(change?.(right.expose()) ?? right.expose());
  const context = { adminId: admin.id, boot, inst, gen, purpose: 'unseal' } as const;
  const s = await sealUnsealShare({ to: importSealingKey(benc), ...context, share });
  const c = shareCommitment(inst, gen, share);
  const document = { boot, c, gen, iat: nowSeconds(), inst, nonce: client.nonce, purpose: 'unseal', s, ...claims };
  const jws = signJws({ typ: typ.unseal, key: signing, claims: document });
  meanwhile?.();
  const answer = await client.send({ method: 'POST', path: '/v1/sys/unseal', body: { jws } });
  const text = answer.body + server.logged.join('\n');
  for (const bytes of [right.expose(), share.expose()]) expect(text).not.toContain(encodeBase64url(bytes).slice(0, 40));
  expect(text).not.toContain(jws);
  return answer;
}

function expectRefused(answer: RawAnswer, code: ProblemCode): void {
  const document = JSON.parse(answer.body) as ProblemDocument;
  expect({ status: answer.status, code: document.code }).toEqual({ status: problems[code].status, code });
  expect(answer.body).not.toMatch(/\\n| {4}at |node:|\.ts:/);
}
const linesOf = (message: string): readonly Record<string, unknown>[] =>
  server.logged.filter((line) => line.includes(message)).map((line) => JSON.parse(line) as Record<string, unknown>);
const lastReason = (): unknown => (linesOf('Refused request').at(-1)!['error'] as { readonly reason: unknown }).reason;
const stored = (): readonly string[] =>
  [...server.store.dump()].map(({ key, value }) => `${key} ${Buffer.from(value).toString('base64')}`);

interface Row extends Changes {
  readonly name: string;
  readonly code: ProblemCode;
  readonly reason: string;
  /** The log names the admin. Default true. */
  readonly isBlamed?: false;
}
const flippedAt =
  (at: number) =>
  (right: Uint8Array): Uint8Array =>
    right.map((byte, index) => (index === at ? byte ^ 1 : byte));

const rows: readonly Row[] = [
  {
    name: '3.10.3 at the place of the master key, x = 0',
    share: (right) => right.with(right.length - 1, 0),
    code: 'bad_encoding',
    reason: 'share_malformed',
  },
  {
    name: '3.10.3 with a place of two bytes, x > 255',
    share: (right) => Buffer.concat([right, Buffer.of(1)]),
    code: 'bad_encoding',
    reason: 'share_malformed',
  },
  {
    name: '3.10.3 that is truncated',
    share: (right) => right.slice(0, -1),
    code: 'bad_encoding',
    reason: 'share_malformed',
  },
  {
    name: '3.10.3 of the wrong length',
    share: () => new Uint8Array(16).fill(1),
    code: 'bad_encoding',
    reason: 'share_malformed',
  },
  { name: '3.10.4 of another generation', claims: { gen: 2 }, code: 'conflict', reason: 'share_generation' },
  {
    name: '3.10.5 of the right form and the wrong content',
    share: (right) => new Uint8Array(right.length).fill(7),
    code: 'conflict',
    reason: 'share_commitment',
  },
  {
    name: '3.10.6 with a bit of its first byte flipped',
    share: flippedAt(0),
    code: 'conflict',
    reason: 'share_commitment',
  },
  {
    name: '3.10.6 with a bit of its last byte flipped',
    share: flippedAt(31),
    code: 'conflict',
    reason: 'share_commitment',
  },
  {
    name: '3.10.7 made for another replica, or an earlier start of this one',
    claims: { boot: 'A'.repeat(43) },
    code: 'conflict',
    reason: 'share_boot',
    isBlamed: false,
  },
  {
    name: '3.10.8 of a stranger',
    signing: createAdmin('stranger').sig,
    code: 'bad_proof',
    reason: 'init_cert',
    isBlamed: false,
  },
  { name: 'of another installation', claims: { inst: 'A'.repeat(22) }, code: 'conflict', reason: 'share_instance' },
  {
    name: 'for another purpose',
    claims: { purpose: `rekey:${'A'.repeat(43)}` },
    code: 'conflict',
    reason: 'share_purpose',
  },
  {
    name: 'under a nonce of another process',
    claims: { nonce: 'A'.repeat(54) },
    code: 'bad_nonce',
    reason: 'nonce_invalid',
    isBlamed: false,
  },
];

/** Each test goes on where the one before ended. */
describe('a share', () => {
  test('3.10.1 of too few counts, and says how many there are and are needed', async () => {
    const answer = await give(server.admins[0]!);
    expect({ status: answer.status, body: JSON.parse(answer.body) as unknown }).toEqual({
      status: 202,
      body: { have: 1, k: threshold },
    });
  });

  test('3.10.2 that was given already is refused, and counts once', async () => {
    const before = stored();
    expectRefused(await give(server.admins[0]!), 'conflict');
    expect(lastReason()).toBe('share_duplicate');
    expect(await statusOf()).toMatchObject({ have: 1, given: [server.admins[0]!.id] });
    expect(stored()).toEqual(before);
  });

  test.each(rows)('$name is refused', async ({ code, reason, isBlamed = true, ...changes }) => {
    const [first, second] = server.admins as [TestAdmin, TestAdmin];
    const before = stored();
    const blamed = linesOf('Refused admin').length;
    expectRefused(await give(second, changes), code);
    expect(lastReason()).toBe(reason);
    const named = linesOf('Refused admin').slice(blamed);
    expect(named.map(({ who, reason: why }) => ({ who, why }))).toEqual(
      isBlamed ? [{ who: second.id, why: reason }] : [],
    );
    expect(await statusOf()).toMatchObject({ have: 1, given: [first.id] });
    expect(stored()).toEqual(before);
  });

  test('3.10.8 of a stranger, again and again, costs the stranger its address for a minute and nobody a share', async () => {
    const before = stored();
    const signing = createAdmin('stranger').sig;
    const answers: RawAnswer[] = [];
    for (let count = 0; count <= failedProofsPerMinute; count += 1) {
      const claims = { boot: 'A'.repeat(43), c: 'A'.repeat(43), gen: 1, iat: 1, inst: 'A'.repeat(22) };
      const document = { ...claims, nonce: client.nonce, purpose: 'unseal', s: 'AA.AA.AA.AA.AA' };
      const jws = signJws({ typ: typ.unseal, key: signing, claims: document });
      answers.push(await client.send({ method: 'POST', path: '/v1/sys/unseal', body: { jws } }));
    }
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 429]));
    clock.advance(61);
    // The first answer after that brings a nonce that has not ended.
    await client.send({ method: 'HEAD', path: '/v1/nonce' });
    expect(await statusOf()).toMatchObject({ have: 1, given: [server.admins[0]!.id] });
    expect(stored()).toEqual(before);
  });

  test('3.10.11 of an admin whose certificate has expired counts: the day is shown, not judged', async () => {
    const expiring = server.admins[2]!;
    clock.step(2 * 3600);
    const answer = await give(expiring);
    expect(answer.status).toBe(200);
    clock.step(-2 * 3600);
  });

  test('3.10.9 is refused once the service is unsealed', async () => {
    const { length } = stored();
    expectRefused(await give(server.admins[1]!), 'conflict');
    expect(lastReason()).toBe('already_unsealed');
    expect(stored().length - length).toBeLessThanOrEqual(1);
  });
});

describe('a share, after an interruption', () => {
  beforeEach(async () => {
    await stop();
    await start();
    await give(server.admins[0]!);
  });

  test('3.10.10 that completes the quorum while the store is away is answered so, and may be given again', async () => {
    const meanwhile = (): void => void Object.assign(store, { readsFail: 'gone', transactionsFail: 'gone' });
    expectRefused(await give(server.admins[1]!, { meanwhile }), 'unavailable');
    Object.assign(store, { readsFail: undefined, transactionsFail: undefined });
    expect(await statusOf()).toMatchObject({ have: 1, given: [server.admins[0]!.id] });
    expect((await give(server.admins[1]!)).status).toBe(200);
  });

  test('3.10.10 that has waited for a quarter of an hour is wiped', async () => {
    clock.advance(waitsSeconds);
    await client.send({ method: 'HEAD', path: '/v1/nonce' });
    const deadline = performance.now() + deadlineMilliseconds;
    while ((await statusOf()).have > 0 && performance.now() < deadline) await pause(20);
    expect(await statusOf()).toMatchObject({ have: 0, given: [] });
    expect((await give(server.admins[1]!)).status).toBe(202);
  });

  test('3.10.11 of an admin of another installation is refused as that of a stranger', async () => {
    const other = await startTestServer();
    expectRefused(await give(server.admins[1]!, { signing: other.admins[1]!.sig }), 'bad_proof');
    await other.close();
    expect(lastReason()).toBe('init_cert');
    expect(await statusOf()).toMatchObject({ have: 1, given: [server.admins[0]!.id] });
  });
});
