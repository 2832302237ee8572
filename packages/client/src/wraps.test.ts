import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createProof, hash43, readEnvelope, verifyKeyset } from '@letterlock/crypto';
import { rotateIdentity } from './identity.ts';
import { startFixture, type Fixture } from './testing/fixture.ts';
import { judgeProof } from './wraps.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

const content = Buffer.from('the content');
const secret = { path: 'team-a/db', content, name: 'db.txt', type: 'text/plain' } as const;

describe('wrap() and open()', () => {
  test('bring content, name and type to the reader', async () => {
    const { alice, bob, client } = fixture;
    const { id, receipt } = await client(alice).wrap({ ...secret, to: bob.id });
    expect(receipt.st).toBe('STORED');
    const opened = await client(bob).open(id);
    expect(Buffer.from(opened.content.expose())).toEqual(content);
    expect(opened).toMatchObject({ name: 'db.txt', type: 'text/plain', writer: { thumbprint: alice.id } });
    expect((await opened.acknowledge()).st).toBe('OPENED');
  });

  test('erase the content on disposal', async () => {
    const { alice, bob, client } = fixture;
    const { id } = await client(alice).wrap({ ...secret, to: bob.id });
    const opened = await client(bob).open(id);
    const live = opened.content.expose();
    opened[Symbol.dispose]();
    expect(live.every((byte) => byte === 0)).toBe(true);
  });

  test("take iat from the server's Date, not from the local clock", async () => {
    const { alice, bob, client, service } = fixture;
    service.dateSeconds = 1_800_000_000;
    service.stateExpiresSeconds = 1_800_000_300;
    const { id } = await client(alice, { now: () => 1_000_000_000 }).wrap({ ...secret, to: bob.id });
    const { header } = readEnvelope(service.wraps.get(id)!.envelope);
    expect(header.iat - 1_800_000_000).toBeLessThan(5);
    expect(header.iat).toBeGreaterThanOrEqual(1_800_000_000);
  });

  test("fetch a rotated recipient's keyset once more", async () => {
    const { alice, bob, client, service } = fixture;
    const writer = client(alice);
    await writer.wrap({ ...secret, to: bob.id });
    const rotated = rotateIdentity(bob, { iat: 1_790_000_000 });
    service.keysets.set(bob.id, rotated.keyset!);
    const { id } = await writer.wrap({ ...secret, to: bob.id });
    const opened = await client(rotated).open(id);
    expect(Buffer.from(opened.content.expose())).toEqual(content);
  });

  test('open what was sealed to an older key', async () => {
    const { alice, bob, client } = fixture;
    const { id } = await client(alice).wrap({ ...secret, to: bob.id });
    const opened = await client(rotateIdentity(bob)).open(id);
    expect(opened.content.lengthBytes).toBe(content.length);
  });

  test.each([
    { name: 'too long a life', change: { expiresInSeconds: 30 * 86_400 + 1 } },
    { name: 'no life', change: { expiresInSeconds: 0 } },
    { name: 'too short a window', change: { windowSeconds: 14 } },
    { name: 'too long a window', change: { windowSeconds: 901 } },
    { name: 'too much content', change: { content: new Uint8Array(524_289) } },
  ])('refuse $name before anything is sent', async ({ change }) => {
    const { alice, bob, client, service } = fixture;
    const call = client(alice).wrap({ ...secret, ...change, to: bob.id });
    await expect(call).rejects.toMatchObject({ name: 'RangeError' });
    expect(service.requests('/v1/wraps')).toEqual([]);
  });

  test('need an identity', async () => {
    const { client, bob } = fixture;
    await expect(client(undefined as never).open(bob.id.slice(0, 22))).rejects.toThrow(
      'Cannot call: the client has no identity',
    );
  });
});

describe('receipts', () => {
  test.each([
    { name: 'of another wrap', change: { id: 'AAAAAAAAAAAAAAAAAAAAAA' }, reason: 'receipt_id' },
    { name: 'of another request', change: { nonce: 'A'.repeat(54) }, reason: 'receipt_nonce' },
    { name: 'of another envelope', change: { eh: 'A'.repeat(43) }, reason: 'receipt_eh' },
  ])('are refused when they are $name', async ({ change, reason }) => {
    const { alice, bob, client, service } = fixture;
    service.changeReceipt = (claims) => ({ ...claims, ...change });
    const call = client(alice).wrap({ ...secret, to: bob.id });
    await expect(call).rejects.toMatchObject({ name: 'IntegrityError', reason });
  });

  test('are refused when another key signed them', async () => {
    const { alice, bob, client, service } = fixture;
    const { id } = await client(alice).wrap({ ...secret, to: bob.id });
    const stranger = (await startFixture()).service;
    const reader = client(bob);
    service.intercept = (seen) => {
      if (!seen.path.endsWith('/status')) return 'continue';
      const { eh, ph } = readEnvelope(service.wraps.get(id)!.envelope);
      return {
        status: 200,
        body: { rcpt: stranger.signReceipt({ at: 1, eh, id, nonce: seen.proof!.nonce, ph, rev: 1, st: 'STORED' }) },
      };
    };
    await expect(reader.status(id)).rejects.toMatchObject({ name: 'IntegrityError', reason: 'signature_invalid' });
    await stranger.close();
  });

  test.each([
    { name: 'acknowledge', call: 'acknowledge', st: 'CLAIMED' },
    { name: 'revoke', call: 'revoke', st: 'STORED' },
  ] as const)('of $name are refused with another state', async ({ call, st }) => {
    const { alice, bob, client, service } = fixture;
    const { id } = await client(alice).wrap({ ...secret, to: bob.id });
    const { claimId } = await client(bob).open(id);
    service.changeReceipt = (claims) => ({ ...claims, st });
    const answer = call === 'revoke' ? client(alice).revoke(id) : client(bob).acknowledge(id, claimId);
    await expect(answer).rejects.toMatchObject({ name: 'IntegrityError', reason: 'receipt_state' });
  });
});

describe('refusals', () => {
  test('are proven by a valid receipt', async () => {
    const { alice, bob, client } = fixture;
    const { id } = await client(alice).wrap({ ...secret, to: bob.id });
    const reader = client(bob);
    await (await reader.open(id)).acknowledge();
    await expect(reader.open(id)).rejects.toMatchObject({
      name: 'ProblemError',
      code: 'gone',
      status: 410,
      isProven: true,
      receipt: { st: 'OPENED', id },
    });
  });

  test.each([
    { name: 'another state', change: { st: 'BURNED' } },
    { name: 'another time', change: { at: 1 } },
    { name: 'another wrap', change: { id: 'AAAAAAAAAAAAAAAAAAAAAA' } },
    { name: 'another request', change: { nonce: 'A'.repeat(54) } },
  ] as const)('are unproven when the receipt is for $name', async ({ change }) => {
    const { alice, bob, client, service } = fixture;
    const { id } = await client(alice).wrap({ ...secret, to: bob.id });
    const reader = client(bob);
    await (await reader.open(id)).acknowledge();
    service.changeReceipt = (claims) => ({ ...claims, ...change });
    await expect(reader.open(id)).rejects.toMatchObject({ code: 'gone', isProven: false });
  });

  test('show no control characters of the server', async () => {
    const { bob, client, service } = fixture;
    const document = {
      code: 'denied',
      status: 403,
      title: 'x',
      type: 'x',
      detail: 'a\u001b[31mb\u202ec',
      instance: 'r\n1',
    };
    service.intercept = ({ path }) => (path.endsWith('/status') ? { status: 403, body: document } : 'continue');
    await expect(client(bob).status('AAAAAAAAAAAAAAAAAAAAAA')).rejects.toMatchObject({
      detail: 'a?[31mb?c',
      requestId: 'r?1',
    });
  });

  test.each([
    { name: 'a code of another status', status: 403, body: { code: 'gone' } },
    { name: 'an unknown code', status: 403, body: { code: 'constructor' } },
    { name: 'no code', status: 403, body: {} },
    { name: 'a success of another shape', status: 200, body: { unexpected: true } },
  ])('are a bad answer with $name', async ({ status, body }) => {
    const { bob, client, service } = fixture;
    service.intercept = ({ path }) => (path.endsWith('/status') ? { status, body } : 'continue');
    const call = client(bob).status('AAAAAAAAAAAAAAAAAAAAAA');
    await expect(call).rejects.toMatchObject({ name: 'ConnectionError', code: 'bad_answer' });
    expect(service.requests('/status')).toHaveLength(1);
  });
});

describe('status()', () => {
  test("verifies the reader's requests with its keyset", async () => {
    const { alice, bob, client } = fixture;
    const { id } = await client(alice).wrap({ ...secret, to: bob.id });
    const writer = client(alice);
    expect(await writer.status(id)).toEqual({ receipt: expect.objectContaining({ st: 'STORED' }) });
    await (await client(bob).open(id)).acknowledge();
    const status = await writer.status(id, { reader: verifyKeyset(bob.keyset!) });
    expect(status).toMatchObject({ opening: { standing: 'verified' }, acknowledgement: { standing: 'verified' } });
    expect(await writer.status(id)).toMatchObject({ opening: { standing: 'unchecked' } });
  });

  const id = 'AAAAAAAAAAAAAAAAAAAAAA';
  const valid = { method: 'POST', target: `https://a.example/v1/wraps/${id}/open`, bodyHash: hash43('') };
  test.each([
    { name: 'accepts the open of this wrap', change: {}, standing: 'verified' },
    { name: 'refuses another method', change: { method: 'GET' }, standing: 'invalid' },
    {
      name: 'refuses another wrap',
      change: { target: 'https://a.example/v1/wraps/BAAAAAAAAAAAAAAAAAAAAA/open' },
      standing: 'invalid',
    },
    {
      name: 'refuses another route',
      change: { target: `https://a.example/v1/wraps/${id}/status` },
      standing: 'invalid',
    },
  ])('$name', ({ change, standing }) => {
    const { bob } = fixture;
    const jws = createProof({ key: bob.signingKey, nonce: 'A'.repeat(54), iat: 1, ...valid, ...change });
    expect(judgeProof(jws, `/v1/wraps/${id}/open`, verifyKeyset(bob.keyset!)).standing).toBe(standing);
  });

  test("refuses another signer's request", () => {
    const { alice, bob } = fixture;
    const jws = createProof({ key: alice.signingKey, nonce: 'A'.repeat(54), iat: 1, ...valid });
    expect(judgeProof(jws, `/v1/wraps/${id}/open`, verifyKeyset(bob.keyset!)).standing).toBe('invalid');
    expect(judgeProof('mtls', `/v1/wraps/${id}/open`, undefined)).toEqual({ standing: 'mtls' });
  });
});
