import { afterEach, describe, expect, test } from '@jest/globals';
import { createIdentity } from '@letterlock/client';
import { createSelfSignedCertificate, generateSigningKey, publicOf, type SigningKey } from '@letterlock/crypto';
import { encodeBase64url, ProblemError } from '@letterlock/protocol';
import { createLog } from './log.ts';
import { Membership, type Chain } from './membership.ts';
import { Metrics } from './metrics.ts';
import type { RpcClient } from './rpc-client.ts';
import type { Trust } from './trust-folder.ts';
import { Waiting } from './waiting.ts';

const start = 1_790_000_000;
const lifeSeconds = 3600;
const instance = (): Trust => ({ instanceKey: publicOf(generateSigningKey('P-256')), authorities: [], seq: 1 });

const stops: AbortController[] = [];
// Also after a test that failed: a membership would keep the process.
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

/** A pod's membership at a service that does what it is told, by a clock that is moved by hand. */
async function pod(change: { readonly key?: SigningKey; readonly failure?: Error } = {}) {
  const identity = createIdentity();
  const clock = { seconds: start };
  const world = {
    trust: instance(),
    key: change.key ?? identity.signingKey,
    failure: change.failure,
  };
  const did: string[] = [];
  const stop = new AbortController();
  stops.push(stop);
  const chain = (): Chain => {
    if (world.failure !== undefined) throw world.failure;
    const der = createSelfSignedCertificate({
      key: world.key,
      commonName: 'agent',
      notBeforeSeconds: clock.seconds - 60,
      notAfterSeconds: clock.seconds + lifeSeconds,
    });
    return [encodeBase64url(der)];
  };
  const log = createLog({ level: 'error', write: () => undefined, now: () => new Date(clock.seconds * 1000) });
  const waiting = new Waiting(log, () => clock.seconds);
  const membership = new Membership({
    identity,
    issuer: {
      enrol: async () => {
        did.push('enrol');
        return chain();
      },
    },
    trustFolder: { read: () => world.trust },
    readToken: () => 'token',
    connect: ({ certificates }) => {
      did.push('connect');
      return {
        call: async () => {
          did.push('renew');
          return { body: Buffer.from(JSON.stringify(chain())), nonce: '' };
        },
        close: () => did.push('close'),
        retire: () => did.push('retire'),
        certificates,
      } as unknown as RpcClient;
    },
    readRenewal: (body) => JSON.parse(Buffer.from(body).toString()) as Chain,
    nowSeconds: () => clock.seconds,
    log,
    metrics: new Metrics(),
    waiting,
    trustMilliseconds: 10,
  });
  const running = membership.run(stop.signal);
  const until = async (isSo: () => boolean): Promise<void> => {
    const deadline = Date.now() + 5000;
    while (!isSo()) {
      if (Date.now() > deadline) throw new Error(`It did not become so: ${did.join(' ')}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return {
    membership,
    world,
    clock,
    did,
    waiting,
    until,
    end: async () => {
      stop.abort();
      await running;
    },
  };
}

describe('Membership', () => {
  test('enrols, and has a connection with the certificate', async () => {
    const { membership, did, until, end } = await pod();
    await until(() => membership.link !== undefined);
    expect(did).toEqual(['enrol', 'connect']);
    expect(membership.certificateEndsAt).toBe(start + lifeSeconds);
    await end();
    expect(did.at(-1)).toBe('close');
    expect(membership.link).toBeUndefined();
  });

  test('takes no certificate of another key', async () => {
    const { membership, did, waiting, until, end } = await pod({ key: generateSigningKey('P-256') });
    await until(() => waiting.of('membership') !== undefined || membership.link !== undefined);
    expect(did).toEqual(['enrol']);
    expect(membership.link).toBeUndefined();
    expect(membership.certificateEndsAt).toBeUndefined();
    await end();
  });

  test('says why it waits, and tries again', async () => {
    const { membership, world, waiting, until, end } = await pod({ failure: new ProblemError('sealed') });
    await until(() => waiting.of('membership')?.reason === 'Sealed');
    world.failure = undefined;
    await until(() => membership.link !== undefined);
    expect(waiting.of('membership')).toBeUndefined();
    await end();
  });

  test.each<{ name: string; change: (o: Awaited<ReturnType<typeof pod>>) => void; does: readonly string[] }>([
    {
      name: 'after three fifths of its life',
      change: ({ clock }) => (clock.seconds += lifeSeconds * 0.61),
      does: ['renew', 'connect', 'retire'],
    },
    {
      name: 'after its end',
      change: ({ clock }) => (clock.seconds += lifeSeconds + 1),
      does: ['enrol', 'connect', 'retire'],
    },
    {
      name: 'of another instance',
      change: ({ world }) => (world.trust = instance()),
      does: ['enrol', 'connect', 'retire'],
    },
    {
      name: 'when the bundle has changed',
      change: ({ world }) => (world.trust = { ...world.trust, seq: 2 }),
      does: ['connect', 'retire'],
    },
  ])('a certificate $name: does $does, with the key that it has', async ({ change, does }) => {
    const given = await pod();
    const { did, until, membership, end } = given;
    await until(() => membership.link !== undefined);
    const before = membership.link;
    did.length = 0;
    change(given);
    await until(() => membership.link !== undefined && membership.link !== before);
    expect(did).toEqual(does);
    await end();
  });

  test('does nothing before half of its life', async () => {
    const { clock, did, until, membership, end } = await pod();
    await until(() => membership.link !== undefined);
    did.length = 0;
    clock.seconds += lifeSeconds * 0.39;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(did).toEqual([]);
    await end();
  });

  test('has no connection once its certificate has ended, until it has another', async () => {
    const { clock, world, until, membership, waiting, end } = await pod();
    await until(() => membership.link !== undefined);
    const before = membership.link;
    world.failure = new ProblemError('sealed');
    clock.seconds += lifeSeconds;
    expect(membership.link).toBeUndefined();
    await until(() => waiting.of('membership')?.reason === 'Sealed');
    world.failure = undefined;
    await until(() => membership.link !== undefined);
    expect(membership.link).not.toBe(before);
    await end();
  });

  test('keeps its connection while the renewal fails', async () => {
    const { clock, world, did, until, membership, waiting, end } = await pod();
    await until(() => membership.link !== undefined);
    const before = membership.link;
    world.failure = new ProblemError('unavailable');
    clock.seconds += lifeSeconds * 0.7;
    await until(() => did.includes('renew'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(membership.link).toBe(before);
    expect(waiting.of('membership')).toBeUndefined();
    await end();
  });
});
