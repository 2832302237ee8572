/** Proofs, receipts, state statements and operations: what each binds. @module */
import { describe, expect, test } from '@jest/globals';
import { isProblemError, type Operation, type ReceiptClaims } from '@letterlock/protocol';
import { hash43, randomIdentifier } from './bytes.ts';
import { verifyJws } from './jws.ts';
import { generateSigningKey, publicOf } from './keys.ts';
import { readOperation, signOperation } from './op.ts';
import { createProof, parseProof } from './proof-jws.ts';
import { signReceipt, verifyReceipt } from './receipt.ts';
import { signState, verifyState } from './state-statement.ts';
import { withFlippedBit } from './testing/compact.ts';
import { refusalOf } from './testing/problems.ts';

const key = generateSigningKey();
const verifier = publicOf(key);
const other = publicOf(generateSigningKey());
const nonce = 'L5TJa_giNdzmaouKIbXGSkac7MBRhLW-YZPXwy3uHi_rAdDBoJ-KSg';

describe('createProof(), parseProof()', () => {
  const wanted = {
    key,
    method: 'POST',
    target: 'https://letterlock.example.com/v1/wraps/iTM3E3-mXIFyJ2MKOjYShQ/open',
    bodyHash: hash43(''),
    nonce,
    iat: 1_790_000_000,
    channelBinding: hash43('exporter'),
  };
  const proof = createProof(wanted);

  test('a proof carries method, target, body, nonce and channel, in 582 characters with ES256', () => {
    const { jws, claims } = parseProof(proof);
    expect(verifyJws(jws, verifier)).toBe(true);
    expect(claims).toEqual({
      bh: wanted.bodyHash,
      cb: wanted.channelBinding,
      htm: 'POST',
      htu: wanted.target,
      iat: wanted.iat,
      nonce,
    });
    expect(proof).toHaveLength(582);
  });

  test('channel binding and writer token appear only where they are given', () => {
    const { channelBinding: _, ...without } = wanted;
    expect(parseProof(createProof(without)).claims).not.toHaveProperty('cb');
    expect(parseProof(createProof({ ...wanted, writerTokenHash: hash43('token') })).claims.th).toBe(hash43('token'));
  });

  test.each([
    { name: 'more than 4 KiB', compact: `${proof}${'A'.repeat(4096)}`, code: 'too_large' },
    { name: 'another method', compact: createProof({ ...wanted, method: 'TRACE' }), code: 'bad_encoding' },
    { name: 'a shorter nonce', compact: createProof({ ...wanted, nonce: nonce.slice(1) }), code: 'bad_encoding' },
    {
      name: 'a longer target',
      compact: createProof({ ...wanted, target: `https://a/${'b'.repeat(768)}` }),
      code: 'bad_encoding',
    },
  ])('refuses $name', async ({ compact, code }) => {
    await expect(refusalOf(() => parseProof(compact))).resolves.toMatchObject({ code });
  });
});

describe('verifyReceipt()', () => {
  const claims: ReceiptClaims = {
    at: 1,
    eh: hash43('eh'),
    id: randomIdentifier(),
    nonce,
    ph: hash43('ph'),
    rev: 5,
    st: 'STORED',
  };
  const receipt = signReceipt(key, claims);

  test('gives back the claims where every expectation holds', () => {
    expect(verifyReceipt(receipt, verifier)).toEqual(claims);
    expect(verifyReceipt(receipt, verifier, { id: claims.id, nonce, eh: claims.eh })).toEqual(claims);
  });

  test.each([
    { name: 'another id', expected: { id: randomIdentifier() }, reason: 'receipt_id' },
    { name: 'another request', expected: { nonce: nonce.replace('L', 'M') }, reason: 'receipt_nonce' },
    { name: 'another envelope', expected: { eh: hash43('other') }, reason: 'receipt_eh' },
  ])('refuses a receipt for $name', async ({ expected, reason }) => {
    await expect(refusalOf(() => verifyReceipt(receipt, verifier, expected))).resolves.toMatchObject({
      code: 'bad_proof',
      reason,
    });
  });

  test('refuses a receipt without the nonce that is expected', async () => {
    const { nonce: _, ...without } = claims;
    const call = () => verifyReceipt(signReceipt(key, without), verifier, { nonce });
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_proof', reason: 'receipt_nonce' });
  });

  test('refuses another instance and a changed signature', async () => {
    for (const call of [
      () => verifyReceipt(receipt, other),
      () => verifyReceipt(withFlippedBit(receipt, 2, 9), verifier),
    ]) {
      await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_proof', reason: 'signature_invalid' });
    }
  });
});

describe('verifyState()', () => {
  const claims = { exp: 301, iat: 1, inst: randomIdentifier(), td: 'prod.example', tls: hash43('tls') };
  const statement = signState(key, claims);

  test('gives back the claims for this connection’s key', () => {
    expect(verifyState(statement, verifier, { tls: claims.tls })).toEqual(claims);
  });

  test('refuses another connection’s key, another instance and a changed signature', async () => {
    for (const call of [
      () => verifyState(statement, verifier, { tls: hash43('other') }),
      () => verifyState(statement, other, { tls: claims.tls }),
      () => verifyState(withFlippedBit(statement, 2, 9), verifier, { tls: claims.tls }),
    ]) {
      await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_proof' });
    }
  });
});

describe('readOperation()', () => {
  const operation: Operation = {
    op: 'identity.put',
    args: { id: hash43('id') },
    exp: 9,
    inst: randomIdentifier(),
    nonce: randomIdentifier(),
  };
  test('gives back the operation and its hash, equal for every signer', () => {
    const [first, second] = [signOperation(key, operation), signOperation(generateSigningKey(), operation)];
    expect(readOperation(first).operation).toEqual(operation);
    expect(verifyJws(readOperation(first).jws, verifier)).toBe(true);
    expect(verifyJws(readOperation(second).jws, verifier)).toBe(false);
    expect(readOperation(second).oh).toBe(readOperation(first).oh);
    expect(readOperation(signOperation(key, { ...operation, nonce: randomIdentifier() })).oh).not.toBe(
      readOperation(first).oh,
    );
  });

  test.each([
    { name: 'an unknown operation', claims: { ...operation, op: 'grant.everything' } },
    { name: 'arguments of another operation', claims: { ...operation, op: 'seal' } },
    { name: 'no instance', claims: { op: 'seal', args: {}, exp: 9, nonce: operation.nonce } },
  ])('refuses $name', async ({ claims }) => {
    const call = () => readOperation(signOperation(key, claims as unknown as Operation));
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'bad_encoding' });
  });
});

test('refusals are problems with a code, never bare errors', async () => {
  expect(isProblemError(await refusalOf(() => parseProof('')))).toBe(true);
});
