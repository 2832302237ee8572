import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { ApiError } from './api-error.ts';
import { Lease } from './lease.ts';
import { FakeApi } from './testing/fake-api.ts';

/** Two replicas that share an API server and a clock that is moved by hand. */
function replicas() {
  const api = new FakeApi();
  const clock = { seconds: 1_790_000_000 };
  const courtesy = { a: 0, b: 0 };
  const of = (holder: 'a' | 'b'): Lease =>
    new Lease({
      courtesySeconds: () => courtesy[holder],
      api,
      namespace: 'letterlock-system',
      name: 'letterlock-controller',
      holder,
      monotonicSeconds: () => clock.seconds,
      nowSeconds: () => clock.seconds,
      log: pino({ level: 'silent' }),
    });
  return { api, clock, courtesy, a: of('a'), b: of('b') };
}

describe('Lease', () => {
  test('one of two leads, and keeps leading while it renews', async () => {
    const { clock, a, b } = replicas();
    await a.attempt();
    for (let turn = 0; turn < 10; turn += 1) {
      clock.seconds += 3;
      await b.attempt();
      await a.attempt();
      expect([a.isLeading, b.isLeading]).toEqual([true, false]);
    }
  });

  test('who cannot renew stops leading before another may begin', async () => {
    const { api, clock, a, b } = replicas();
    await a.attempt();
    await b.attempt();
    clock.seconds += 9;
    expect(a.isLeading).toBe(true);
    clock.seconds += 1;
    expect(a.isLeading).toBe(false);
    await b.attempt();
    expect(b.isLeading).toBe(false);
    clock.seconds += 6;
    await b.attempt();
    expect(b.isLeading).toBe(true);
    api.failure = new ApiError(503, 'ServiceUnavailable');
    await expect(b.attempt()).rejects.toMatchObject({ status: 503 });
  });

  test.each([
    { name: 'a lease that is not there', hasHolder: false },
    { name: 'an abandoned lease', hasHolder: true },
  ])('of two that ask for $name at once, one gets it', async ({ hasHolder }) => {
    const { clock, a, b, api } = replicas();
    if (hasHolder) {
      await a.attempt();
      await b.attempt();
      await a.release();
    }
    const read = api.ask.bind(api);
    let waiting = 2;
    const both = Promise.withResolvers<void>();
    // Both have read before either writes.
    api.ask = async (request) => {
      const answer = await read(request).catch((error: unknown) => ({ error }));
      if (request.method === 'GET') {
        waiting -= 1;
        if (waiting === 0) both.resolve();
        await both.promise;
      }
      if (typeof answer === 'object' && answer !== null && 'error' in answer) throw answer.error;
      return answer;
    };
    await Promise.all([a.attempt(), b.attempt()]);
    expect([a.isLeading, b.isLeading].filter(Boolean)).toHaveLength(1);
    clock.seconds += 1;
  });

  test('lets go when it stops, and another begins at once', async () => {
    const { a, b } = replicas();
    await a.attempt();
    await b.attempt();
    await a.release();
    expect(a.isLeading).toBe(false);
    await b.attempt();
    expect(b.isLeading).toBe(true);
  });

  test('who knows little waits for another to begin, also after its own crash, and leads where nobody does', async () => {
    const { clock, courtesy, a, b } = replicas();
    await a.attempt();
    await a.release();
    courtesy.b = 20;
    await b.attempt();
    expect(b.isLeading).toBe(false);
    clock.seconds += 21;
    await b.attempt();
    expect(b.isLeading).toBe(true);
    clock.seconds += 3;
    await b.attempt();
    expect(b.isLeading).toBe(true);
    // The same name begins anew, as a pod of a StatefulSet does.
    const again = replicas();
    await again.b.attempt();
    again.courtesy.b = 20;
    again.clock.seconds += 11;
    await again.b.attempt();
    expect(again.b.isLeading).toBe(false);
    await again.a.attempt();
    again.clock.seconds += 16;
    await again.a.attempt();
    expect(again.a.isLeading).toBe(true);
  });
});
