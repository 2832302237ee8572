/**
 * T-25: what must stay secret is planted in a run of the main job with failures, and looked for, in every encoding, in all that
 * the process gives away. The same run over a barrier that hides nothing shows that the search finds what is there.
 * @module
 */
import { afterAll, describe, expect, test } from '@jest/globals';
import { Installation, type Barrier } from '@letterlock/core';
import { SealWorld } from '@letterlock/core/testing';
import { createKeyset, openShare, publicOfOpening, randomIdentifier, type SigningKey } from '@letterlock/crypto';
import { randomUUID, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RawAnswer } from './testing/raw-connection.ts';
import type { TestClient, TestRequest } from './testing/test-client.ts';
import {
  apply,
  createIdentity,
  giveShare,
  grantWrap,
  nowSeconds,
  register,
  startTestServer,
  unsealStatusOf,
  wrapFor,
  type TestIdentity,
} from './testing/test-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'letterlock-canary-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Name → bytes that must be found nowhere. */
type Planted = Map<string, Buffer>;
/** Name → everything that left the process by one way. */
type Exposed = Readonly<Record<'log' | 'audit' | 'metrics' | 'errors' | 'store', Buffer>>;

/** How bytes look as text: as they are, in hexadecimal, and in both alphabets of base64 at each of three offsets. */
function formsOf(bytes: Buffer): readonly Buffer[] {
  const shifted = [0, 1, 2].flatMap((offset) => {
    // Only the characters that do not depend on what stands around.
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const inner = text.slice(offset === 0 ? 0 : 4, Math.floor((bytes.length + offset) / 3) * 4);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const hex = bytes.toString('hex');
  return [bytes, ...[hex, hex.toUpperCase(), ...shifted].map((text) => Buffer.from(text, 'latin1'))];
}

/** `where: what` for everything that is found. */
function search(planted: Planted, exposed: Exposed): readonly string[] {
  return Object.entries(exposed).flatMap(([where, bytes]) =>
    [...planted]
      .filter(([, secret]) => formsOf(secret).some((form) => bytes.includes(form)))
      .map(([what]) => `${where}: ${what}`),
  );
}

function privatePart(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
}

/** A client that keeps what must not be found again, and what it was refused with. */
class Witness {
  readonly planted: Planted = new Map();
  readonly refusals: string[] = [];
  readonly #client: TestClient;
  #count = 0;

  constructor(client: TestClient) {
    this.#client = client;
  }

  plant(name: string, secret: Buffer | string): void {
    this.planted.set(name, Buffer.from(secret as string));
  }

  async prove(key: SigningKey, request: TestRequest): Promise<RawAnswer> {
    const proof = this.#client.proofOf(key, request);
    this.#count += 1;
    this.plant(`proof ${this.#count}`, proof.slice(proof.lastIndexOf('.') + 1));
    return this.send({ ...request, headers: { Authorization: `Letterlock ${proof}`, ...request.headers } });
  }

  async send(request: TestRequest): Promise<RawAnswer> {
    return this.note(await this.#client.send(request));
  }

  note(answer: RawAnswer): RawAnswer {
    if (answer.status >= 400) this.refusals.push(JSON.stringify(answer.headers), answer.body);
    return answer;
  }
}

/** Registers with a keyset that has the name. */
function named(identity: TestIdentity, name: string): TestIdentity {
  const enc = publicOfOpening(identity.enc);
  return { ...identity, keyset: createKeyset({ sig: identity.sig, enc, seq: 1, iat: nowSeconds(), name }) };
}

/** The main job with failures, on a server of its own. */
async function run(name: string): Promise<{ readonly planted: Planted; readonly exposed: Exposed }> {
  const path = join(folder, `${name}.jsonl`);
  const server = await startTestServer({ 'audit-sinks': [`file:${path}`] });
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => server.close());
  const client = await server.connect();
  cleanUp.defer(() => client.close());
  const witness = new Witness(client);
  const [content, secretPath, personName, rubbish] = ['content', 'path', 'name', 'rubbish'].map((what) => {
    const text = `canary-${what}-${randomUUID()}`;
    witness.plant(what, text);
    return text;
  }) as [string, string, string, string];
  const [writer, reader, other] = [named(createIdentity(), personName), createIdentity(), createIdentity()];
  for (const [index, { sig, enc }] of [writer, reader, other, ...server.admins].entries()) {
    witness.plant(`signing key ${index}`, privatePart(sig.keyObject));
    witness.plant(`opening key ${index}`, privatePart(enc.keyObject));
  }
  for (const [index, admin] of server.admins.entries()) {
    const { share: sealed, inst, gen } = await unsealStatusOf(server, admin);
    using share = (await openShare(sealed, admin.enc, { inst, gen })).share;
    witness.plant(`share ${index}`, Buffer.from(share.expose()));
  }
  for (const person of [writer, reader, other]) await register(server, client, person);
  await grantWrap(server, client, writer.id, secretPath);

  const wraps = '/v1/wraps';
  const { id, envelope } = await wrapFor(writer, reader, { content, path: `${secretPath}/db` });
  const open = { method: 'POST', path: `${wraps}/${id}/open`, body: { cid: randomIdentifier() } };
  const statuses = [
    // Without a grant, for another path, with another's proof, with a body that is not one.
    await witness.prove(other.sig, {
      method: 'POST',
      path: wraps,
      body: (await wrapFor(other, reader, { content, path: secretPath })).envelope,
    }),
    await witness.prove(writer.sig, {
      method: 'POST',
      path: wraps,
      body: (await wrapFor(writer, reader, { path: 'x' })).envelope,
    }),
    await witness.prove(createIdentity().sig, { method: 'POST', path: wraps, body: envelope }),
    await witness.prove(writer.sig, { method: 'POST', path: wraps, body: `{"${rubbish}":1}` }),
    await witness.prove(writer.sig, { method: 'POST', path: wraps, body: { ...envelope, sig: `${rubbish}.a.b` } }),
    await witness.send({ method: 'GET', path: `/v1/${rubbish}` }),
    await witness.send({
      method: 'POST',
      path: wraps,
      body: envelope,
      headers: { Authorization: `Bearer ${rubbish}` },
    }),
    await witness.prove(writer.sig, { method: 'POST', path: wraps, body: envelope }),
    await witness.prove(other.sig, open),
    await witness.prove(reader.sig, { ...open, proof: { nonce: 'A'.repeat(54) } }),
    await witness.prove(reader.sig, open),
    await witness.prove(reader.sig, { ...open, body: { cid: randomIdentifier() } }),
    witness.note(await apply(server, client, { op: 'identity.revoke', args: { id: other.id } })),
    await witness.prove(other.sig, open),
    await witness.send({ method: 'POST', path: '/v1/sys/unseal', body: { jws: `${rubbish}.a.b` } }),
    witness.note(await apply(server, client, { op: 'seal', args: {} })),
    await witness.prove(reader.sig, open),
    witness.note(await giveShare(server, server.admins[1]!)),
    witness.note(await giveShare(server, server.admins[2]!)),
  ].map(({ status }) => status);
  expect(statuses).toEqual([
    403, 403, 401, 400, 400, 404, 401, 201, 404, 401, 200, 409, 200, 401, 400, 200, 503, 200, 409,
  ]);
  // What is kept for the reader is still there when the store is read.
  const kept = await wrapFor(writer, reader, { content, path: `${secretPath}/db` });
  expect((await witness.prove(writer.sig, { method: 'POST', path: wraps, body: kept.envelope })).status).toBe(201);

  const metrics = await (await fetch(`${server.healthOrigin}/metrics`)).text();
  const store = [...server.store.dump()].flatMap(({ key, value }) => [Buffer.from(key), Buffer.from(value)]);
  await cleanUp.disposeAsync();
  const exposed: Exposed = {
    log: Buffer.from(server.logged.join('\n')),
    audit: readFileSync(path),
    metrics: Buffer.from(metrics),
    errors: Buffer.from(witness.refusals.join('\n')),
    store: Buffer.concat(store),
  };
  for (const [where, bytes] of Object.entries(exposed))
    expect({ where, isLong: bytes.length > 1000 }).toEqual({ where, isLong: true });
  return { planted: witness.planted, exposed };
}

/** Runs with every barrier of the process replaced by one that hides nothing. */
async function withoutBarrier<T>(work: () => Promise<T>): Promise<T> {
  const world = await SealWorld.unsealed();
  expect(world.installation).toBeInstanceOf(Installation);
  const prototype = Object.getPrototypeOf(world.installation.unsealed!.barrier) as Barrier;
  const { keyOf, seal, open } = prototype;
  const identity: Barrier = { keyOf: (path) => path, seal: (_, plaintext) => plaintext, open: (_, record) => record };
  Object.assign(prototype, identity);
  try {
    return await work();
  } finally {
    Object.assign(prototype, { keyOf, seal, open });
  }
}

describe('T-25 canaries', () => {
  test('are found 0 times in log, audit lines, metrics, refusals and the bytes of the store', async () => {
    const { planted, exposed } = await run('with');
    expect(planted.size).toBeGreaterThan(30);
    expect(search(planted, exposed)).toEqual([]);
  }, 60_000);

  test('are found in the store by the same search when the barrier hides nothing', async () => {
    const { planted, exposed } = await withoutBarrier(() => run('without'));
    expect(search(planted, exposed)).toEqual(expect.arrayContaining(['store: path', 'store: name']));
  }, 60_000);

  test.each(['log', 'audit', 'metrics', 'errors', 'store'] as const)('would be found in %s', (where) => {
    const secret = Buffer.from(randomUUID());
    const none = Buffer.from('nothing');
    const empty: Exposed = { log: none, audit: none, metrics: none, errors: none, store: none };
    for (const form of [
      secret.toString('latin1'),
      secret.toString('hex'),
      `x${secret.toString('base64')}`,
      Buffer.concat([Buffer.from('ab'), secret, Buffer.from('c')]).toString('base64url'),
    ]) {
      const exposed: Exposed = { ...empty, [where]: Buffer.from(`before ${form} after`) };
      expect(search(new Map([['it', secret]]), exposed)).toEqual([`${where}: it`]);
    }
  });
});
