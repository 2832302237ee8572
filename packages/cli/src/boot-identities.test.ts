/** Who vouches for the process that asks for a share: each row differs from a right case in one thing. @module */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey, hash43, signBoot } from '@letterlock/crypto';
import { knownBootIdentities, vouch, type BootKnowledge } from './boot-identities.ts';
import type { Context } from './context.ts';
import { KnownServersFile } from './state/known-servers.ts';
import { makeHome, type Home } from './testing/run-cli.ts';

const [replica, impostor] = [generateSigningKey(), generateSigningKey()];
const now = 1_790_000_000;
const boot = hash43('boot');
const fingerprint = hash43('instance');
const origins = ['https://a.example', 'https://b.example'];
const claims = { boot, exp: now + 300, iat: now, td: 'test.example' };
const shown = { boot, trustDomain: 'test.example', token: signBoot(replica, claims) };
const unknown: BootKnowledge = { fingerprint, pinned: [], trusted: [], boots: undefined };
const pinned = { ...unknown, pinned: [replica.thumbprint] };
let home: Home;
let context: Context;
let notes: string[];

beforeEach(() => {
  home = makeHome();
  notes = [];
  const knownServers = new KnownServersFile(home.config);
  for (const origin of origins) {
    knownServers.put(origin, { fingerprint, instance: '', trustDomain: 'test.example', pinnedAt: now });
  }
  knownServers.put('https://other.example', { fingerprint: boot, instance: '', trustDomain: 'x', pinnedAt: now });
  const output = { note: (text: string) => notes.push(text) };
  // Nobody can answer: a question ends with a usage error.
  const terminal = { isInteractive: false, write: () => undefined };
  context = { knownServers, now: () => now, output, terminal } as unknown as Context;
});
afterEach(() => home[Symbol.dispose]());

describe('vouch()', () => {
  test('lets a process pass that a pinned identity attests, without a question', async () => {
    await expect(vouch(context, pinned, shown, undefined)).resolves.toBe(true);
  });

  test.each([
    { name: 'another identity', token: signBoot(impostor, claims), error: { exit: 'integrity' } },
    { name: 'no attestation', token: undefined, error: { exit: 'integrity' } },
    {
      name: 'a statement about other boot keys',
      token: signBoot(replica, { ...claims, boot: hash43('x') }),
      error: { code: 'attestation_invalid' },
    },
    {
      name: 'a statement that has ended',
      token: signBoot(replica, { ...claims, exp: now }),
      error: { code: 'attestation_invalid' },
    },
    {
      name: 'a statement of another trust domain',
      token: signBoot(replica, { ...claims, td: 'x.example' }),
      error: { code: 'attestation_invalid' },
    },
  ])('refuses $name where an identity is pinned, whoever else vouches', async ({ token, error }) => {
    const refused = expect.objectContaining(error);
    await expect(vouch(context, pinned, { ...shown, token }, boot)).rejects.toEqual(refused);
    await expect(vouch(context, { ...pinned, boots: [boot] }, { ...shown, token }, boot)).rejects.toEqual(refused);
    const trusted = { ...pinned, trusted: [impostor.thumbprint] };
    await expect(vouch(context, trusted, { ...shown, token }, boot)).rejects.toEqual(refused);
  });

  test('refuses the pinned identity where another one is expected', async () => {
    const trusted = { ...pinned, trusted: [impostor.thumbprint] };
    await expect(vouch(context, trusted, shown, boot)).rejects.toMatchObject({ exit: 'integrity' });
  });

  test('refuses the pinned identity with another boot than a person has read', async () => {
    await expect(vouch(context, { ...pinned, boots: [hash43('x')] }, shown, boot)).resolves.toBe(false);
  });

  test('asks at the first contact, and pins nothing that is not accepted', async () => {
    await expect(vouch(context, unknown, shown, undefined)).rejects.toMatchObject({
      exit: 'usage',
      next: expect.stringContaining('--trust-boot'),
    });
    expect(knownBootIdentities(context, fingerprint)).toEqual([]);
  });

  test.each([
    { name: '--trust-boot', knowledge: { ...unknown, trusted: [replica.thumbprint] }, knownBoot: undefined },
    { name: '--boot', knowledge: { ...unknown, boots: [boot] }, knownBoot: undefined },
    { name: 'the process of the last share check', knowledge: unknown, knownBoot: boot },
  ])('pins at the first contact by $name, for this installation alone', async ({ knowledge, knownBoot }) => {
    await expect(vouch(context, knowledge, shown, knownBoot)).resolves.toBe(true);
    expect(origins.map((origin) => context.knownServers.find(origin)?.bootIdentities)).toEqual([
      [replica.thumbprint],
      [replica.thumbprint],
    ]);
    expect(knownBootIdentities(context, boot)).toEqual([]);
  });

  test('at the first contact takes no other identity than --trust-boot names', async () => {
    const trusted = { ...unknown, trusted: [impostor.thumbprint], boots: [boot] };
    await expect(vouch(context, trusted, shown, boot)).rejects.toMatchObject({ exit: 'integrity' });
    await expect(vouch(context, trusted, { ...shown, token: undefined }, boot)).rejects.toMatchObject({
      exit: 'integrity',
    });
  });

  test('takes a token of a cluster that is not known here for none, unless an identity is pinned', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ alg: 'RS256', kid: 'x' })}.${part({ aud: [boot] })}.AA`;
    const ofCluster = { ...shown, token };
    await expect(vouch(context, { ...unknown, boots: [boot] }, ofCluster, undefined)).resolves.toBe(true);
    await expect(vouch(context, unknown, ofCluster, undefined)).rejects.toMatchObject({ exit: 'usage' });
    await expect(vouch(context, { ...pinned, boots: [boot] }, ofCluster, boot)).rejects.toMatchObject({
      code: 'attestation_invalid',
    });
  });

  test('without attestation compares by hand, and says so', async () => {
    const bare = { ...shown, token: undefined };
    await expect(vouch(context, unknown, bare, undefined)).rejects.toMatchObject({
      next: expect.stringContaining('--boot'),
    });
    await expect(vouch(context, { ...unknown, boots: [hash43('x')] }, bare, boot)).resolves.toBe(false);
    expect(notes).toEqual([]);
    await expect(vouch(context, { ...unknown, boots: [boot] }, bare, undefined)).resolves.toBe(true);
    expect(notes).toEqual([expect.stringContaining('Nothing attests')]);
  });
});
