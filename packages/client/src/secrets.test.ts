import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Deadline } from './deadline.ts';
import { endpointsOf } from './address.ts';
import { IdentityBook } from './identities.ts';
import { rotateIdentity, type Identity } from './identity.ts';
import { resolveHost } from './replicas.ts';
import { SecretBook } from './secrets.ts';
import { Session } from './session.ts';
import { startTestServer, type TestServer } from './testing.ts';
import { ServerTrust } from './trust.ts';

let server: TestServer;
let alice: Identity;
let bob: Identity;
let carol: Identity;
beforeAll(async () => {
  server = await startTestServer();
  alice = await server.createIdentity('alice', [{ path: 'team-a', verbs: ['write', 'read', 'list', 'destroy'] }]);
  bob = await server.createIdentity('bob', [{ path: 'team-a', verbs: ['read'] }]);
  carol = await server.createIdentity('carol', [{ path: 'team-a', verbs: ['read', 'write'] }]);
});
afterAll(() => server.close());

let paths = 0;
/** A path of its own for each test. */
function newPath(): string {
  paths += 1;
  return `team-a/secret-${paths}`;
}
const bytes = (text: string) => Buffer.from(text);
async function textOf(identity: Identity, path: string, options = {}): Promise<string> {
  using read = await server.client(identity).readSecret(path, options);
  return Buffer.from(read.content.expose()).toString();
}

describe('a secret at the real service', () => {
  test('has versions, which its readers read, and others do not', async () => {
    const path = newPath();
    const writer = server.client(alice);
    const first = await writer.writeSecret({
      path,
      to: [bob.id],
      content: bytes('one'),
      name: 'db.txt',
      type: 'text/plain',
    });
    expect(first).toMatchObject({ path, ver: 1, receipt: { st: 'STORED' } });
    expect((await writer.writeSecret({ path, to: [bob.id], content: bytes('two') })).ver).toBe(2);
    expect(await textOf(bob, path)).toBe('two');
    using old = await server.client(bob).readSecret(path, { ver: 1 });
    expect(old).toMatchObject({ name: 'db.txt', type: 'text/plain', ver: 1 });
    expect(old.writer.thumbprint).toBe(alice.id);
    await expect(textOf(alice, path)).rejects.toMatchObject({ code: 'not_found' });
    await expect(textOf(carol, path)).rejects.toMatchObject({ code: 'not_found' });
    const stranger = await server.createIdentity('eve');
    await expect(textOf(stranger, path)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('takes the next version from the refusal of a writer that did not know the latest', async () => {
    const path = newPath();
    await server.client(alice).writeSecret({ path, to: [bob.id], content: bytes('one'), ver: 1_790_000_000 });
    const next = await server.client(carol).writeSecret({ path, to: [bob.id], content: bytes('two') });
    expect(next.ver).toBe(1_790_000_001);
  });

  test('is not overwritten by who names a version that was taken', async () => {
    const path = newPath();
    const writer = server.client(alice);
    await writer.writeSecret({ path, to: [bob.id], content: bytes('one') });
    await expect(writer.writeSecret({ path, to: [bob.id], content: bytes('two'), ver: 1 })).rejects.toMatchObject({
      code: 'conflict',
      members: { ver: 1 },
    });
    expect(await textOf(bob, path)).toBe('one');
  });

  test('is listed to who may see it, newest versions first', async () => {
    const path = `${newPath()}/db`;
    const writer = server.client(alice);
    for (const content of ['one', 'two']) await writer.writeSecret({ path, to: [bob.id], content: bytes(content) });
    const parent = path.slice(0, -3);
    expect(await writer.listSecrets({ path: parent })).toEqual([{ path, ver: 2 }]);
    expect(await writer.listSecrets({ path: 'team-a' })).toContainEqual({ path: parent, ver: undefined });
    expect(await writer.listSecrets()).toEqual([{ path: 'team-a', ver: undefined }]);
    expect((await writer.secretVersions(path)).map(({ ver, st }) => ({ ver, st }))).toEqual([
      { ver: 2, st: 'STORED' },
      { ver: 1, st: 'STORED' },
    ]);
    const stranger = server.client(await server.createIdentity('mallory'));
    expect(await stranger.listSecrets()).toEqual([]);
    await expect(stranger.listSecrets({ path: 'team-a' })).rejects.toMatchObject({ code: 'denied' });
    await expect(stranger.secretVersions(path)).rejects.toMatchObject({ code: 'denied' });
  });

  test('loses one version for ever when that is destroyed', async () => {
    const path = newPath();
    const writer = server.client(alice);
    for (const content of ['one', 'two']) await writer.writeSecret({ path, to: [bob.id], content: bytes(content) });
    expect((await writer.destroySecret(path, 1)).st).toBe('DESTROYED');
    await expect(textOf(bob, path, { ver: 1 })).rejects.toMatchObject({
      code: 'gone',
      isProven: true,
      members: { st: 'DESTROYED' },
    });
    expect(await textOf(bob, path)).toBe('two');
    await expect(server.client(bob).destroySecret(path, 2)).rejects.toMatchObject({ code: 'denied' });
  });

  test('is shared by who can read it: written again, for one reader more, with what was known of it', async () => {
    const path = newPath();
    await server.client(alice).writeSecret({
      path,
      to: [bob.id, carol.id],
      content: bytes('one'),
      type: 'text/plain',
      expiresInSeconds: 600,
    });
    const dave = await server.createIdentity('dave', [{ path, verbs: ['read'] }]);
    const { exp } = (await server.client(carol).secretVersions(path))[0]!;
    const shared = await server.client(carol).shareSecret(path, { with: [dave.id, bob.id] });
    expect(shared.ver).toBe(2);
    expect(shared.header).toMatchObject({ exp, rcp: [`k:${bob.id}`, `k:${carol.id}`, `k:${dave.id}`] });
    using read = await server.client(dave).readSecret(path);
    expect(read).toMatchObject({ type: 'text/plain', ver: 2 });
    expect(Buffer.from(read.content.expose()).toString()).toBe('one');
    expect(read.writer.thumbprint).toBe(carol.id);
    await expect(server.client(alice).shareSecret(path, { with: [alice.id] })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  test('is sealed for the key that a reader has now', async () => {
    const path = newPath();
    const erin = await server.createIdentity('erin', [{ path, verbs: ['read'] }]);
    const writer = server.client(alice);
    await writer.writeSecret({ path, to: [erin.id], content: bytes('one') });
    const rotated = rotateIdentity(erin);
    await server.client(rotated).register();
    expect((await writer.writeSecret({ path, to: [erin.id], content: bytes('two') })).ver).toBe(2);
    expect(await textOf(rotated, path)).toBe('two');
    expect(await textOf(rotated, path, { ver: 1 })).toBe('one');
  });

  test('is refused from a writer that is not wanted', async () => {
    const path = newPath();
    await server.client(alice).writeSecret({ path, to: [bob.id], content: bytes('one') });
    await expect(textOf(bob, path, { isWriterAllowed: (id: string) => id === carol.id })).rejects.toMatchObject({
      reason: 'writer_not_allowed',
    });
  });
});

describe('the memory of versions', () => {
  test('refuses a latest version that is lower than one that was seen, but not an old one that was asked for', async () => {
    const path = newPath();
    for (const content of ['one', 'two']) {
      await server.client(alice).writeSecret({ path, to: [bob.id], content: bytes(content) });
    }
    const versions = new Map([[path, 3]]);
    const reader = server.client(bob, { versions });
    await expect(reader.readSecret(path)).rejects.toMatchObject({ reason: 'secret_rollback' });
    expect((await reader.readSecret(path, { ver: 1 })).ver).toBe(1);
    expect(versions.get(path)).toBe(3);
  });

  test('gives out what was the latest when it was asked for, although another call has seen a newer one since', async () => {
    const path = newPath();
    await server.client(alice).writeSecret({ path, to: [bob.id], content: bytes('one') });
    const versions = new Map<string, number>();
    using read = await server.client(bob, { versions }).readSecret(path, {
      // Called after the answer has come: here the other call notices its version first.
      isWriterAllowed: () => {
        versions.set(path, 2);
        return true;
      },
    });
    expect(read.ver).toBe(1);
    expect(versions.get(path)).toBe(2);
  });

  test('learns from what is read and from what is written', async () => {
    const path = newPath();
    const [written, read] = [new Map<string, number>(), new Map<string, number>()];
    await server
      .client(alice, { versions: written })
      .writeSecret({ path, to: [bob.id], content: bytes('one'), ver: 7 });
    await server.client(bob, { versions: read }).readSecret(path);
    expect([written.get(path), read.get(path)]).toEqual([7, 7]);
  });

  test('refuses another version than the one that was asked for', async () => {
    const path = newPath();
    for (const content of ['one', 'two']) {
      await server.client(alice).writeSecret({ path, to: [bob.id], content: bytes(content) });
    }
    const session = new Session({
      endpoints: endpointsOf(server.address),
      resolve: resolveHost,
      pick: () => 0,
      trust: new ServerTrust({ pinned: server.fingerprint }, server.address),
      identity: bob,
      now: () => Math.floor(Date.now() / 1000),
      monotonic: () => performance.now(),
      onWarning: () => undefined,
      maximumConnections: 1,
      attempts: 1,
      attemptTimeoutMilliseconds: 10_000,
      retryDelayMilliseconds: 0,
    });
    // A server that answers with another version than was asked for, each of its signatures being right.
    const call = session.call.bind(session);
    session.call = (plan, deadline) =>
      call({ ...plan, body: async (attempt) => (await plan.body!(attempt)).replace('"ver":1', '"ver":2') }, deadline);
    const book = new SecretBook(session, new IdentityBook(session));
    await expect(book.read(path, { ver: 1 }, new Deadline())).rejects.toMatchObject({
      reason: 'delivery_other_version',
    });
    session.close();
  });
});

describe('writeSecret()', () => {
  test.each([
    { name: 'no reader', change: { to: [] } },
    { name: 'more readers than slots', change: { to: 17 } },
    { name: 'a version that is none', change: { ver: 0 } },
    { name: 'an expiry in the past', change: { expiresInSeconds: 0 } },
    { name: 'too much content', change: { content: new Uint8Array(524_288) } },
  ])('refuses $name before it sends anything', async ({ change }) => {
    const { to, ...rest } = change as { readonly to?: readonly string[] | number };
    const keyset = await server.client(alice).identity(bob.id);
    const readers = typeof to === 'number' ? Array.from({ length: to }, () => keyset) : (to ?? [keyset]);
    await expect(
      server.client(alice).writeSecret({ path: newPath(), content: bytes('one'), to: readers, ...rest }),
    ).rejects.toThrow(expect.objectContaining({ name: 'RangeError' }));
  });
});
