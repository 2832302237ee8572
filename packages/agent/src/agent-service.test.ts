/**
 * What the service for agents refuses, over real mutual TLS and gRPC: each row differs from the valid call in one thing.
 * @module
 */
import { createSecureContext } from 'node:tls';
import { connect as connectHttp2 } from 'node:http2';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ChannelCredentials, Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { createIdentity, type Identity } from '@letterlock/client';
import {
  certificatePem,
  createProof,
  encodeContent,
  encodeSecretMap,
  createSelfSignedCertificate,
  generateOpeningKey,
  generateSigningKey,
  hash43,
  importSealingKey,
  sealEnvelope,
  SecretBytes,
  secretMapType,
  type SigningKey,
} from '@letterlock/crypto';
import {
  canonicalize,
  decodeBase64url,
  decodeStatusDetails,
  encodeDocument,
  limits,
  type JcsObject,
} from '@letterlock/protocol';
import { reviewedPod } from '@letterlock/core/testing';
import { createDirectService } from './direct-service.ts';
import { readSecret } from './read-secret.ts';
import { RpcClient } from './rpc-client.ts';
import { valuesOf } from './testing/values.ts';
import { AgentWorld, enrolToken, eventually, trustDomain, writerToken } from './testing/agent-world.ts';
import type { Trust } from './trust-folder.ts';

const path = 'k8s/shop/orders-db/db';
let world: AgentWorld;
let identity: Identity;
let chain: readonly string[];
let trust: Trust;
let nonce = '';

beforeAll(async () => {
  world = await AgentWorld.start();
  identity = createIdentity();
  trust = world.trust();
  const direct = createDirectService({ origin: world.server.origin, identity });
  chain = (await direct.enrol(trust, enrolToken, AbortSignal.timeout(10_000))).map((der) =>
    certificatePem(decodeBase64url(der)),
  );
}, 60_000);
afterAll(() => world.stop(), 30_000);
/** A call without a proof is answered with a nonce. */
async function freshNonce(): Promise<void> {
  nonce = (await call({ proof: undefined })).nonce;
}
beforeEach(freshNonce);

interface Call {
  readonly method?: string;
  readonly certificates?: readonly string[];
  readonly tlsKey?: SigningKey;
  readonly proofKey?: SigningKey;
  readonly body?: string | Buffer;
  readonly hashedBody?: string;
  readonly target?: string;
  readonly nonce?: string;
  readonly proof?: string | readonly string[] | undefined;
  readonly token?: string;
  readonly tokenHash?: string;
  readonly message?: Buffer;
}

function readBody(change: JcsObject = {}): string {
  const rpk = generateOpeningKey().jwk as unknown as JcsObject;
  return canonicalize({ path, rpk, ...change });
}

async function call(o: Call = {}): Promise<{ readonly code: string; readonly nonce: string }> {
  const method = o.method ?? 'Read';
  const body = Buffer.from(o.body ?? readBody());
  const target = o.target ?? `grpc://${trustDomain}/letterlock.v1.Agent/${method}`;
  const signed = createProof({
    key: o.proofKey ?? identity.signingKey,
    method: 'POST',
    target,
    bodyHash: hash43(o.hashedBody ?? body),
    nonce: o.nonce ?? (nonce === '' ? 'A'.repeat(54) : nonce),
    iat: Math.floor(Date.now() / 1000),
    ...(o.tokenHash === undefined ? {} : { writerTokenHash: o.tokenHash }),
  });
  const metadata = new Metadata();
  const proofs = 'proof' in o ? [o.proof ?? []].flat() : [signed];
  for (const each of proofs) metadata.add('letterlock-proof', each);
  if (o.token !== undefined) metadata.set('letterlock-writer-token', o.token);
  const context = createSecureContext({
    ca: [...trust.authorities],
    cert: (o.certificates ?? chain).join(''),
    key: (o.tlsKey ?? identity.signingKey).keyObject.export({ format: 'pem', type: 'pkcs8' }),
    minVersion: 'TLSv1.3',
  });
  const client = new Client(`dns:localhost:${world.grpcPort}`, ChannelCredentials.createFromSecureContext(context), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  const { promise, resolve } = Promise.withResolvers<{ code: string; nonce: string }>();
  let error: ServiceError | null = null;
  client
    .makeUnaryRequest(
      `/letterlock.v1.Agent/${method}`,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      o.message ?? Buffer.from(encodeDocument(body)),
      metadata,
      { deadline: Date.now() + 5000 },
      (given) => (error = given),
    )
    .on('status', ({ code, metadata: trailer }) => {
      const [details] = trailer.get('grpc-status-details-bin');
      const [next] = trailer.get('replay-nonce');
      const reason = Buffer.isBuffer(details) ? decodeStatusDetails(details)?.reason : undefined;
      resolve({ code: reason ?? `grpc ${code}`, nonce: typeof next === 'string' ? next : '' });
    });
  const answer = await promise;
  client.close();
  void error;
  return answer;
}

const selector = `spiffe://${trustDomain}/ns/shop/sa/${reviewedPod.serviceAccount}`;

/** A body of Write: an envelope for the binding, as an agent makes it. */
async function sealed(o: { readonly version?: number; readonly type?: string } = {}): Promise<string> {
  const { jwk } = await world.services!.bindingKeys.ensure('shop', 'orders-db');
  using map = encodeSecretMap(valuesOf({ password: 'x' }));
  using content = SecretBytes.take(encodeContent({ type: o.type ?? secretMapType }, map.expose()));
  const { envelope } = await sealEnvelope({
    header: {
      kind: 'kv',
      mode: 'svc',
      path,
      ver: o.version ?? 1,
      iat: Math.floor(Date.now() / 1000),
      rcp: [selector],
      bnd: 'shop/orders-db',
    },
    content,
    recipients: [importSealingKey(jwk)],
    writer: identity.signingKey,
  });
  return canonicalize(envelope);
}

/** Everything in the store: a refusal adds a record and nothing else. */
function records(): number {
  return [...world.server.store.dump()].length;
}

function connect(): RpcClient & AsyncDisposable {
  const client = new RpcClient({
    target: `localhost:${world.grpcPort}`,
    trustDomain,
    key: identity.signingKey,
    certificates: chain,
    authorities: trust.authorities,
    nowSeconds: () => Math.floor(Date.now() / 1000),
  });
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.close() });
}

/** Resolves once a stream of this client ends, whose first event has come. */
async function watchThen(act: (rpc: RpcClient) => void): Promise<unknown> {
  await using rpc = connect();
  const heard = Promise.withResolvers<void>();
  const watching = rpc.watch(() => heard.resolve(), AbortSignal.timeout(10_000));
  const ended = watching.then(
    () => 'ended',
    (error: unknown) => error,
  );
  await Promise.race([heard.promise, ended]);
  act(rpc);
  return ended;
}

async function watch(): Promise<void> {
  await using rpc = connect();
  await rpc.watch(() => undefined, AbortSignal.timeout(3000));
}

const stranger = generateSigningKey('P-256');
function selfSigned(key: SigningKey): readonly string[] {
  const now = Math.floor(Date.now() / 1000);
  return [
    certificatePem(
      createSelfSignedCertificate({ key, commonName: 'x', notBeforeSeconds: now - 60, notAfterSeconds: now + 600 }),
    ),
  ];
}

describe('the service for agents', () => {
  test('reads for a valid call: the secret is not there yet', async () => {
    expect((await call()).code).toBe('not_found');
  });

  test.each<{ name: string; change: () => Call; code: string }>([
    { name: 'no proof', change: () => ({ proof: undefined }), code: 'bad_nonce' },
    {
      name: 'a proof by another key than that of the connection',
      change: () => ({ proofKey: stranger }),
      code: 'bad_proof',
    },
    {
      name: 'a connection by another key than that of the proof',
      change: () => ({ tlsKey: stranger, certificates: selfSigned(stranger) }),
      code: 'bad_proof',
    },
    {
      name: 'a self-signed certificate of the very key',
      change: () => ({ certificates: selfSigned(identity.signingKey) }),
      code: 'bad_proof',
    },
    { name: 'a proof of another body', change: () => ({ hashedBody: '{}' }), code: 'bad_proof' },
    {
      name: 'a proof of another method',
      change: () => ({ target: `grpc://${trustDomain}/letterlock.v1.Agent/Open` }),
      code: 'bad_proof',
    },
    {
      name: 'a proof for another trust domain',
      change: () => ({ target: 'grpc://other.example/letterlock.v1.Agent/Read' }),
      code: 'bad_proof',
    },
    { name: 'a nonce of nobody', change: () => ({ nonce: 'A'.repeat(54) }), code: 'bad_nonce' },
    { name: 'two proofs', change: () => ({ proof: ['a.b.c', 'a.b.c'] }), code: 'bad_proof' },
    { name: 'a proof over 4 KiB', change: () => ({ proof: 'a'.repeat(limits.proofBytes + 1) }), code: 'too_large' },
    { name: 'a token that the proof does not name', change: () => ({ token: writerToken }), code: 'bad_proof' },
    {
      name: 'a proof that names a token that is not there',
      change: () => ({ tokenHash: hash43(writerToken) }),
      code: 'bad_proof',
    },
    { name: 'a document with an unknown member', change: () => ({ body: readBody({ x: 'y' }) }), code: 'bad_encoding' },
    { name: 'a read without a fresh key', change: () => ({ body: canonicalize({ path }) }), code: 'bad_encoding' },
    {
      name: 'an open without a fresh key',
      change: () => ({ method: 'Open', body: canonicalize({ cid: 'A'.repeat(22), id: 'A'.repeat(22) }) }),
      code: 'bad_encoding',
    },
    {
      name: 'a token that is too long',
      change: () => ({
        token: 'a'.repeat(limits.tokenBytes + 1),
        tokenHash: hash43('a'.repeat(limits.tokenBytes + 1)),
      }),
      code: 'too_large',
    },
    { name: 'a document that is none', change: () => ({ body: 'x' }), code: 'bad_encoding' },
    { name: 'a message that is none', change: () => ({ message: Buffer.from('xxxx') }), code: 'bad_encoding' },
    {
      name: 'a message over 1 MiB',
      change: () => ({ message: Buffer.alloc(limits.agentMessageBytes + 100) }),
      code: 'grpc 8',
    },
    { name: 'a method that is none', change: () => ({ method: 'Seal' }), code: 'grpc 12' },
    {
      name: 'a path of another binding',
      change: () => ({ body: readBody({ path: 'k8s/shop/other/db' }) }),
      code: 'not_found',
    },
    {
      name: 'a path outside of bindings',
      change: () => ({ body: readBody({ path: 'team-a/db' }) }),
      code: 'not_found',
    },
    {
      name: 'renewal with a token of nobody',
      change: () => ({ method: 'Renew', body: '{"token":"x"}' }),
      code: 'denied',
    },
  ])('refuses $name with $code', async ({ change, code }) => {
    expect((await call(change())).code).toBe(code);
  });

  test('refuses a nonce a second time', async () => {
    const used = nonce;
    expect((await call({ nonce: used })).code).toBe('not_found');
    expect((await call({ nonce: used })).code).toBe('bad_nonce');
  });

  test('what a proven pod is refused is on record', async () => {
    const before = records();
    expect((await call({ body: readBody({ path: 'k8s/shop/other/db' }) })).code).toBe('not_found');
    expect(records()).toBe(before + 1);
  });

  test.each([
    { name: 'without the token', token: undefined },
    { name: 'with a token of nobody', token: 'a token of nobody' },
  ])('a write $name is refused and on record, and nothing is stored', async ({ token }) => {
    const before = records();
    const factor = token === undefined ? {} : { token, tokenHash: hash43(token) };
    expect((await call({ method: 'Write', body: await sealed(), ...factor })).code).toBe('denied');
    expect(records()).toBe(before + 1);
    await freshNonce();
    expect((await call()).code).toBe('not_found');
  });

  test('nobody is told of secrets, nor may read them, while it is not known which pods there are', async () => {
    world.bindings.isStale = true;
    try {
      expect((await call()).code).toBe('unavailable');
      await expect(watch()).rejects.toMatchObject({ code: 'unavailable', reason: 'refused' });
    } finally {
      world.bindings.isStale = false;
    }
  });

  test('reads what was written with both factors; an older version or another content is not taken', async () => {
    const wrote = await call({
      method: 'Write',
      body: await sealed(),
      token: writerToken,
      tokenHash: hash43(writerToken),
    });
    expect(wrote.code).toBe('grpc 0');
    const offer = { binding: 'orders-db', secret: 'db', version: 1 };
    await using rpc = connect();
    const options = {
      rpc,
      trust,
      identity,
      selector,
      namespace: 'shop',
      signal: AbortSignal.timeout(10_000),
    };
    await expect(readSecret(offer, options)).resolves.toMatchObject({ version: 1 });
    await expect(readSecret({ ...offer, version: 2 }, options)).rejects.toMatchObject({ reason: 'secret_rollback' });
    await freshNonce();
    const other = await call({
      method: 'Write',
      body: await sealed({ version: 2, type: 'text/plain' }),
      token: writerToken,
      tokenHash: hash43(writerToken),
    });
    expect(other.code).toBe('grpc 0');
    await expect(readSecret(offer, options)).rejects.toMatchObject({ reason: 'content_type' });
  });

  test.each(['retire', 'close'] as const)(
    'a client follows no more after %s: its news could not be read',
    async (how) => {
      const began = performance.now();
      expect(await watchThen((rpc) => rpc[how]())).toMatchObject({ reason: 'grpc_cancelled' });
      expect(performance.now() - began).toBeLessThan(5000);
    },
  );

  test('a client that is retired still makes the call that was about to come', async () => {
    await using rpc = connect();
    rpc.retire();
    const renewed = rpc.call('Renew', () => canonicalize({ token: enrolToken }), { signal: AbortSignal.timeout(5000) });
    await expect(renewed).resolves.toBeDefined();
  });

  test('gives a certificate again for a token, with the same key', async () => {
    expect((await call({ method: 'Renew', body: canonicalize({ token: enrolToken }) })).code).toBe('grpc 0');
  });

  test('a revoked pod is cut off, and its certificate is dead at once', async () => {
    const session = connectHttp2(`https://localhost:${world.grpcPort}`, {
      ca: [...trust.authorities],
      cert: chain.join(''),
      key: identity.signingKey.keyObject.export({ format: 'pem', type: 'pkcs8' }),
    });
    session.on('error', () => undefined);
    await once(session, 'remoteSettings');
    await world.services!.workloads.podGone(reviewedPod.podUid);
    await eventually('the connection is closed', () => (session.closed || session.destroyed ? true : undefined));
    expect((await call()).code).toBe('bad_proof');
  }, 30_000);

  test('hears no more from an address whose proofs fail again and again', async () => {
    const codes: string[] = [];
    while (codes.length < 30 && codes.at(-1) !== 'rate') codes.push((await call({ proof: 'a.b.c' })).code);
    expect(codes.at(-1)).toBe('rate');
    expect(codes.at(0)).toBe('bad_proof');
  });
});
