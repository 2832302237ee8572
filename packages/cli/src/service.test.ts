import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Context } from './context.ts';
import { knownServer, knownShare, readService } from './service.ts';
import type { Settings } from './settings.ts';
import { KnownServersFile, type KnownServer } from './state/known-servers.ts';
import { makeHome, type Home } from './testing/run-cli.ts';

const [a, b, c] = ['https://a.example', 'https://b.example', 'https://c.example'];
const [ours, theirs] = ['A'.repeat(43), 'B'.repeat(43)];
const share = { instance: 'I', generation: 1, commitment: 'c', boot: 'b' };
let home: Home;
let context: (settings: Partial<Settings>) => Context;

beforeAll(() => {
  home = makeHome();
  const knownServers = new KnownServersFile(home.config);
  const put = (origin: string, fingerprint: string, shares?: KnownServer['shares']): void =>
    knownServers.put(origin, {
      fingerprint,
      instance: 'I',
      trustDomain: 'test.example',
      pinnedAt: 1,
      ...(shares === undefined ? {} : { shares }),
    });
  put(a, ours);
  put(b, ours, { anna: share });
  put(c, theirs, { carla: share });
  context = (settings) =>
    ({ settings: () => Promise.resolve({ addresses: [], dial: [], ...settings }), knownServers }) as unknown as Context;
});
afterAll(() => home[Symbol.dispose]());

describe('readService()', () => {
  test.each([
    { name: 'one address', settings: { addresses: [a] }, origins: [a], parts: [a] },
    { name: 'several', settings: { addresses: [a, b, a] }, origins: [a, b], parts: [a, b] },
    {
      name: 'one that is dialled elsewhere',
      settings: { addresses: [a], dial: ['10.0.0.1:8443', '10.0.0.2:8443'] },
      origins: [a],
      parts: ['10.0.0.1:8443', '10.0.0.2:8443'],
    },
  ])('reads $name', async ({ settings, origins, parts }) => {
    const service = await readService(context(settings));
    expect(service.origins).toEqual(origins);
    expect(service.parts.map(({ shown }) => shown)).toEqual(parts);
  });

  test.each([
    { name: 'no address', settings: {}, message: 'no address is given' },
    { name: 'what is no address', settings: { addresses: [a, 'http://b.example'] }, message: 'expected https://host' },
    { name: '--dial with two addresses', settings: { addresses: [a, b], dial: ['10.0.0.1'] }, message: '--dial goes' },
  ])('refuses $name', async ({ settings, message }) => {
    await expect(readService(context(settings))).rejects.toMatchObject({
      exit: 'usage',
      message: expect.stringContaining(message),
    });
  });
});

describe('knownServer()', () => {
  const known = async (...addresses: readonly string[]) =>
    knownServer(context({}), await readService(context({ addresses })));

  test('finds the pin of any address', async () => {
    expect((await known('https://new.example', b))?.fingerprint).toBe(ours);
    expect(await known('https://new.example')).toBeUndefined();
  });

  test('refuses addresses with different pins', async () => {
    await expect(known(a, c)).rejects.toMatchObject({ exit: 'integrity' });
  });
});

describe('knownShare()', () => {
  test.each([
    { name: 'of the installation, wherever it was checked', fingerprint: ours, admin: 'anna', found: share },
    { name: 'of no other admin', fingerprint: ours, admin: 'ben', found: undefined },
    { name: 'of no other installation', fingerprint: ours, admin: 'carla', found: undefined },
  ])('gives the share $name', ({ fingerprint, admin, found }) => {
    expect(knownShare(context({}), fingerprint, admin)).toEqual(found);
  });
});
