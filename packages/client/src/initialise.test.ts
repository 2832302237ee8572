/** The initialisation by an admin, at the real service in this process. @module */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LetterlockClient } from './client.ts';
import { createIdentity } from './identity.ts';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
let admin: LetterlockClient;
const k = 2;

beforeAll(async () => {
  server = await startTestServer({ admins: 3, isInitialised: false, flags: { 'init-threshold': String(k) } });
  admin = server.client(server.admin);
});
afterAll(() => server.close());

const right = () => ({ boot: server.bootFingerprint, admins: server.adminCertificates, k });

/** Each test goes on where the one before ended. */
describe('initialise()', () => {
  test('is waited for, and nothing can be done before it', async () => {
    expect(await admin.state()).toMatchObject({ state: 'uninitialised', isVerified: false });
    expect(() => server.fingerprint).toThrow('not initialised');
    await expect(admin.grants()).rejects.toMatchObject({ code: 'uninitialised' });
  });

  test.each([
    { name: 'another boot', change: () => ({ boot: 'A'.repeat(43) }) },
    { name: 'another threshold', change: () => ({ k: 1 }) },
    { name: 'an admin less', change: () => ({ admins: server.adminCertificates.slice(1) }) },
  ])('refuses $name, and goes on waiting', async ({ change }) => {
    await expect(admin.initialise({ ...right(), ...change() })).rejects.toMatchObject({ code: 'conflict' });
    expect((await admin.state()).state).toBe('uninitialised');
  });

  test('refuses who is no admin', async () => {
    const stranger = server.client(createIdentity({ isSingleKey: true }));
    await expect(stranger.initialise(right())).rejects.toMatchObject({ code: 'bad_proof' });
    expect((await admin.state()).state).toBe('uninitialised');
  });

  test('needs an identity', async () => {
    await expect(server.client().initialise(right())).rejects.toThrow('the client has no identity');
  });

  test('makes the installation that the admin asked for, with a key that clients can pin', async () => {
    await admin.initialise(right());
    const pinning = server.client(server.admin);
    expect(await pinning.state()).toMatchObject({ state: 'unsealed', isVerified: true });
    expect(await pinning.unsealStatus()).toMatchObject({ k, n: 3, admins: server.admins.map(({ id }) => id) });
    const reader = await server.createIdentity('reader', [{ path: 'a', verbs: ['wrap'] }]);
    expect((await server.client(reader).wrap({ to: reader.id, path: 'a', content: Buffer.from('x') })).receipt.st).toBe(
      'STORED',
    );
  });

  test('happens once', async () => {
    await expect(server.client(server.admins[1]).initialise(right())).rejects.toMatchObject({ code: 'conflict' });
  });

  test('has given each admin a share: two of them unseal', async () => {
    const [first, second, third] = server.admins.map((each) => server.client(each));
    const [one, other] = [await second!.checkShare(), await third!.checkShare()];
    await first!.seal();
    const boot = server.bootFingerprint;
    expect(await second!.giveShare({ pin: one, boot })).toMatchObject({ isUnsealed: false });
    expect(await third!.giveShare({ pin: other, boot })).toMatchObject({ isUnsealed: true });
  });
});
