import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  createProof,
  generateSigningKey,
  hash43,
  publicOf,
  randomIdentifier,
  signJws,
  signOperation,
  type SigningKey,
} from '@letterlock/crypto';
import { canonicalize, lifetimes, typ, type Operation } from '@letterlock/protocol';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { signaturesNeeded } from './operation-rules.ts';
import { exporter, origin, ProofFixture } from './testing/proof-fixture.ts';
import { verifyOperations } from './verify-operations.ts';

const inst = randomIdentifier();
const alice = generateSigningKey();
const bob = generateSigningKey();
const admins = new Map([alice, bob].map((key) => [key.thumbprint, publicOf(key)]));

describe('verifyOperations()', () => {
  const clock = new FixedClock();
  const received = new ProofFixture().receive(undefined);
  let operation: Operation;
  const verify = (jwss: readonly string[], needed = 1, change: object = {}) =>
    verifyOperations(jwss, { admins, inst, clock, received, k: () => needed, ...change });
  const signed = (change: object = {}, key: SigningKey = alice) => signOperation(key, { ...operation, ...change });
  beforeEach(() => {
    operation = {
      op: 'identity.put',
      args: { id: hash43('somebody') },
      exp: clock.nowSeconds() + 600,
      inst,
      nonce: randomIdentifier(),
    };
  });

  test('gives the operation, its hash and the admin that signed it', async () => {
    const verified = await verify([signed()]);
    expect(verified).toMatchObject({
      isComplete: true,
      operation,
      oh: hash43(canonicalize(operation)),
      exp: operation.exp,
      signers: [alice.thumbprint],
      have: 1,
      k: 1,
    });
    expect(verified.isComplete && verified.proven).toEqual({
      request: operation,
      caller: {
        id: alice.thumbprint,
        isAdmin: true,
        keyset: undefined,
        factor: 'admin',
        binding: 'none',
        listener: 'direct',
        proof: undefined,
        nonce: undefined,
        bodyHash: received.bodyHash,
        requestId: received.requestId,
      },
    });
  });

  test('asks for the number of signatures of this operation', async () => {
    const asked: string[] = [];
    await verify([signed()], 1, { k: (op: string) => asked.push(op) });
    expect(asked).toEqual(['identity.put']);
  });

  test('counts signatures without proving anything while some are missing', async () => {
    const verified = await verify([signed()], 2);
    expect(verified).toMatchObject({ isComplete: false, have: 1, k: 2 });
    expect(verified).not.toHaveProperty('proven');
  });

  test('is complete with as many admins as needed', async () => {
    await expect(verify([signed(), signed({}, bob)], 2)).resolves.toMatchObject({
      isComplete: true,
      signers: [alice.thumbprint, bob.thumbprint],
    });
  });

  const week = lifetimes.operationMaximum;
  test.each([
    { name: 'that ends now', exp: 0, reason: 'operation_expired' },
    { name: 'that lives more than seven days', exp: week + 1, reason: 'operation_lifetime' },
  ])('refuses one $name', async ({ exp, reason }) => {
    await expect(verify([signed({ exp: clock.nowSeconds() + exp })])).rejects.toEqual(
      expect.objectContaining({ code: 'bad_proof', reason }),
    );
  });

  test.each([
    { name: 'that ends in a second', exp: 1 },
    { name: 'that lives seven days', exp: week },
  ])('accepts one $name', async ({ exp }) => {
    await expect(verify([signed({ exp: clock.nowSeconds() + exp })])).resolves.toMatchObject({ isComplete: true });
  });

  test('refuses one for another instance', async () => {
    await expect(verify([signed({ inst: randomIdentifier() })])).rejects.toEqual(
      expect.objectContaining({ code: 'bad_proof', reason: 'operation_instance' }),
    );
  });

  test('before initialisation only init is for this instance', async () => {
    const none = { inst: undefined };
    const init = {
      op: 'init',
      args: { admins: ['AA'], boot: hash43('boot'), k: 1 },
      exp: operation.exp,
      nonce: operation.nonce,
    };
    await expect(verify([signOperation(alice, init as Operation)], 1, none)).resolves.toMatchObject({
      isComplete: true,
    });
    await expect(verify([signOperation(alice, init as Operation)])).rejects.toEqual(
      expect.objectContaining({ reason: 'operation_instance' }),
    );
    await expect(verify([signed()], 1, none)).rejects.toEqual(
      expect.objectContaining({ reason: 'operation_instance' }),
    );
  });

  test('refuses a signer who is no admin', async () => {
    await expect(verify([signed({}, generateSigningKey())])).rejects.toEqual(
      expect.objectContaining({ code: 'bad_proof', reason: 'key_unknown' }),
    );
  });

  test("refuses another's signature under an admin's name", async () => {
    const forger = { ...generateSigningKey(), thumbprint: alice.thumbprint };
    await expect(verify([signed({}, forger)])).rejects.toEqual(
      expect.objectContaining({ code: 'bad_proof', reason: 'signature_invalid' }),
    );
  });

  test('refuses a second copy with a bad signature, though the first would do', async () => {
    const forger = { ...generateSigningKey(), thumbprint: bob.thumbprint };
    await expect(verify([signed(), signed({}, forger)])).rejects.toEqual(
      expect.objectContaining({ reason: 'signature_invalid' }),
    );
  });

  test('does not count one admin twice', async () => {
    await expect(verify([signed(), signed()], 2)).rejects.toEqual(
      expect.objectContaining({ code: 'bad_request', reason: 'operation_signer_repeated' }),
    );
  });

  test('does not add up different operations', async () => {
    await expect(verify([signed(), signed({ nonce: randomIdentifier() }, bob)], 2)).rejects.toEqual(
      expect.objectContaining({ code: 'bad_request', reason: 'operations_differ' }),
    );
  });

  test('T-13 a request proof by an admin is no operation', async () => {
    const proof = createProof({
      key: alice,
      method: 'POST',
      target: `${origin}/v1/sys/op`,
      bodyHash: hash43(''),
      nonce: 'A'.repeat(54),
      iat: clock.nowSeconds(),
      channelBinding: exporter,
    });
    await expect(verify([proof])).rejects.toEqual(
      expect.objectContaining({ code: 'bad_encoding', reason: 'wrong_typ' }),
    );
  });

  test('T-13 operation claims under the typ of an unseal are no operation', async () => {
    const jws = signJws({ typ: typ.unseal, key: alice, claims: operation });
    await expect(verify([jws])).rejects.toEqual(expect.objectContaining({ code: 'bad_encoding', reason: 'wrong_typ' }));
  });

  test('none at all is a mistake of the caller', async () => {
    await expect(verify([])).rejects.toThrow('got none');
  });
});

describe('signaturesNeeded()', () => {
  test.each(['init', 'identity.put', 'identity.revoke', 'grant.put', 'grant.delete', 'seal', 'share.ack'] as const)(
    'one admin is enough for %s',
    (op) => {
      expect(signaturesNeeded(op, 3)).toBe(1);
    },
  );
});
