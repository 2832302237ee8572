import { generateKeyPairSync, sign } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FixedClock } from '@letterlock/core/testing';
import {
  certificatePem,
  createSelfSignedCertificate,
  generateSigningKey,
  hash43,
  randomIdentifier,
  type SigningKey,
} from '@letterlock/crypto';
import {
  encodeBase64url,
  failedProofsPerMinute,
  problems,
  type ProblemCode,
  type ProblemDocument,
} from '@letterlock/protocol';
import type { RawAnswer } from '../testing/raw-connection.ts';
import { TestClient, type TestRequest } from '../testing/test-client.ts';
import {
  apply,
  createIdentity,
  grantWrap,
  nowSeconds,
  register,
  startTestServer,
  wrapFor,
  type TestIdentity,
  type TestServer,
} from '../testing/test-server.ts';

const marker = 'cafe-marker-5a1e';
const writer = createIdentity();
const reader = createIdentity();
const stranger = createIdentity();

const lookup: TestRequest = { method: 'GET', path: `/v1/identities/${writer.id}` };
const json = (value: object): string => encodeBase64url(Buffer.from(JSON.stringify(value)));

/** A proof whose header says something else, signed all the same. */
function withHeader(key: SigningKey, proof: string, header: object | string): string {
  const head = typeof header === 'string' ? header : json(header);
  const input = `${head}.${proof.split('.')[1]!}`;
  const signature = sign('sha256', Buffer.from(input), { key: key.keyObject, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function withTrailingBits(proof: string): string {
  // 64 bytes leave 4 unused bits in the last of 86 characters: A, Q, g or w.
  return `${proof.slice(0, -1)}${String.fromCodePoint(proof.codePointAt(proof.length - 1)! + 1)}`;
}

function withRepeatedMember(proof: string): string {
  const text = `{"alg":"none","alg":"ES256","typ":"letterlock-proof+jws","kid":"${writer.id}"}`;
  return withHeader(writer.sig, proof, encodeBase64url(Buffer.from(text)));
}

const right = { alg: 'ES256', typ: 'letterlock-proof+jws', kid: writer.id };
type Change = (proof: string) => string;
const header =
  (change: object): Change =>
  (proof) =>
    withHeader(writer.sig, proof, { ...right, ...change });
const changedProofs: readonly {
  readonly name: string;
  readonly change: Change;
  readonly reason: string;
  readonly code?: ProblemCode;
}[] = [
  { name: '3.2.1 alg none', change: header({ alg: 'none' }), reason: 'proof_alg' },
  { name: '3.2.1 alg HS256', change: header({ alg: 'HS256' }), reason: 'proof_alg' },
  { name: '3.2.1 alg RS1', change: header({ alg: 'RS1' }), reason: 'proof_alg' },
  { name: '3.2.1 the alg of another key', change: header({ alg: 'PS256' }), reason: 'signature_invalid' },
  { name: '3.2.2 crit', change: header({ crit: 'exp' }), reason: 'proof_header_forbidden' },
  { name: '3.2.2 b64', change: header({ b64: false }), reason: 'proof_header_forbidden' },
  { name: '3.2.3 jwk', change: header({ jwk: { ...stranger.sig.jwk } }), reason: 'proof_header_forbidden' },
  { name: '3.2.3 jku', change: header({ jku: `https://${marker}` }), reason: 'proof_header_forbidden' },
  { name: '3.2.3 x5u', change: header({ x5u: `https://${marker}` }), reason: 'proof_header_forbidden' },
  { name: '3.2.3 x5c', change: header({ x5c: [marker] }), reason: 'proof_header_forbidden' },
  { name: '3.2.9 padding', change: (proof) => `${proof}==`, reason: 'proof_malformed' },
  { name: '3.2.9 a space', change: (proof) => proof.replace('.', ' .'), reason: 'proof_malformed' },
  { name: '3.2.9 the other alphabet', change: (proof) => `+/${proof.slice(2)}`, reason: 'proof_malformed' },
  { name: '3.2.9 trailing bits', change: withTrailingBits, reason: 'proof_malformed' },
  { name: '3.2.10 two parts', change: (proof) => proof.split('.').slice(0, 2).join('.'), reason: 'proof_malformed' },
  { name: '3.2.10 four parts', change: (proof) => `${proof}.AA`, reason: 'proof_malformed' },
  { name: '3.2.10 five parts', change: (proof) => `${proof}.AA.AA`, reason: 'proof_malformed' },
  { name: '3.2.10 JSON serialisation', change: () => `{"payload":"AA","signatures":[]}`, reason: 'proof_malformed' },
  {
    name: '3.2.11 more than 4 KiB',
    change: (proof) => proof + 'A'.repeat(4096),
    reason: 'proof_too_large',
    code: 'too_large',
  },
  { name: '3.2.14 another typ', change: header({ typ: 'letterlock-keyset+jws' }), reason: 'proof_type' },
  { name: 'an unknown kid', change: header({ kid: stranger.id }), reason: 'key_unknown' },
  { name: 'T-12 the kid __proto__', change: header({ kid: '__proto__' }), reason: 'key_unknown' },
  { name: 'T-12 the kid ../x', change: header({ kid: '../x' }), reason: 'key_unknown' },
  { name: 'T-06 a repeated member', change: withRepeatedMember, reason: 'proof_malformed' },
  {
    name: 'a signature of another key',
    change: (proof) => withHeader(stranger.sig, proof, right),
    reason: 'signature_invalid',
  },
];

const changedClaims: readonly {
  readonly name: string;
  readonly proof: NonNullable<TestRequest['proof']>;
  readonly reason: string;
  readonly code?: ProblemCode;
}[] = [
  { name: '3.2.4 another method', proof: { method: 'POST' }, reason: 'proof_target_mismatch' },
  {
    name: '3.2.4 another port',
    proof: { target: `https://127.0.0.1:1${lookup.path}` },
    reason: 'proof_target_mismatch',
  },
  {
    name: '3.2.4 another host',
    proof: { target: `https://other.example${lookup.path}` },
    reason: 'proof_target_mismatch',
  },
  { name: '3.2.4 http', proof: { target: `http://127.0.0.1${lookup.path}` }, reason: 'proof_target_mismatch' },
  { name: '3.2.5 another body', proof: { bodyHash: hash43('x') }, reason: 'proof_body_mismatch' },
  { name: '3.2.7 a made-up nonce', proof: { nonce: 'A'.repeat(54) }, reason: 'nonce_invalid', code: 'bad_nonce' },
  {
    name: 'another channel',
    proof: { channelBinding: hash43('x') },
    reason: 'channel_mismatch',
    code: 'channel_required',
  },
  { name: 'a writer token', proof: { writerTokenHash: hash43('x') }, reason: 'proof_token_mismatch' },
];

describe('proofs', () => {
  /** Failed proofs are counted by address and minute, so a minute passes after each test. */
  const clock = new FixedClock(nowSeconds());
  let server: TestServer;
  let client: TestClient;

  beforeAll(async () => {
    server = await startTestServer({}, { clock });
    client = await server.connect();
    await register(server, client, writer);
    await register(server, client, reader);
    await grantWrap(server, client, writer.id, 'team-a');
  });
  afterAll(async () => {
    client.close();
    await server.close();
  });
  afterEach(async () => {
    clock.advance(61);
    await client.send({ method: 'HEAD', path: '/v1/nonce' });
  });

  function expectRefused(answer: RawAnswer, code: ProblemCode): void {
    const document = JSON.parse(answer.body) as ProblemDocument;
    expect({ status: answer.status, code: document.code }).toEqual({ status: problems[code].status, code });
    expect(answer.body).not.toContain(marker);
    expect(answer.body).not.toMatch(/\\n| {4}at |node:|\.ts:/);
    expect(server.logged.join('\n')).not.toContain(marker);
  }
  const lastReason = (): unknown => JSON.parse(server.logged.findLast((line) => line.includes('Refused request'))!);

  test.each(changedProofs)('refuses $name', async ({ change, code = 'bad_proof', reason }) => {
    const headers = { Authorization: `Letterlock ${change(client.proofOf(writer.sig, lookup))}` };
    const answer = await client.send({ ...lookup, headers });
    expectRefused(answer, code);
    expect(lastReason()).toMatchObject({ error: { reason } });
    expect(answer.headers['www-authenticate']).toBe(answer.status === 401 ? 'Letterlock' : undefined);
  });

  test.each(changedClaims)('refuses $name', async ({ proof, code = 'bad_proof', reason }) => {
    const answer = await client.prove(writer.sig, { ...lookup, proof });
    expectRefused(answer, code);
    expect(lastReason()).toMatchObject({ error: { reason } });
    expect(answer.headers['replay-nonce']).toHaveLength(54);
  });

  test('accepts the proof that these differ from', async () => {
    expect((await client.prove(writer.sig, lookup)).status).toBe(200);
  });

  test.each([
    { name: 'two Authorization headers', headers: { authorization: 'Letterlock a.b.c' }, reason: 'proof_duplicate' },
    { name: 'another scheme', headers: { Authorization: 'Bearer a.b.c' }, reason: 'proof_malformed' },
    { name: 'no proof', headers: { Authorization: undefined }, reason: 'proof_missing' },
  ])('3.2.16 refuses $name', async ({ headers, reason }) => {
    expectRefused(await client.prove(writer.sig, { ...lookup, headers }), 'bad_proof');
    expect(lastReason()).toMatchObject({ error: { reason } });
  });

  test('refuses a right proof under another scheme', async () => {
    const headers = { Authorization: `Letterlick ${client.proofOf(writer.sig, lookup)}` };
    expectRefused(await client.send({ ...lookup, headers }), 'bad_proof');
  });

  test('3.2.8 refuses a captured request sent again, on its connection and on another', async () => {
    const headers = { Authorization: `Letterlock ${client.proofOf(writer.sig, lookup)}` };
    expect((await client.send({ ...lookup, headers })).status).toBe(200);
    expectRefused(await client.send({ ...lookup, headers }), 'bad_nonce');
    const other = await server.connect();
    expectRefused(await other.send({ ...lookup, headers }), 'channel_required');
    other.close();
  });

  test('3.2.8 refuses the same proof with its other signature', async () => {
    const proof = client.proofOf(writer.sig, lookup);
    expect(
      (await client.send({ ...lookup, headers: { Authorization: `Letterlock ${otherSignature(proof)}` } })).status,
    ).toBe(200);
    expectRefused(await client.send({ ...lookup, headers: { Authorization: `Letterlock ${proof}` } }), 'bad_nonce');
  });

  test('3.2.7 refuses the nonce of another server', async () => {
    const elsewhere = await startTestServer();
    const guest = await elsewhere.connect();
    expectRefused(await client.prove(writer.sig, { ...lookup, proof: { nonce: guest.nonce } }), 'bad_nonce');
    guest.close();
    await elsewhere.close();
  });

  test('3.2.7 refuses a nonce after two minutes', async () => {
    clock.advance(120);
    expectRefused(await client.prove(writer.sig, lookup), 'bad_nonce');
  });

  test('3.2.12 refuses a proof of another request on the same connection', async () => {
    const headers = { Authorization: `Letterlock ${client.proofOf(writer.sig, lookup)}` };
    const other = { ...lookup, path: `/v1/identities/${reader.id}` };
    expectRefused(await client.send({ ...other, headers }), 'bad_proof');
  });

  test('3.2.13 refuses a key that was revoked between nonce and use', async () => {
    const leaving = createIdentity();
    await register(server, client, leaving);
    const admin = await server.connect();
    expect((await client.prove(leaving.sig, lookup)).status).toBe(200);
    await apply(server, admin, { op: 'identity.revoke', args: { id: leaving.id } });
    expectRefused(await client.prove(leaving.sig, lookup), 'bad_proof');
    expect(lastReason()).toMatchObject({ error: { reason: 'key_revoked' } });
    admin.close();
  });

  test('3.2.15 refuses a query', async () => {
    expectRefused(await client.prove(writer.sig, { ...lookup, path: `${lookup.path}?${marker}` }), 'bad_request');
  });

  test('limits failed proofs by address for a minute', async () => {
    const send = (): Promise<RawAnswer> => client.send(lookup);
    for (let failure = 0; failure < failedProofsPerMinute; failure += 1) expectRefused(await send(), 'bad_proof');
    const limited = await client.prove(writer.sig, lookup);
    expectRefused(limited, 'rate');
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    const elsewhere = await TestClient.connect(server.origin, { localAddress: '127.0.0.2' });
    expect((await elsewhere.prove(writer.sig, lookup)).status).toBe(200);
    elsewhere.close();
    clock.advance(61);
    expect((await client.prove(writer.sig, lookup)).status).toBe(200);
  });

  test('leaves one audit record of what a known caller was refused, and none of a failed proof', async () => {
    // What was there before may be taken away meanwhile.
    const since = Math.max(...[...server.store.dump()].map(({ modRevision }) => modRevision));
    const records = (): number =>
      [...server.store.dump()].filter(({ createRevision }) => createRevision > since).length;
    const { envelope } = await wrapFor(writer, reader, { path: 'team-b/db' });
    expectRefused(await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope }), 'denied');
    expect(records()).toBe(1);
    expectRefused(await client.prove(writer.sig, { method: 'GET', path: '/v1/grants' }), 'denied');
    expect(records()).toBe(2);
    const absent = { method: 'GET', path: `/v1/wraps/${randomIdentifier()}/status` };
    expectRefused(await client.prove(writer.sig, absent), 'not_found');
    expect(records()).toBe(3);
    const unknown = { method: 'GET', path: `/v1/identities/${stranger.id}` };
    expectRefused(await client.prove(writer.sig, unknown), 'not_found');
    expect(records()).toBe(4);
    expectRefused(await client.send(lookup), 'bad_proof');
    expect(records()).toBe(4);
  });

  describe('by mTLS', () => {
    const withCertificateOf = (identity: TestIdentity): Promise<TestClient> =>
      TestClient.connect(server.origin, tlsIdentity(identity.sig));

    test('lets the TLS key alone prove a caller where the route allows it', async () => {
      const mtls = await withCertificateOf(reader);
      expect((await mtls.send(lookup)).status).toBe(200);
      expectRefused(await mtls.send({ method: 'GET', path: '/v1/grants' }), 'bad_proof');
      const unknown = await withCertificateOf(stranger);
      expectRefused(await unknown.send(lookup), 'bad_proof');
      for (const each of [mtls, unknown]) each.close();
    });

    test('takes the equality of both keys for the channel binding, and no other key', async () => {
      const unbound = { ...lookup, proof: { channelBinding: undefined as never } };
      const own = await withCertificateOf(writer);
      expect((await own.prove(writer.sig, unbound)).status).toBe(200);
      const other = await withCertificateOf(reader);
      expectRefused(await other.prove(writer.sig, unbound), 'channel_required');
      expect((await other.prove(writer.sig, lookup)).status).toBe(200);
      expectRefused(await client.prove(writer.sig, unbound), 'channel_required');
      for (const each of [own, other]) each.close();
    });

    test('takes a certificate of a key outside the policy for none', async () => {
      const odd = await TestClient.connect(server.origin, tlsIdentity(keyOutsidePolicy()));
      expectRefused(await odd.send(lookup), 'bad_proof');
      expect((await odd.prove(writer.sig, lookup)).status).toBe(200);
      odd.close();
    });

    test('stores only envelopes of the TLS key', async () => {
      const iat = clock.nowSeconds();
      const mtls = await withCertificateOf(writer);
      const own = await wrapFor(writer, reader, { iat });
      expect((await mtls.send({ method: 'POST', path: '/v1/wraps', body: own.envelope })).status).toBe(201);
      const foreign = await wrapFor(reader, writer, { iat });
      expectRefused(await mtls.send({ method: 'POST', path: '/v1/wraps', body: foreign.envelope }), 'bad_envelope');
      mtls.close();
    });
  });

  test('T-19 answers channel_required through a proxy that terminates TLS', async () => {
    const proxy = createTlsServer(tlsIdentity(generateSigningKey('P-256')), (inward) => {
      const outward = connectTls({
        port: Number(new URL(server.origin).port),
        host: '127.0.0.1',
        rejectUnauthorized: false,
      });
      inward.pipe(outward).pipe(inward);
      for (const socket of [inward, outward]) socket.on('error', () => inward.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const victim = await TestClient.connect(server.origin, { port });
    expectRefused(await victim.prove(writer.sig, lookup), 'channel_required');
    // Not for want of anything else: the proof would be right on the connection that it names.
    const direct = await server.connect();
    expect((await direct.prove(writer.sig, lookup)).status).toBe(200);
    for (const each of [victim, direct]) each.close();
    proxy.close();
  });
});

function tlsIdentity(key: SigningKey): { readonly cert: string; readonly key: string } {
  const notBeforeSeconds = nowSeconds() - 60;
  const der = createSelfSignedCertificate({
    key,
    commonName: 'x',
    notBeforeSeconds,
    notAfterSeconds: notBeforeSeconds + 3600,
  });
  return { cert: certificatePem(der), key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }) };
}

/** P-521, which the certificate writer signs with as it would with P-384. */
function keyOutsidePolicy(): SigningKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  return { ...generateSigningKey('P-384'), keyObject: privateKey };
}

/** Order of P-256: (r, n − s) verifies like (r, s). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function otherSignature(proof: string): string {
  const [head, payload, signature] = proof.split('.') as [string, string, string];
  const bytes = Buffer.from(signature, 'base64url');
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  bytes.write(s.toString(16).padStart(64, '0'), 32, 'hex');
  return `${head}.${payload}.${bytes.toString('base64url')}`;
}
