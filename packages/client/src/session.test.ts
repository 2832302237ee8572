import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { endpointsOf } from './address.ts';
import { Deadline } from './deadline.ts';
import type { Claim } from './open-wrap.ts';
import { resolveHost } from './replicas.ts';
import { Session } from './session.ts';
import { ServerTrust } from './trust.ts';
import type { Intercept, Seen } from './testing/fake-service.ts';
import { startFixture, type Fixture } from './testing/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

const content = Buffer.from('the content');

async function storedWrap(): Promise<string> {
  const { alice, bob, client } = fixture;
  return (await client(alice).wrap({ to: bob.id, path: 'a', content })).id;
}

/** Does something to the first requests of a path, one after the other; later ones pass. */
function interceptPath(suffix: string, ...decisions: Intercept[]): void {
  fixture.service.intercept = ({ path }: Seen) =>
    path.endsWith(suffix) ? (decisions.shift() ?? 'continue') : 'continue';
}

describe('a connection', () => {
  test('asks for the state first, and once', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice);
    await calling.identity(alice.id);
    await calling.identity(alice.id);
    expect(service.seen.map(({ path }) => path)).toEqual([
      '/v1/sys/state',
      `/v1/identities/${alice.id}`,
      `/v1/identities/${alice.id}`,
    ]);
    expect(service.connections).toBe(1);
  });

  test('never carries two requests at once, and the pool is bounded', async () => {
    const { service, alice, client } = fixture;
    const busy = new Set<number>();
    service.intercept = async ({ path, connection }): Promise<Intercept> => {
      if (!path.includes('identities')) return 'continue';
      expect(busy.has(connection)).toBe(false);
      busy.add(connection);
      await new Promise(setImmediate);
      busy.delete(connection);
      return 'continue';
    };
    const calling = client(alice, { maximumConnections: 2 });
    await Promise.all(Array.from({ length: 20 }, () => calling.identity(alice.id)));
    expect(service.connections).toBe(2);
  });

  test('uses each nonce once', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice, { maximumConnections: 3 });
    await Promise.all(Array.from({ length: 12 }, () => calling.identity(alice.id)));
    const nonces = service.seen.flatMap(({ proof }) => proof?.nonce ?? []);
    expect(new Set(nonces).size).toBe(12);
  });

  test('without a nonce asks for one', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice);
    await calling.identity(alice.id);
    interceptPath(alice.id, { status: 404, body: { code: 'not_found' }, headers: { 'replay-nonce': '' } });
    await expect(calling.identity(alice.id)).rejects.toMatchObject({ code: 'not_found' });
    expect((await calling.identity(alice.id)).id).toBe(alice.id);
    expect(service.requests('/v1/sys/state')).toHaveLength(2);
    expect(service.connections).toBe(1);
  });

  test('ends with the client', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice);
    service.intercept = ({ path }) => (path.includes('identities') ? 'hang' : 'continue');
    const call = calling.identity(alice.id);
    await until(() => service.requests(alice.id).length === 1);
    calling.close();
    await expect(call).rejects.toThrow('Cannot call: the client is closed');
    await expect(calling.identity(alice.id)).rejects.toThrow('Cannot call: the client is closed');
  });
});

describe('nonces', () => {
  const refusal = { status: 401, body: { code: 'bad_nonce' } };

  test('that are refused are replaced twice', async () => {
    const { service, alice, client } = fixture;
    interceptPath(alice.id, refusal, refusal);
    expect((await client(alice).identity(alice.id)).id).toBe(alice.id);
    const nonces = service.requests(alice.id).map(({ proof }) => proof!.nonce);
    expect(new Set(nonces).size).toBe(3);
  });

  test('that are refused a third time are an error', async () => {
    const { service, alice, client } = fixture;
    interceptPath(alice.id, refusal, refusal, refusal);
    await expect(client(alice).identity(alice.id)).rejects.toMatchObject({ code: 'bad_nonce' });
    expect(service.requests(alice.id)).toHaveLength(3);
  });

  test.each(['bad_proof', 'channel_required'])('are not what %s is retried for', async (code) => {
    const { service, alice, client } = fixture;
    interceptPath(alice.id, { status: 401, body: { code } });
    await expect(client(alice).identity(alice.id)).rejects.toMatchObject({ code });
    expect(service.requests(alice.id)).toHaveLength(1);
  });
});

describe('the nonce of the last answer', () => {
  test.each([
    { name: 'is used while it is young', route: 'identity', age: 100_000, asked: 0 },
    { name: 'is replaced before it ends', route: 'identity', age: 100_001, asked: 1 },
    { name: 'is used at once by what must not be repeated', route: 'seal', age: 1000, asked: 0 },
    { name: 'is replaced later by what must not be repeated', route: 'seal', age: 1001, asked: 1 },
  ] as const)('$name', async ({ route, age, asked }) => {
    const { service, alice } = fixture;
    let milliseconds = 0;
    const session = new Session({
      endpoints: endpointsOf(service.address),
      resolve: resolveHost,
      pick: () => 0,
      trust: new ServerTrust({ pinned: service.fingerprint }, service.address),
      identity: alice,
      now: () => service.dateSeconds,
      monotonic: () => milliseconds,
      onWarning: () => undefined,
      maximumConnections: 1,
      attempts: 1,
      attemptTimeoutMilliseconds: 1000,
      retryDelayMilliseconds: 0,
    });
    await session.state(new Deadline());
    milliseconds = age;
    service.intercept = ({ path }) => (path === '/v1/sys/state' ? 'continue' : { status: 200, body: {} });
    const body = route === 'seal' ? { body: () => '{}' } : {};
    await session.call({ route, segments: { id: alice.id }, ...body, read: () => undefined }, new Deadline());
    expect(service.requests('/v1/sys/state')).toHaveLength(1 + asked);
    session.close();
  });
});

describe('an answer', () => {
  test('that does not end is left', async () => {
    const { service, alice, client } = fixture;
    service.intercept = ({ path }) =>
      path.endsWith(alice.id) ? { status: 200, body: { keyset: 'a'.repeat(2 * 1_048_576) } } : 'continue';
    await expect(client(alice).identity(alice.id)).rejects.toMatchObject({
      code: 'bad_answer',
      message: 'The answer is longer than 2097152 bytes',
    });
    expect(service.requests(alice.id)).toHaveLength(1);
  });
});

describe('a connection that ends', () => {
  test('in the middle of an open: the same claim is delivered again, on a new connection with a new proof', async () => {
    const { service, bob, client } = fixture;
    const id = await storedWrap();
    const claims: Claim[] = [];
    interceptPath('/open', 'kill_after');
    const opened = await client(bob).open(id, { onClaim: (claim) => void claims.push(claim) });
    expect(Buffer.from(opened.content.expose())).toEqual(content);
    const [first, second] = service.requests('/open') as [Seen, Seen];
    expect(opened.delivery).toMatchObject({ n: 2, bhs: [first.bodyHash, second.bodyHash], cid: opened.claimId });
    expect(second.connection).not.toBe(first.connection);
    expect(second.proof!.nonce).not.toBe(first.proof!.nonce);
    expect(second.proof!.cb).not.toBe(first.proof!.cb);
    expect(JSON.parse(second.body)['rpk']).not.toEqual(JSON.parse(first.body)['rpk']);
    expect(claims.map(({ bodyHashes }) => bodyHashes)).toEqual([[first.bodyHash], [first.bodyHash, second.bodyHash]]);
    expect(new Set(claims.map(({ claimId }) => claimId))).toEqual(new Set([opened.claimId]));
  });

  test('in the middle of a wrap: the same envelope is stored once', async () => {
    const { service } = fixture;
    interceptPath('/v1/wraps', 'kill_after');
    await storedWrap();
    const [first, second] = service.requests('/v1/wraps') as [Seen, Seen];
    expect(second.body).toBe(first.body);
    expect(service.wraps.size).toBe(1);
  });

  test('before the acknowledgement is answered: it is sent again', async () => {
    const { service, bob, client } = fixture;
    const opened = await client(bob).open(await storedWrap());
    interceptPath('/ack', 'kill_after');
    expect((await opened.acknowledge()).st).toBe('OPENED');
    expect(service.requests('/ack')).toHaveLength(2);
  });

  test('again and again is an error after the last attempt', async () => {
    const { service, alice, client } = fixture;
    interceptPath(alice.id, 'kill', 'kill', 'kill');
    await expect(client(alice).identity(alice.id)).rejects.toMatchObject({
      code: 'connection_lost',
      outcome: 'unknown',
    });
    expect(service.requests(alice.id)).toHaveLength(3);
  });

  test('after an operation was sent: the very same one is sent again', async () => {
    const { service, alice, client } = fixture;
    interceptPath('/v1/sys/op', 'kill', { status: 200, body: {} });
    expect(await client(alice).operate('identity.put', { id: alice.id })).toEqual({ isDone: true });
    const [first, second] = service.requests('/v1/sys/op') as [Seen, Seen];
    expect(second.body).toBe(first.body);
    expect(second.connection).not.toBe(first.connection);
  });

  test('before an operation was sent: it goes on a new connection', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice);
    const signed = await calling.signOperation('identity.put', { id: alice.id });
    interceptPath(alice.id, { status: 404, body: { code: 'not_found' }, headers: { 'replay-nonce': '' } });
    await expect(calling.identity(alice.id)).rejects.toMatchObject({ code: 'not_found' });
    const decisions: Intercept[] = ['kill'];
    service.intercept = ({ path }) => {
      if (path === '/v1/sys/state') return decisions.shift() ?? 'continue';
      return path === '/v1/sys/op' ? { status: 200, body: {} } : 'continue';
    };
    expect(await calling.submitOperations([signed])).toEqual({ isDone: true });
    expect(service.requests('/v1/sys/op')).toHaveLength(1);
    expect(service.connections).toBe(2);
  });

  test('while idle is not used again', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice);
    await calling.identity(alice.id);
    service.killConnections();
    expect((await calling.identity(alice.id)).id).toBe(alice.id);
    expect(service.connections).toBe(2);
  });
});

describe('an interrupted opening', () => {
  test('resumes in another process with its claim and hashes', async () => {
    const { bob, client } = fixture;
    const id = await storedWrap();
    let stored: Claim | undefined;
    interceptPath('/open', 'kill_after');
    const first = client(bob, { attempts: 1 }).open(id, { onClaim: (claim) => void (stored = claim) });
    await expect(first).rejects.toMatchObject({ code: 'connection_lost' });
    const opened = await client(bob).open(id, { claimId: stored!.claimId, priorBodyHashes: stored!.bodyHashes });
    expect(opened.delivery.n).toBe(2);
  });

  test('without its hashes is refused: somebody else may have been given the content', async () => {
    const { bob, client } = fixture;
    const id = await storedWrap();
    let stored: Claim | undefined;
    interceptPath('/open', 'kill_after');
    await client(bob, { attempts: 1 })
      .open(id, { onClaim: (claim) => void (stored = claim) })
      .catch(() => undefined);
    const call = client(bob).open(id, { claimId: stored!.claimId });
    await expect(call).rejects.toMatchObject({ name: 'IntegrityError', reason: 'delivery_shared' });
  });

  test('is not sent before its claim is stored', async () => {
    const { service, bob, client } = fixture;
    const id = await storedWrap();
    const call = client(bob).open(id, { onClaim: () => Promise.reject(new Error('disk full')) });
    await expect(call).rejects.toThrow('disk full');
    expect(service.requests('/open')).toEqual([]);
  });
});

describe('deadlines', () => {
  test("end a call with the caller's reason", async () => {
    const { service, alice, client } = fixture;
    interceptPath(alice.id, 'hang');
    const controller = new AbortController();
    const call = client(alice).identity(alice.id, { signal: controller.signal });
    await until(() => service.requests(alice.id).length === 1);
    controller.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    expect(service.requests(alice.id)).toHaveLength(1);
  });

  test('end a call whose caller gave up before', async () => {
    const { service, alice, client } = fixture;
    const call = client(alice).identity(alice.id, { signal: AbortSignal.abort(new Error('enough')) });
    await expect(call).rejects.toThrow('enough');
    expect(service.seen).toEqual([]);
  });

  test('end a call after its time', async () => {
    const { alice, client } = fixture;
    const calling = client(alice);
    // The time is not for the handshake.
    await calling.state();
    interceptPath(alice.id, 'hang');
    const call = calling.identity(alice.id, { timeoutMilliseconds: 200 });
    await expect(call).rejects.toMatchObject({ name: 'ConnectionError', code: 'timeout', outcome: 'unknown' });
  });

  test('end an attempt before the call, which goes on elsewhere', async () => {
    const { service, alice, client } = fixture;
    interceptPath(alice.id, 'hang');
    const calling = client(alice, { attemptTimeoutMilliseconds: 200, attempts: 20 });
    expect((await calling.identity(alice.id)).id).toBe(alice.id);
    const [first, last] = [service.requests(alice.id)[0]!, service.requests(alice.id).at(-1)!];
    expect(last.connection).not.toBe(first.connection);
  });

  test('hold while waiting for a free connection', async () => {
    const { service, alice, client } = fixture;
    service.intercept = ({ path }) => (path.endsWith(alice.id) ? 'hang' : 'continue');
    const calling = client(alice, { maximumConnections: 1, attempts: 1 });
    const controller = new AbortController();
    const first = calling.identity(alice.id, { signal: controller.signal });
    await until(() => service.requests(alice.id).length === 1);
    const second = calling.identity(alice.id, { timeoutMilliseconds: 50 });
    await expect(second).rejects.toMatchObject({ code: 'timeout', outcome: 'not_sent' });
    controller.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
  });

  test('hold for a server that never shakes hands', async () => {
    const { alice, client } = fixture;
    const silent = await listenSilently();
    const address = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const call = client(alice, { address, attempts: 1 }).identity(alice.id, { timeoutMilliseconds: 50 });
    await expect(call).rejects.toMatchObject({ code: 'timeout', outcome: 'not_sent' });
    silent.close();
  });

  test('must be positive', async () => {
    const { alice, client } = fixture;
    await expect(client(alice).identity(alice.id, { timeoutMilliseconds: 0 })).rejects.toThrow(
      'expected a positive number',
    );
  });
});

test('a port where nobody listens is a connection error', async () => {
  const { alice, client, service } = fixture;
  const calling = client(alice);
  await service.close();
  await expect(calling.identity(alice.id)).rejects.toMatchObject({
    name: 'ConnectionError',
    code: 'connect_failed',
    outcome: 'not_sent',
  });
});

/** Waits for something that the fake has seen. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate);
}

async function listenSilently(): Promise<Server> {
  const server = createServer((socket) => socket.unref());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
