import { describe, expect, test } from '@jest/globals';
import { endpointsOf, type ServiceAddress } from './address.ts';
import { Replicas, replicasOf, type Replica } from './replicas.ts';

const names: Readonly<Record<string, readonly string[]>> = {
  'one.example': ['10.0.0.1'],
  'all.example': ['10.0.0.1', '10.0.0.2', '::3'],
};
const resolve = (host: string): Promise<readonly string[]> =>
  names[host] === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(names[host]);
const { signal } = new AbortController();

describe('endpointsOf()', () => {
  const origin = 'https://a.example:8443';
  test.each<{ readonly name: string; readonly given: ServiceAddress; readonly dialled: readonly string[] }>([
    { name: 'an origin', given: origin, dialled: [`${origin} a.example 8443`] },
    {
      name: 'origins',
      given: [origin, 'b.example'],
      dialled: [`${origin} a.example 8443`, 'https://b.example b.example 443'],
    },
    { name: 'an origin that is given twice', given: [origin, `${origin}/`], dialled: [`${origin} a.example 8443`] },
    {
      name: 'an origin with addresses',
      given: { origin, addresses: ['10.0.0.1', '10.0.0.2:9443', 'c.example:443', '::1', '[::2]', '[::2]:443'] },
      dialled: [
        `${origin} 10.0.0.1 8443`,
        `${origin} 10.0.0.2 9443`,
        `${origin} c.example 443`,
        `${origin} ::1 8443`,
        `${origin} ::2 8443`,
        `${origin} ::2 443`,
      ],
    },
  ])('reads $name', ({ given, dialled }) => {
    expect(
      endpointsOf(given).map(({ address, dialHost, dialPort }) => `${address.origin} ${dialHost} ${dialPort}`),
    ).toEqual(dialled);
  });

  test.each<{ readonly name: string; readonly given: ServiceAddress }>([
    { name: 'no origin', given: [] },
    { name: 'no address to dial', given: { origin, addresses: [] } },
    { name: 'an origin to dial', given: { origin, addresses: ['https://10.0.0.1'] } },
    { name: 'a path to dial', given: { origin, addresses: ['10.0.0.1/v1'] } },
    { name: 'one bad origin of two', given: [origin, 'http://b.example'] },
  ])('refuses $name', ({ given }) => {
    expect(() => endpointsOf(given)).toThrow('Cannot use the address');
  });
});

describe('Replicas', () => {
  /** Replicas at 10.0.0.1 to 10.0.0.3 unless others are given, and a clock. */
  function choice(given: ServiceAddress = ['https://10.0.0.1', 'https://10.0.0.2', 'https://10.0.0.3'], pick = 0) {
    let milliseconds = 0;
    const replicas = new Replicas(endpointsOf(given), { resolve, monotonic: () => milliseconds, pick: () => pick });
    return {
      replicas,
      current: () => replicas.current(signal),
      fail: (replica: Replica) => {
        milliseconds += 1;
        replicas.failed(replica);
      },
    };
  }

  test('stays with one until that fails, and with the next one after it came back', async () => {
    const { current, fail } = choice();
    const first = await current();
    expect(await current()).toBe(first);
    fail(first);
    const second = await current();
    expect([first.host, second.host, (await current()).host]).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.2']);
  });

  test('tries all before one again, and then the one that failed the longest ago', async () => {
    const { current, fail } = choice();
    const hosts: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      const replica = await current();
      hosts.push(replica.host);
      fail(replica);
    }
    expect(hosts).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1', '10.0.0.2']);
  });

  test('does not leave the new one for a late failure of the old one', async () => {
    const { current, fail } = choice();
    const first = await current();
    fail(first);
    const second = await current();
    fail(first);
    expect(await current()).toBe(second);
  });

  test('begins with the one that is picked', async () => {
    expect((await choice(undefined, 2).current()).host).toBe('10.0.0.3');
  });

  test('stays with the only one there is', async () => {
    const { current, fail } = choice('one.example');
    const only = await current();
    fail(only);
    expect(await current()).toBe(only);
  });

  test('looks a name up again when its address does not answer', async () => {
    const addresses = ['10.0.0.1'];
    const replicas = new Replicas(endpointsOf('a.example'), {
      resolve: () => Promise.resolve([...addresses]),
      monotonic: () => 0,
      pick: () => 0,
    });
    const before = await replicas.current(signal);
    addresses[0] = '10.0.0.9';
    replicas.notReached(before);
    expect((await replicas.current(signal)).host).toBe('10.0.0.9');
  });

  test('counts every address of every name, once, and leaves out names that are not known', async () => {
    const { replicas, current } = choice(['one.example:1', 'all.example:1', 'none.example:1']);
    await current();
    // The origin is part of a replica: proofs to it name that one.
    expect(replicas.count).toBe(4);
    expect(
      await replicasOf({ origin: 'a.example', addresses: ['one.example', 'all.example'] }, { signal, resolve }),
    ).toEqual(
      ['10.0.0.1:443', '10.0.0.2:443', '[::3]:443'].map((address) => ({
        origin: 'https://a.example',
        addresses: [address],
      })),
    );
  });

  test('says when no name is known', async () => {
    await expect(choice('none.example').current()).rejects.toMatchObject({
      code: 'connect_failed',
      outcome: 'not_sent',
      message: 'Cannot find none.example: the name is not known',
    });
  });

  test('does not wait for names longer than the caller', async () => {
    const replicas = new Replicas(endpointsOf('a.example'), {
      resolve: () => new Promise(() => undefined),
      monotonic: () => 0,
      pick: () => 0,
    });
    const controller = new AbortController();
    const waiting = replicas.current(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
