import { describe, expect, test } from '@jest/globals';
import { createIdentity } from '@letterlock/client';
import {
  generateOpeningKey,
  generateSigningKey,
  hash43,
  publicOfOpening,
  publicOf,
  signReceipt,
} from '@letterlock/crypto';
import { canonicalize, decodeBase64url, ProblemError, type OnceSecret, type ReceiptClaims } from '@letterlock/protocol';
import type { Link } from './membership.ts';
import { valuesOf } from './testing/values.ts';
import { writeSecret, type WriteRequest } from './write-secret.ts';

const nonce = 'A'.repeat(54);
const instanceKey = generateSigningKey('P-256');
const request: WriteRequest = {
  namespace: 'shop',
  binding: 'orders-db',
  secret: 'db',
  values: valuesOf({ password: 'never in clear' }),
  writerToken: 'token',
  latest: 6,
};

interface Sent {
  readonly body: string;
  readonly writerToken: string | undefined;
  readonly header: { readonly id: string; readonly ver: number; readonly path: string; readonly iat: number };
}

/** A service that answers each write as it is told. */
function serviceThat(answer: (claims: ReceiptClaims, turn: number) => string) {
  const sent: Sent[] = [];
  const link = {
    trust: { instanceKey: publicOf(instanceKey), authorities: [], seq: 1 },
    rpc: {
      call: async (_: string, makeBody: () => string, { writerToken }: { writerToken?: string }) => {
        const body = makeBody();
        const { hdr, payload } = JSON.parse(body) as { hdr: string; payload: string };
        const bytes = decodeBase64url(hdr);
        const header = JSON.parse(Buffer.from(bytes).toString()) as Sent['header'];
        sent.push({ body, writerToken, header });
        const claims: ReceiptClaims = {
          at: 1_790_000_000,
          eh: hash43(bytes),
          id: header.id,
          nonce,
          ph: hash43(payload),
          rev: 7,
          st: 'STORED',
        };
        return { body: Buffer.from(canonicalize({ rcpt: answer(claims, sent.length) })), nonce };
      },
    },
  } as unknown as Link;
  return { sent, link };
}

const write = (link: Link, once: readonly OnceSecret[] = []) =>
  writeSecret(request, {
    link,
    identity: createIdentity(),
    keys: {
      bindingKey: async () => ({
        key: publicOfOpening(generateOpeningKey()),
        recipients: ['spiffe://prod.example/ns/shop/sa/orders'],
        once,
      }),
    },
    nowSeconds: () => 1_790_000_000,
    signal: AbortSignal.timeout(10_000),
  });
const sign = (claims: ReceiptClaims): string => signReceipt(instanceKey, claims);
const conflict = (ver?: number): never => {
  throw new ProblemError('conflict', { reason: 'version', ...(ver === undefined ? {} : { members: { ver } }) });
};

describe('writeSecret()', () => {
  test('sends the next version with the token, and no value in clear', async () => {
    const { sent, link } = serviceThat(sign);
    expect(await write(link)).toMatchObject({ version: 7 });
    expect(sent).toMatchObject([{ writerToken: 'token', header: { ver: 7, path: 'k8s/shop/orders-db/db' } }]);
    expect(sent[0]!.body).not.toContain(Buffer.from('never in clear').toString('base64url').slice(0, 8));
  });

  test.each<{ name: string; answer: (claims: ReceiptClaims) => string; reason: string }>([
    { name: 'of another envelope', answer: (c) => sign({ ...c, id: 'A'.repeat(22) }), reason: 'receipt_id' },
    { name: 'of another header', answer: (c) => sign({ ...c, eh: 'A'.repeat(43) }), reason: 'receipt_eh' },
    { name: 'of another request', answer: (c) => sign({ ...c, nonce: `B${nonce.slice(1)}` }), reason: 'receipt_nonce' },
    { name: 'that says something else', answer: (c) => sign({ ...c, st: 'REVOKED' }), reason: 'receipt_state' },
  ])('believes no receipt $name', async ({ answer, reason }) => {
    await expect(write(serviceThat(answer).link)).rejects.toMatchObject({ reason });
  });

  test('believes no receipt by another key', async () => {
    const { link } = serviceThat((claims) => signReceipt(generateSigningKey('P-256'), claims));
    await expect(write(link)).rejects.toMatchObject({ code: 'bad_proof' });
  });

  test('writes what opens once as a wrap that ends, without a version', async () => {
    const { sent, link } = serviceThat(sign);
    expect(await write(link, [{ name: 'db', ttl: 5400 }])).toMatchObject({ version: 1 });
    const [{ header }] = sent as [Sent];
    expect(header).toMatchObject({ kind: 'once', ver: 1, exp: header.iat + 5400, win: 300 });
  });

  test('writes what is no secret of those as ever', async () => {
    const { sent, link } = serviceThat(sign);
    expect(await write(link, [{ name: 'other', ttl: 5400 }])).toMatchObject({ version: 7 });
    expect(sent).toMatchObject([{ header: { kind: 'kv' } }]);
  });

  test('learns the latest version from its refusal, once', async () => {
    const { sent, link } = serviceThat((claims, turn) => (turn === 1 ? conflict(9) : sign(claims)));
    expect(await write(link)).toMatchObject({ version: 10 });
    expect(sent.map(({ header }) => header.ver)).toEqual([7, 10]);
    // Each envelope is another one: an id names one content.
    expect(sent[0]!.header.id).not.toBe(sent[1]!.header.id);
  });

  test.each([
    { name: 'a second conflict', answers: [9, 12], attempts: 2 },
    { name: 'a conflict that names no version', answers: [undefined], attempts: 1 },
    { name: 'a conflict that names an older version', answers: [3], attempts: 1 },
  ])('gives up after $name', async ({ answers, attempts }) => {
    const { sent, link } = serviceThat((_, turn) => conflict(answers[turn - 1]));
    await expect(write(link)).rejects.toMatchObject({ code: 'conflict' });
    expect(sent).toHaveLength(attempts);
  });
});
