import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { verifyKeyset } from '@letterlock/crypto';
import { createIdentity, rotateIdentity, type Identity } from './identity.ts';
import { sealWrap } from './seal-wrap.ts';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
let alice: Identity;
let bob: Identity;
beforeAll(async () => {
  server = await startTestServer();
  alice = await server.createIdentity('alice', [{ path: 'team-a', verbs: ['wrap'] }]);
  bob = await server.createIdentity('bob');
});
afterAll(() => server.close());

const content = Buffer.from('the content of the secret');
const secret = { path: 'team-a/db', content } as const;

describe('a wrap at the real service', () => {
  test('is opened once, acknowledged, and shown as opened by whom', async () => {
    const [writer, reader] = [server.client(alice), server.client(bob)];
    const { id, receipt } = await writer.wrap({ ...secret, to: bob.id, name: 'db.txt', type: 'text/plain' });
    expect(receipt.st).toBe('STORED');
    using opened = await reader.open(id, { why: 'test' });
    expect(Buffer.from(opened.content.expose())).toEqual(content);
    expect(opened).toMatchObject({ name: 'db.txt', type: 'text/plain' });
    expect((await writer.status(id)).receipt.st).toBe('CLAIMED');
    expect((await opened.acknowledge()).st).toBe('OPENED');
    expect((await reader.acknowledge(id, opened.claimId)).st).toBe('OPENED');
    const status = await writer.status(id, { reader: verifyKeyset(bob.keyset!) });
    expect(status).toMatchObject({
      receipt: { st: 'OPENED' },
      opening: { standing: 'verified' },
      acknowledgement: { standing: 'verified' },
    });
    await expect(reader.open(id)).rejects.toMatchObject({
      code: 'gone',
      isProven: true,
      members: { st: 'OPENED', kid: bob.id },
    });
  });

  test('is delivered again to the same claim and to no other', async () => {
    const reader = server.client(bob);
    const { id } = await server.client(alice).wrap({ ...secret, to: bob.id });
    let bodyHashes: readonly string[] = [];
    const first = await reader.open(id, { onClaim: (claim) => void ({ bodyHashes } = claim) });
    const again = await server.client(bob).open(id, { claimId: first.claimId, priorBodyHashes: bodyHashes });
    expect(again.delivery.n).toBe(2);
    expect(again.content.equals(first.content)).toBe(true);
    await expect(reader.open(id)).rejects.toMatchObject({ code: 'already_claimed', isProven: true });
  });

  test('is nobody else’s business', async () => {
    const { id } = await server.client(alice).wrap({ ...secret, to: bob.id });
    const stranger = server.client(await server.createIdentity('eve'));
    await expect(stranger.open(id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(stranger.status(id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(stranger.revoke(id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(stranger.wrap({ ...secret, to: bob.id })).rejects.toMatchObject({ code: 'denied' });
    await expect(server.client(createIdentity()).status(id)).rejects.toMatchObject({ code: 'bad_proof' });
  });

  test('is reached by another name than is dialled', async () => {
    const address = server.address.replace('127.0.0.1', 'localhost');
    const writer = server.client(alice, { address: { origin: address, addresses: ['127.0.0.1'] } });
    expect((await writer.wrap({ ...secret, to: bob.id })).receipt.st).toBe('STORED');
  });

  test('is taken back by its writer', async () => {
    const writer = server.client(alice);
    const { id } = await writer.wrap({ ...secret, to: bob.id });
    expect((await writer.revoke(id)).st).toBe('REVOKED');
    await expect(server.client(bob).open(id)).rejects.toMatchObject({ code: 'gone', members: { st: 'REVOKED' } });
  });

  test('may be sealed before and stored twice', async () => {
    const writer = server.client(alice);
    const to = await writer.identity(bob.id);
    const { id, envelope, storable } = await sealWrap({
      ...secret,
      to,
      writer: alice,
      iat: Math.floor(Date.now() / 1000),
    });
    expect(JSON.parse(storable)).toEqual(envelope);
    expect((await writer.storeEnvelope(envelope)).receipt.st).toBe('STORED');
    expect((await writer.storeEnvelope(envelope)).id).toBe(id);
    const other = await sealWrap({ ...secret, id, to, writer: alice, iat: Math.floor(Date.now() / 1000) });
    await expect(writer.storeEnvelope(other.envelope)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('carries 512 KiB, and goes on after many requests', async () => {
    const [writer, reader] = [server.client(alice), server.client(bob)];
    const large = Buffer.alloc(524_288 - 3, 7);
    const stored = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        writer.wrap({ ...secret, to: bob.id, content: index === 0 ? large : content }),
      ),
    );
    const opened = await Promise.all(stored.map(({ id }) => reader.open(id)));
    expect(opened.map(({ content: bytes }) => bytes.lengthBytes)).toEqual([
      large.length,
      ...Array.from({ length: 11 }, () => content.length),
    ]);
  });

  test('reaches a reader whose key was rotated in between', async () => {
    const writer = server.client(alice);
    const carol = await server.createIdentity('carol');
    await writer.wrap({ ...secret, to: carol.id });
    const rotated = rotateIdentity(carol);
    expect(await server.client(rotated).register()).toMatchObject({ id: carol.id, seq: 2 });
    const { id } = await writer.wrap({ ...secret, to: carol.id });
    expect((await server.client(rotated).open(id)).content.lengthBytes).toBe(content.length);
    await expect(server.client(carol).register()).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('administration of the real service', () => {
  test('grants, explains, and takes away', async () => {
    const administration = server.client(server.admin);
    const dave = await server.createIdentity('dave');
    const question = { who: dave.id, verb: 'wrap', path: 'team-d/x' } as const;
    expect((await administration.explain(question)).allowed).toBe(false);
    const grant = { who: dave.id, verbs: ['wrap'], path: 'team-d' } as const;
    expect(await administration.operate('grant.put', grant)).toEqual({ isDone: true });
    expect(await administration.grants()).toContainEqual(grant);
    expect((await administration.explain(question)).allowed).toBe(true);
    await administration.operate('grant.delete', { who: dave.id, path: 'team-d' });
    expect((await administration.explain(question)).allowed).toBe(false);
    await administration.operate('identity.revoke', { id: dave.id });
    await expect(server.client(dave).identity(bob.id)).rejects.toMatchObject({ code: 'bad_proof' });
    await expect(server.client(alice).grants()).rejects.toMatchObject({ code: 'denied' });
  });

  test('refuses to register without evidence', async () => {
    await expect(server.client(createIdentity()).register()).rejects.toMatchObject({ code: 'denied' });
  });
});

describe('the seal of the real service', () => {
  test('is closed by one admin and opened by another, over connections that stay', async () => {
    await using own = await startTestServer();
    const reader = await own.createIdentity('reader', [{ path: 'a', verbs: ['wrap'] }]);
    const calling = own.client(reader);
    const { id } = await calling.wrap({ to: reader.id, path: 'a', content });
    const [first, second] = [own.client(own.admins[0]), own.client(own.admins[1])];
    const pin = await second.checkShare();
    expect(pin.instance).toBe((await calling.state()).instance);
    expect((await first.seal()).epoch).toBeGreaterThan(0);
    await expect(calling.open(id)).rejects.toMatchObject({ code: 'sealed', status: 503 });
    expect(await calling.state()).toMatchObject({ state: 'sealed', isVerified: false });
    expect(await second.unsealStatus()).toMatchObject({ have: 0, k: 1, verifiedTranscript: undefined });
    const wrong = { ...pin, commitment: 'A'.repeat(43) };
    await expect(second.giveShare({ pin: wrong, boot: own.bootFingerprint })).rejects.toMatchObject({
      reason: 'share_commitment',
    });
    await expect(second.giveShare({ pin, boot: own.fingerprint })).rejects.toMatchObject({ code: 'boot_mismatch' });
    const outcome = await second.giveShare({ pin, boot: own.bootFingerprint });
    expect(outcome).toMatchObject({ isUnsealed: true, transcript: { admins: [own.admins[1]!.id] }, pin });
    expect((await second.unsealStatus()).verifiedTranscript).toMatchObject({ gen: 1 });
    expect((await calling.open(id)).content.lengthBytes).toBe(content.length);
    expect((await second.checkShare({ pin })).commitment).toBe(pin.commitment);
  });
});

test('the store of the test server holds neither content nor names', async () => {
  await server.client(alice).wrap({ ...secret, to: bob.id, name: 'findable-name' });
  const dump = Buffer.concat([...server.dump()].flatMap(({ key, value }) => [Buffer.from(key), Buffer.from(value)]));
  for (const marker of ['findable-name', 'the content of', 'team-a', alice.id])
    expect(dump.includes(marker)).toBe(false);
});

test('startTestServer() registers and grants at the start', async () => {
  const writer = createIdentity({ name: 'writer' });
  const grants = [{ who: writer.id, verbs: ['wrap'], path: 'a' }] as const;
  await using own = await startTestServer({ admins: 1, identities: [writer], grants: [...grants] });
  expect((await own.client(writer).wrap({ to: writer.id, path: 'a/b', content })).receipt.st).toBe('STORED');
});
