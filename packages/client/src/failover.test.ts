/** Several replicas of one service, each of which a test can break. @module */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey } from '@letterlock/crypto';
import type { JcsObject } from '@letterlock/protocol';
import { LetterlockClient, type ClientOptions } from './client.ts';
import { createIdentity, type Identity } from './identity.ts';
import type { Claim } from './open-wrap.ts';
import { FakeService, type Intercept, type Seen } from './testing/fake-service.ts';

const content = Buffer.from('the content');
let replicas: readonly [FakeService, FakeService, FakeService];
let clients: LetterlockClient[];
let alice: Identity;
let bob: Identity;
let id: string;

beforeEach(async () => {
  const first = await FakeService.start();
  replicas = [
    first,
    await FakeService.start(first.instanceKey, first),
    await FakeService.start(first.instanceKey, first),
  ];
  [alice, bob] = [createIdentity({ name: 'alice' }), createIdentity({ name: 'bob' })];
  for (const each of [alice, bob]) first.keysets.set(each.id, each.keyset!);
  clients = [];
  const writer = client(alice, { address: first.address });
  id = (await writer.wrap({ to: bob.id, path: 'a', content })).id;
  writer.close();
  first.seen.length = 0;
});
afterEach(async () => {
  for (const each of clients) each.close();
  for (const replica of replicas) await replica.close();
});

/** Begins at the first replica, and does not pause. */
function client(identity: Identity, options: Partial<ClientOptions> = {}): LetterlockClient {
  const made = new LetterlockClient({
    address: replicas.map(({ address }) => address),
    trust: { pinned: replicas[0].fingerprint },
    identity,
    now: () => replicas[0].dateSeconds,
    pick: () => 0,
    retryDelayMilliseconds: 0,
    ...options,
  });
  clients.push(made);
  return made;
}

const sealed = (state: JcsObject): JcsObject => ({ sik: state['sik']!, state: 'sealed', td: state['td']!, v: 1 });
const refuse = (status: number, code: string): Intercept => ({ status, body: { code } });
/** Requests of a path at each replica. */
const asked = (suffix: string): readonly number[] => replicas.map((replica) => replica.requests(suffix).length);
/** Does this to each request of a path at one replica. */
function breakPath(replica: FakeService, suffix: string, decision: Intercept): void {
  replica.intercept = ({ path }) => (path.endsWith(suffix) ? decision : 'continue');
}

interface Broken {
  readonly name: string;
  readonly break: (replica: FakeService) => void | Promise<void>;
  /** Whether the first replica was sent the request. */
  readonly isSent: boolean;
  /** Deliveries that the claim has had. Default 1. */
  readonly n?: number;
}

const broken: readonly Broken[] = [
  { name: 'does not listen', isSent: false, break: (replica) => replica.close() },
  {
    name: 'is sealed',
    isSent: false,
    break: (replica) => {
      replica.changeState = sealed;
    },
  },
  {
    name: 'ends each connection at once',
    isSent: false,
    break: (replica) => breakPath(replica, '/v1/sys/state', 'kill'),
  },
  {
    name: 'ends before it acts',
    isSent: true,
    break: (replica) => breakPath(replica, '/open', 'kill'),
  },
  {
    name: 'ends after it acted',
    isSent: true,
    n: 2,
    break: (replica) => breakPath(replica, '/open', 'kill_after'),
  },
  { name: 'never answers', isSent: true, break: (replica) => breakPath(replica, '/open', 'hang') },
  {
    name: 'seals just then',
    isSent: true,
    break: (replica) => breakPath(replica, '/open', refuse(503, 'sealed')),
  },
  {
    name: 'has no store',
    isSent: true,
    break: (replica) => breakPath(replica, '/open', refuse(503, 'unavailable')),
  },
];

describe('an open at a replica that', () => {
  test.each(broken)('$name is finished at another, under the same claim', async ({ break: breakIt, isSent, n = 1 }) => {
    await breakIt(replicas[0]);
    const claims: Claim[] = [];
    using opened = await client(bob, { attemptTimeoutMilliseconds: 1000 }).open(id, {
      onClaim: (claim) => void claims.push(claim),
    });
    expect(Buffer.from(opened.content.expose())).toEqual(content);
    expect(opened.delivery.n).toBe(n);
    expect(asked('/open')).toEqual([isSent ? 1 : 0, 1, 0]);
    const [last] = replicas[1].requests('/open') as [Seen];
    expect(JSON.parse(last.body)).toMatchObject({ cid: opened.claimId });
    expect(last.proof!.htu).toBe(`${replicas[1].address}/v1/wraps/${id}/open`);
    expect(claims.at(-1)).toEqual({
      id,
      claimId: opened.claimId,
      bodyHashes: [...replicas[0].requests('/open'), last].map(({ bodyHash }) => bodyHash),
    });
    for (const first of replicas[0].requests('/open')) {
      expect(JSON.parse(first.body)).toMatchObject({ cid: opened.claimId });
      expect(JSON.parse(first.body).rpk).not.toEqual(JSON.parse(last.body).rpk);
      expect([first.proof!.nonce, first.proof!.cb]).not.toContain(last.proof!.nonce);
      expect(first.proof!.cb).not.toBe(last.proof!.cb);
    }
  });
});

describe('an operation at a replica that', () => {
  test.each(broken.filter(({ isSent }) => !isSent))('$name goes to another', async ({ break: breakIt }) => {
    for (const replica of replicas) breakPath(replica, '/v1/sys/op', { status: 200, body: {} });
    const signed = await client(alice).signOperation('identity.put', { id: alice.id });
    await breakIt(replicas[0]);
    expect(await client(alice).submitOperations([signed])).toEqual({ isDone: true });
    expect(asked('/v1/sys/op')).toEqual([0, 1, 0]);
  });

  test.each([
    { name: 'ended after it was sent', decision: 'kill' },
    { name: 'sealed after it was sent', decision: refuse(503, 'sealed') },
    { name: 'lost its store', decision: refuse(503, 'unavailable') },
  ] as const)('$name is the same one at another', async ({ decision }) => {
    breakPath(replicas[0], '/v1/sys/op', decision);
    breakPath(replicas[1], '/v1/sys/op', { status: 200, body: {} });
    await client(alice).operate('identity.put', { id: alice.id });
    expect(asked('/v1/sys/op')).toEqual([1, 1, 0]);
    expect(replicas[1].requests('/v1/sys/op')[0]!.body).toBe(replicas[0].requests('/v1/sys/op')[0]!.body);
  });
});

describe('sealing', () => {
  test('is told to another replica, by another operation, when the answer is lost', async () => {
    breakPath(replicas[0], '/v1/sys/seal', 'kill');
    breakPath(replicas[1], '/v1/sys/seal', { status: 200, body: { epoch: 2 } });
    expect(await client(alice).seal()).toEqual({ epoch: 2 });
    expect(asked('/v1/sys/seal')).toEqual([1, 1, 0]);
    expect(replicas[0].requests('/v1/sys/seal')[0]!.body).not.toBe(replicas[1].requests('/v1/sys/seal')[0]!.body);
  });
});

describe('a replica that refuses for a reason of the request', () => {
  test.each([
    { code: 'denied', status: 403 },
    { code: 'not_found', status: 404 },
    { code: 'conflict', status: 409 },
    { code: 'rate', status: 429 },
    { code: 'internal', status: 500 },
    { code: 'bad_proof', status: 401 },
  ])('$code has the last word', async ({ code, status }) => {
    breakPath(replicas[0], '/open', refuse(status, code));
    await expect(client(bob).open(id)).rejects.toMatchObject({ code });
    expect(asked('/open')).toEqual([1, 0, 0]);
  });
});

describe('a nonce', () => {
  test('that another replica does not know is replaced twice, also after failing over', async () => {
    breakPath(replicas[0], '/open', 'kill');
    let refusals = 0;
    replicas[1].intercept = ({ path }) => {
      if (!path.endsWith('/open') || refusals >= 2) return 'continue';
      refusals += 1;
      return refuse(401, 'bad_nonce');
    };
    using opened = await client(bob).open(id);
    expect([opened.delivery.n, asked('/open')]).toEqual([1, [1, 3, 0]]);
  });
});

describe('a client', () => {
  test('keeps to one replica, over one connection, and to the next after that failed', async () => {
    const calling = client(alice);
    for (let index = 0; index < 3; index += 1) await calling.identity(alice.id);
    breakPath(replicas[0], alice.id, 'kill');
    for (let index = 0; index < 3; index += 1) await calling.identity(alice.id);
    replicas[0].intercept = () => 'continue';
    for (let index = 0; index < 3; index += 1) await calling.identity(alice.id);
    expect(asked(alice.id)).toEqual([4, 6, 0]);
    expect(replicas.map(({ connections }) => connections)).toEqual([2, 1, 0]);
  });

  test('ends its idle connections to a replica that it left', async () => {
    const calling = client(alice);
    await calling.identity(alice.id);
    breakPath(replicas[0], alice.id, refuse(503, 'unavailable'));
    await calling.identity(alice.id);
    while (replicas[0].openConnections > 0) await new Promise(setImmediate);
    expect(replicas[1].openConnections).toBe(1);
  });

  test('asks each replica once when all are sealed, and says so', async () => {
    for (const replica of replicas) replica.changeState = sealed;
    await expect(client(bob).open(id)).rejects.toMatchObject({ code: 'sealed', outcome: 'not_sent' });
    expect(asked('/v1/sys/state')).toEqual([2, 2, 2]);
    expect(asked('/open')).toEqual([0, 0, 0]);
  });

  test('says that the service is sealed rather than that a replica is away', async () => {
    replicas[0].changeState = sealed;
    await replicas[1].close();
    await replicas[2].close();
    await expect(client(bob).open(id)).rejects.toMatchObject({ code: 'sealed' });
  });

  test.each<{ readonly name: string; readonly rest: Broken['break']; readonly code: string }>([
    { name: 'are away', rest: (replica: FakeService) => replica.close(), code: 'connect_failed' },
    {
      name: 'are sealed',
      rest: (replica: FakeService) => {
        replica.changeState = sealed;
      },
      code: 'sealed',
    },
  ])('does not forget that one may have acted when the others $name', async ({ rest, code }) => {
    breakPath(replicas[0], '/open', 'kill_after');
    for (const replica of replicas.slice(1)) await rest(replica);
    const call = client(bob, { attempts: 1 }).open(id);
    await expect(call).rejects.toMatchObject({ code, outcome: 'unknown' });
  });

  test('gives up after so many attempts at each', async () => {
    for (const replica of replicas) breakPath(replica, '/open', 'kill');
    await expect(client(bob, { attempts: 2 }).open(id)).rejects.toMatchObject({ code: 'connection_lost' });
    expect(asked('/open')).toEqual([2, 2, 2]);
  });

  test('shares its time among all replicas', async () => {
    for (const replica of replicas) breakPath(replica, '/open', 'hang');
    const call = client(bob, { attemptTimeoutMilliseconds: 500 }).open(id, { timeoutMilliseconds: 1200 });
    await expect(call).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown' });
    // How far it comes is the machine's business, that it stops is ours.
    expect(asked('/open').slice(0, 2)).toEqual([1, 1]);
    expect(asked('/open')[2]).toBeLessThanOrEqual(1);
  });

  test('goes nowhere else, and stays, when the caller gives up', async () => {
    breakPath(replicas[0], '/open', 'hang');
    const calling = client(bob);
    const controller = new AbortController();
    const call = calling.open(id, { signal: controller.signal });
    while (replicas[0].requests('/open').length === 0) await new Promise(setImmediate);
    controller.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await calling.identity(bob.id);
    expect([asked('/open'), asked(bob.id)]).toEqual([
      [1, 0, 0],
      [1, 0, 0],
    ]);
  });

  test('finds a replica behind a name, whichever of its addresses answers', async () => {
    const origin = `https://letterlock.example:${replicas[0].port}`;
    replicas[0].publicOrigin = origin;
    const calling = client(bob, { address: origin, resolve: () => Promise.resolve(['127.0.0.9', '127.0.0.1']) });
    using opened = await calling.open(id);
    expect(opened.delivery.n).toBe(1);
    expect(replicas[0].requests('/open')[0]!.proof!.htu).toBe(`${origin}/v1/wraps/${id}/open`);
  });

  test('names the one public origin in proofs to every replica that it dials', async () => {
    const origin = 'https://letterlock.example:8443';
    for (const replica of replicas) replica.publicOrigin = origin;
    breakPath(replicas[0], '/open', 'kill_after');
    const calling = client(bob, {
      address: { origin, addresses: replicas.map(({ port }) => `127.0.0.1:${port}`) },
    });
    using opened = await calling.open(id);
    expect(opened.delivery.n).toBe(2);
    const targets = replicas.flatMap((replica) => replica.requests('/open').map(({ proof }) => proof!.htu));
    expect(targets).toEqual([`${origin}/v1/wraps/${id}/open`, `${origin}/v1/wraps/${id}/open`]);
  });
});

describe('a replica with another instance key', () => {
  test.each([
    { name: 'at the beginning', first: (impostor: FakeService) => [impostor, replicas[1]] },
    { name: 'after failing over', first: (impostor: FakeService) => [replicas[0], impostor] },
  ])('is an alarm, and is sent nothing: $name', async ({ first }) => {
    const impostor = await FakeService.start(generateSigningKey(), replicas[0]);
    breakPath(replicas[0], '/open', 'kill');
    try {
      const address = first(impostor).map((each) => each.address);
      await expect(client(bob, { address }).open(id)).rejects.toMatchObject({
        name: 'TrustError',
        code: 'fingerprint_mismatch',
        actual: impostor.fingerprint,
      });
      expect(impostor.seen.map(({ path, authorization }) => [path, authorization])).toEqual([
        ['/v1/sys/state', undefined],
      ]);
      expect(replicas[1].seen).toEqual([]);
    } finally {
      await impostor.close();
    }
  });

  test('is an alarm also where the pin was made at the first contact with another replica', async () => {
    const impostor = await FakeService.start(generateSigningKey(), replicas[0]);
    breakPath(replicas[0], '/open', 'kill');
    try {
      const calling = client(bob, {
        address: [replicas[0].address, impostor.address],
        trust: { onFirstContact: () => true },
      });
      await expect(calling.open(id)).rejects.toMatchObject({ code: 'fingerprint_mismatch' });
      expect(impostor.requests('/open')).toEqual([]);
    } finally {
      await impostor.close();
    }
  });
});
