import { beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey, hash43, signJws, type SigningKeyKind } from '@letterlock/crypto';
import {
  decodeBase64url,
  encodeBase64url,
  encodeUtf8,
  lifetimes,
  toProblemDocument,
  typ,
  type ProblemDocument,
} from '@letterlock/protocol';
import { NonceAuthority } from './nonce-authority.ts';
import { directoryOfAdmins, directoryOfKeyset } from './directory.ts';
import { body, makeAdmin, makePerson, origin, ProofFixture } from './testing/proof-fixture.ts';
import { verifyProof } from './verify-proof.ts';

const order = { p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n } as const;

/** The other signature that ECDSA accepts for the same message: (r, n − s). */
function withHighS(compact: string): string {
  const at = compact.lastIndexOf('.') + 1;
  const signature = Buffer.from(decodeBase64url(compact.slice(at)));
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
  const other = (order.p256 - s).toString(16).padStart(64, '0');
  return compact.slice(0, at) + encodeBase64url(Buffer.concat([signature.subarray(0, 32), Buffer.from(other, 'hex')]));
}

/** The same proof under another header. */
function withHeader(compact: string, header: object): string {
  return [encodeBase64url(encodeUtf8(JSON.stringify(header))), ...compact.split('.').slice(1)].join('.');
}

function problem(code: string, reason: string): unknown {
  return expect.objectContaining({ code, reason });
}

describe('verifyProof()', () => {
  let fixture: ProofFixture;
  const verify = (received: ReturnType<ProofFixture['receive']>, change: object = {}) =>
    verifyProof(received, 'the request', { ...fixture.context, ...change });
  beforeEach(() => {
    fixture = new ProofFixture();
  });

  test('gives the caller, the facts of the proof and the request', async () => {
    const nonce = fixture.nonces.issue();
    const proof = fixture.proof({ nonce });
    const { caller, request } = await verify(fixture.receive(proof));
    expect(request).toBe('the request');
    expect(caller).toEqual({
      id: fixture.person.keyset.id,
      isAdmin: false,
      keyset: fixture.person.keyset,
      factor: 'proof',
      binding: 'exporter',
      listener: 'direct',
      proof,
      nonce,
      bodyHash: hash43(body),
      requestId: 'request-1',
    });
  });

  test.each<SigningKeyKind>(['P-256', 'P-384', 'Ed25519', 'RSA'])('accepts a key of kind %s', async (kind) => {
    fixture = new ProofFixture(kind);
    const { caller } = await verify(fixture.receive(fixture.proof()));
    expect(caller.id).toBe(fixture.person.keyset.id);
  });

  test('an admin is known as one', async () => {
    const admin = makeAdmin();
    const directory = directoryOfAdmins(new Map([[admin.known.id, admin.known]]));
    const { caller } = await verify(fixture.receive(fixture.proof({ key: admin.key })), { directory });
    expect(caller).toMatchObject({ id: admin.known.id, isAdmin: true, keyset: undefined });
  });

  test('a keyset that registers vouches for its own key, and for no other', async () => {
    const stranger = makePerson();
    const directory = directoryOfKeyset(stranger.keyset);
    const { caller } = await verify(fixture.receive(fixture.proof({ key: stranger.key })), { directory });
    expect(caller).toMatchObject({ id: stranger.keyset.id, isAdmin: false });
    await expect(verify(fixture.receive(fixture.proof()), { directory })).rejects.toEqual(
      problem('bad_proof', 'key_unknown'),
    );
  });

  describe('T-18 a proof is for one request', () => {
    test.each([
      { name: 'body', change: { bodyHash: hash43('') }, reason: 'proof_body_mismatch' },
      { name: 'method', change: { method: 'GET' }, reason: 'proof_target_mismatch' },
      { name: 'path', change: { path: '/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/ack' }, reason: 'proof_target_mismatch' },
      {
        name: 'letter case of the path',
        change: { path: '/v1/wraps/aAAAAAAAAAAAAAAAAAAAAA/open' },
        reason: 'proof_target_mismatch',
      },
    ])('refuses it with another $name', async ({ change, reason }) => {
      await expect(verify(fixture.receive(fixture.proof(), change))).rejects.toEqual(problem('bad_proof', reason));
    });

    test.each([
      { name: 'host', target: 'https://evil.example.com/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open' },
      { name: 'port', target: 'https://letterlock.example.com:8443/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open' },
      {
        name: 'letter case of the host',
        target: 'https://LETTERLOCK.example.com/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open',
      },
      { name: 'scheme', target: 'http://letterlock.example.com/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open' },
      { name: 'tail', target: `${origin}/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open/` },
    ])('refuses one that was made for another $name', async ({ target }) => {
      await expect(verify(fixture.receive(fixture.proof({ target })))).rejects.toEqual(
        problem('bad_proof', 'proof_target_mismatch'),
      );
    });

    test('says which part of the form differs, and no value', async () => {
      const error: unknown = await verify(fixture.receive(fixture.proof(), { method: 'GET' })).catch(
        (thrown: unknown) => thrown,
      );
      expect(toProblemDocument(error)).toMatchObject({ status: 401, detail: 'The proof is for another method' });
    });

    test('accepts any of the configured origins', async () => {
      const target = 'https://other.example.com:8443/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open';
      await expect(verify(fixture.receive(fixture.proof({ target })))).resolves.toBeDefined();
    });

    test('refuses one that names a writer token, which this request has not', async () => {
      await expect(verify(fixture.receive(fixture.proof({ writerTokenHash: hash43('token') })))).rejects.toEqual(
        problem('bad_proof', 'proof_token_mismatch'),
      );
    });
  });

  describe('T-19 a proof is bound to its connection', () => {
    const own = () => fixture.person.known.verifyingKey;
    const foreign = makePerson().known.verifyingKey;

    test.each([
      { name: 'the exporter', cb: 'same', client: 'none', binding: 'exporter' },
      { name: 'the exporter, whatever the client certificate', cb: 'same', client: 'foreign', binding: 'exporter' },
      { name: 'the exporter before the key', cb: 'same', client: 'own', binding: 'exporter' },
      { name: 'the TLS client key', cb: 'absent', client: 'own', binding: 'key' },
    ] as const)('accepts $name', async ({ cb, client, binding }) => {
      const proof = cb === 'same' ? fixture.proof() : proofWithoutBinding(fixture);
      const clientKey = { none: undefined, foreign, own: own() }[client];
      const { caller } = await verify(fixture.receive(proof, { channel: { clientKey } }));
      expect(caller).toMatchObject({ id: fixture.person.keyset.id, binding, factor: 'proof' });
    });

    test.each([
      { name: 'neither', cb: 'absent', client: 'none', reason: 'channel_missing' },
      { name: 'only the TLS key of another', cb: 'absent', client: 'foreign', reason: 'proof_key_mismatch' },
      { name: 'the exporter of another connection', cb: 'other', client: 'none', reason: 'channel_mismatch' },
      {
        name: 'the exporter of another connection, in spite of the key',
        cb: 'other',
        client: 'own',
        reason: 'channel_mismatch',
      },
    ] as const)('refuses $name', async ({ cb, client, reason }) => {
      const proof =
        cb === 'other' ? fixture.proof({ channelBinding: hash43('relayed') }) : proofWithoutBinding(fixture);
      const clientKey = { none: undefined, foreign, own: own() }[client];
      await expect(verify(fixture.receive(proof, { channel: { clientKey } }))).rejects.toEqual(
        problem('channel_required', reason),
      );
    });

    test('refuses a claimed exporter where the connection has none', async () => {
      await expect(verify(fixture.receive(fixture.proof(), { channel: { exporter: undefined } }))).rejects.toEqual(
        problem('channel_required', 'channel_mismatch'),
      );
    });
  });

  describe('nonces', () => {
    test('T-17 of 1,000 parallel uses of one proof exactly one succeeds', async () => {
      const received = fixture.receive(fixture.proof());
      const outcomes = await Promise.allSettled(Array.from({ length: 1000 }, () => verify(received)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      expect(reasons).toHaveLength(999);
      for (const reason of reasons) expect(reason).toEqual(problem('bad_nonce', 'nonce_replayed'));
    });

    test('T-08 the other signature of the same message hits the used nonce', async () => {
      const proof = fixture.proof();
      await verify(fixture.receive(proof));
      const malleated = withHighS(proof);
      expect(malleated).not.toBe(proof);
      await expect(verify(fixture.receive(malleated))).rejects.toEqual(problem('bad_nonce', 'nonce_replayed'));
    });

    test('T-08 the other signature is good where the nonce is not used', async () => {
      await expect(verify(fixture.receive(withHighS(fixture.proof())))).resolves.toBeDefined();
    });

    test.each([
      { name: 'expired', age: lifetimes.nonce, nonce: () => fixture.nonces.issue() },
      { name: 'forged', age: 0, nonce: () => 'A'.repeat(54) },
      {
        name: 'of another replica',
        age: 0,
        nonce: () => new NonceAuthority({ replicaId: new Uint8Array(8).fill(1), clock: fixture.clock }).issue(),
      },
    ])('refuses one that is $name before it looks anybody up', async ({ age, nonce }) => {
      const proof = fixture.proof({ nonce: nonce() });
      fixture.clock.advance(age);
      await expect(verify(fixture.receive(proof))).rejects.toEqual(problem('bad_nonce', 'nonce_invalid'));
      expect(fixture.directory.asked).toEqual([]);
    });

    test('one that ends while its signature is verified was not used', async () => {
      const proof = fixture.proof();
      const directory = {
        find: (id: string) => {
          fixture.clock.advance(lifetimes.nonce);
          return fixture.directory.find(id);
        },
      };
      await expect(verify(fixture.receive(proof), { directory })).rejects.toEqual(
        problem('bad_nonce', 'nonce_invalid'),
      );
    });

    test.each([
      { name: 'a signature by another', spoil: (nonce: string) => fixture.receive(forged(fixture, nonce)) },
      {
        name: 'another body',
        spoil: (nonce: string) => fixture.receive(fixture.proof({ nonce }), { bodyHash: hash43('') }),
      },
      {
        name: 'another path',
        spoil: (nonce: string) => fixture.receive(fixture.proof({ nonce }), { path: '/v1/wraps' }),
      },
      {
        name: 'another connection',
        spoil: (nonce: string) => fixture.receive(fixture.proof({ nonce, channelBinding: hash43('relayed') })),
      },
    ])('a proof with $name uses nothing up', async ({ spoil }) => {
      const nonce = fixture.nonces.issue();
      await expect(verify(spoil(nonce))).rejects.toBeDefined();
      await expect(verify(fixture.receive(fixture.proof({ nonce })))).resolves.toBeDefined();
    });
  });

  describe('the key', () => {
    test('one signature by another key is refused', async () => {
      await expect(verify(fixture.receive(forged(fixture, fixture.nonces.issue())))).rejects.toEqual(
        problem('bad_proof', 'signature_invalid'),
      );
    });

    test('T-01 an algorithm other than the key has is refused', async () => {
      const proof = fixture.proof();
      const header = { alg: 'PS256', typ: typ.proof, kid: fixture.person.keyset.id };
      await expect(verify(fixture.receive(withHeader(proof, header)))).rejects.toEqual(
        problem('bad_proof', 'signature_invalid'),
      );
    });

    test.each(['none', 'HS256', 'RS256', 'RS1', 'EdDSA', '__proto__', 'constructor'])(
      'T-01 algorithm %s is refused',
      async (alg) => {
        const header = { alg, typ: typ.proof, kid: fixture.person.keyset.id };
        await expect(verify(fixture.receive(withHeader(fixture.proof(), header)))).rejects.toEqual(
          problem('bad_proof', 'proof_alg'),
        );
        expect(fixture.directory.asked).toEqual([]);
      },
    );

    test('one that was revoked between challenge and use is refused, and the log says so', async () => {
      const proof = fixture.proof();
      fixture.directory.revoked.add(fixture.person.keyset.id);
      await expect(verify(fixture.receive(proof))).rejects.toEqual(problem('bad_proof', 'key_revoked'));
    });

    test('T-12 unknown, revoked, impossible and badly signed look the same from outside', async () => {
      const unknown = fixture.proof({ key: generateSigningKey() });
      const good = fixture.proof();
      const kids = ['__proto__', '../x', 'constructor', "' OR 1=1 --", 'A'.repeat(43), ''];
      const answers: ProblemDocument[] = [];
      for (const proof of [
        unknown,
        forged(fixture, fixture.nonces.issue()),
        ...kids.map((kid) => withHeader(good, { alg: 'ES256', typ: typ.proof, kid })),
      ]) {
        const error: unknown = await verify(fixture.receive(proof)).catch((thrown: unknown) => thrown);
        answers.push(toProblemDocument(error));
      }
      fixture.directory.revoked.add(fixture.person.keyset.id);
      const error: unknown = await verify(fixture.receive(good)).catch((thrown: unknown) => thrown);
      answers.push(toProblemDocument(error));
      expect(answers[0]).toMatchObject({ status: 401, code: 'bad_proof' });
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    });
  });

  describe('the form', () => {
    const claims = () => ({
      bh: hash43(body),
      cb: fixture.receive(undefined).channel.exporter!,
      htm: 'POST',
      htu: `${origin}/v1/wraps/AAAAAAAAAAAAAAAAAAAAAA/open`,
      iat: fixture.clock.nowSeconds(),
      nonce: fixture.nonces.issue(),
    });

    test('T-13 the same claims under another typ are no proof', async () => {
      const proof = signJws({ typ: typ.operation, key: fixture.person.key, claims: claims() });
      await expect(verify(fixture.receive(proof))).rejects.toEqual(problem('bad_proof', 'proof_type'));
      const control = signJws({ typ: typ.proof, key: fixture.person.key, claims: claims() });
      await expect(verify(fixture.receive(control))).resolves.toBeDefined();
    });

    test.each(['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip'])(
      'T-02, T-05 header member %s is refused',
      async (name) => {
        const header = { alg: 'ES256', typ: typ.proof, kid: fixture.person.keyset.id, [name]: 'x' };
        await expect(verify(fixture.receive(withHeader(fixture.proof(), header)))).rejects.toEqual(
          problem('bad_proof', 'proof_header_forbidden'),
        );
      },
    );

    test.each([
      { name: 'padding', spoil: (proof: string) => `${proof}=` },
      { name: 'a space', spoil: (proof: string) => ` ${proof}` },
      { name: 'two parts', spoil: (proof: string) => proof.split('.').slice(0, 2).join('.') },
      { name: 'four parts', spoil: (proof: string) => `${proof}.AA` },
      { name: 'JSON serialisation', spoil: () => '{"payload":"","signatures":[]}' },
      { name: 'nothing', spoil: () => '' },
    ])('T-07 $name is malformed', async ({ spoil }) => {
      await expect(verify(fixture.receive(spoil(fixture.proof())))).rejects.toEqual(
        problem('bad_proof', 'proof_malformed'),
      );
    });

    test('more than 4 KiB is too large', async () => {
      await expect(verify(fixture.receive('A'.repeat(4097)))).rejects.toEqual(
        expect.objectContaining({ code: 'too_large' }),
      );
    });

    test.each([
      { name: 'a clock 300 s off is not worth a note', skew: lifetimes.proofSkewLogged, note: undefined },
      { name: 'a clock further ahead is noted', skew: lifetimes.proofSkewLogged + 1, note: 'clock_skewed' },
      { name: 'a clock further behind is noted', skew: -lifetimes.proofSkewLogged - 1, note: 'clock_skewed' },
    ])('$name, and refused is neither', async ({ skew, note }) => {
      const { caller } = await verify(fixture.receive(fixture.proof({ iat: fixture.clock.nowSeconds() + skew })));
      expect(caller.note).toBe(note);
    });
  });

  describe('without a proof', () => {
    const mtls = { authentication: 'proof-or-mtls' };
    const withCertificate = () =>
      fixture.receive(undefined, { channel: { clientKey: fixture.person.known.verifyingKey } });

    test('the TLS client key is the identity where the route allows it', async () => {
      const { caller } = await verify(withCertificate(), mtls);
      expect(caller).toMatchObject({
        id: fixture.person.keyset.id,
        keyset: fixture.person.keyset,
        factor: 'mtls',
        binding: 'key',
        proof: undefined,
        nonce: undefined,
      });
    });

    test('it is not where the route wants a proof', async () => {
      await expect(verify(withCertificate())).rejects.toEqual(problem('bad_proof', 'proof_missing'));
    });

    test('nothing at all is refused', async () => {
      await expect(verify(fixture.receive(undefined), mtls)).rejects.toEqual(problem('bad_proof', 'proof_missing'));
    });

    test.each([
      { name: 'an unknown key', isKnown: false, reason: 'key_unknown' },
      { name: 'a revoked key', isKnown: true, reason: 'key_revoked' },
    ])('$name is refused', async ({ isKnown, reason }) => {
      if (isKnown) fixture.directory.revoked.add(fixture.person.keyset.id);
      else fixture.directory.keys.clear();
      await expect(verify(withCertificate(), mtls)).rejects.toEqual(problem('bad_proof', reason));
    });

    test('a bad proof is not saved by a good certificate', async () => {
      const received = { ...withCertificate(), proof: forged(fixture, fixture.nonces.issue()) };
      await expect(verify(received, mtls)).rejects.toEqual(problem('bad_proof', 'signature_invalid'));
    });
  });
});

/** A proof in the person's name by somebody else's key. */
function forged(fixture: ProofFixture, nonce: string): string {
  return fixture.proof({ key: { ...generateSigningKey(), thumbprint: fixture.person.keyset.id }, nonce });
}

function proofWithoutBinding(fixture: ProofFixture): string {
  const proof = fixture.proof();
  const claims = JSON.parse(Buffer.from(decodeBase64url(proof.split('.')[1]!)).toString()) as Record<string, string>;
  delete claims['cb'];
  return signJws({ typ: typ.proof, key: fixture.person.key, claims });
}
