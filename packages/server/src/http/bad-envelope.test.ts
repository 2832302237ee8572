/** Envelopes that are wrong in one thing, over HTTP: each row is refused, nothing of it is stored, said or logged. @module */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FixedClock } from '@letterlock/core/testing';
import { randomIdentifier, sealEnvelope, verifyKeyset } from '@letterlock/crypto';
import {
  canonicalize,
  encodeBase64url,
  encodeUtf8,
  lifetimes,
  limits,
  problems,
  type DeliveryResponse,
  type Envelope,
  type JcsObject,
  type ProblemCode,
  type ProblemDocument,
} from '@letterlock/protocol';
import {
  flipped,
  headerOf,
  shortened,
  signedAgain,
  withHeader,
  withPart,
  withPayload,
  withRawHeader,
  withSlot,
} from '../testing/changed-envelope.ts';
import type { RawAnswer } from '../testing/raw-connection.ts';
import type { TestClient } from '../testing/test-client.ts';
import {
  createIdentity,
  grantWrap,
  nowSeconds,
  register,
  startTestServer,
  wrapFor,
  type TestIdentity,
  type TestServer,
} from '../testing/test-server.ts';

/** Stands in the path and the content of every envelope, and may stand in no answer and no log line. */
const marker = 'cafe-marker-5a1e';
const path = `team-a/${marker}`;
const [writer, reader, stranger, unregistered] = [
  createIdentity(),
  createIdentity(),
  createIdentity(),
  createIdentity(),
];
/** Stands still, so that nothing in the store ends by itself. */
const clock = new FixedClock(nowSeconds());

let server: TestServer;
let client: TestClient;
beforeAll(async () => {
  server = await startTestServer({}, { clock });
  client = await server.connect();
  for (const each of [writer, reader, stranger]) await register(server, client, each);
  await grantWrap(server, client, writer.id, 'team-a');
});
afterAll(async () => {
  client.close();
  await server.close();
});

const make = (to: TestIdentity = reader) => wrapFor(writer, to, { path, content: marker, iat: clock.nowSeconds() });
const store = (body: object | string): Promise<RawAnswer> =>
  client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body });
const ask = (who: TestIdentity, id: string, act: string, body: object): Promise<RawAnswer> =>
  client.prove(who.sig, { method: 'POST', path: `/v1/wraps/${id}/${act}`, body });
const statusOf = (who: TestIdentity, id: string): Promise<RawAnswer> =>
  client.prove(who.sig, { method: 'GET', path: `/v1/wraps/${id}/status` });

/** The document of a refusal, which shows nothing of what was sent. */
function expectRefused(answer: RawAnswer, code: ProblemCode): ProblemDocument {
  const document = JSON.parse(answer.body) as ProblemDocument;
  expect({ status: answer.status, code: document.code }).toEqual({ status: problems[code].status, code });
  expect(answer.body).not.toMatch(/\\n| {4}at |node:|\.ts:/);
  for (const text of [answer.body, server.logged.join('\n')]) expect(text).not.toContain(marker);
  return document;
}
function lastReason(): unknown {
  const line = server.logged.findLast((each) => each.includes('Refused request'))!;
  return (JSON.parse(line) as { readonly error: { readonly reason: unknown } }).error.reason;
}
const stored = (): Map<string, string> =>
  new Map([...server.store.dump()].map(({ key, value }) => [key, Buffer.from(value).toString('base64')]));

/** Whatever was there is there, and there is at most the audit record of the refusal besides. */
function expectUnchanged(before: ReadonlyMap<string, string>): void {
  const after = stored();
  for (const [key, value] of before) expect(after.get(key)).toBe(value);
  expect(after.size - before.size).toBeLessThanOrEqual(1);
}

const bound = (): Parameters<typeof sealEnvelope>[0] => ({
  header: {
    bnd: 'ns/binding',
    kind: 'once',
    mode: 'svc',
    path,
    ver: 1,
    iat: clock.nowSeconds(),
    exp: clock.nowSeconds() + lifetimes.onceDefault,
    win: lifetimes.windowDefault,
    rcp: ['spiffe://test.example/ns/ns/sa/sa'],
  },
  content: Buffer.from(marker),
  recipients: [verifyKeyset(reader.keyset).enc],
  writer: writer.sig,
});

interface Row {
  readonly name: string;
  readonly change: (envelope: Envelope) => Envelope | Promise<Envelope>;
  readonly reason: string;
  readonly code?: ProblemCode;
  /** Somebody between writer and server changed it. Default: the writer signs what is wrong. */
  readonly isUnsigned?: true;
}
const inSlot =
  (changes: Readonly<Record<string, unknown>>): Row['change'] =>
  (envelope) =>
    withSlot(envelope, (slot) => withHeader(slot, changes));
const inPayload =
  (changes: Readonly<Record<string, unknown>>): Row['change'] =>
  (envelope) =>
    withPayload(envelope, (payload) => withHeader(payload, changes));
const epk =
  (change: (epk: Record<string, string>) => Record<string, string | undefined>): Row['change'] =>
  (envelope) =>
    withSlot(envelope, (slot) => withHeader(slot, { epk: change(headerOf(slot)['epk'] as Record<string, string>) }));
/** The same envelope under another header document. */
const hdr =
  (change: (header: Record<string, unknown>) => string): Row['change'] =>
  (envelope) => ({ ...envelope, hdr: encodeBase64url(encodeUtf8(change(headerOf(envelope.hdr)))) });
const edited = (changes: Readonly<Record<string, unknown>>): Row['change'] =>
  hdr((header) => canonicalize({ ...header, ...changes } as JcsObject));
const otherCurve = (): Record<string, string> => {
  const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
  return { x: x!, y: y! };
};

const rows: readonly Row[] = [
  { name: '3.3.1 a slot by RSA1_5', change: inSlot({ alg: 'RSA1_5', epk: undefined }), reason: 'envelope_alg' },
  { name: '3.3.1 a slot by dir', change: inSlot({ alg: 'dir', epk: undefined }), reason: 'envelope_alg' },
  {
    name: '3.3.1 a slot by PBES2',
    change: inSlot({ alg: 'PBES2-HS256+A128KW', epk: undefined }),
    reason: 'envelope_alg',
  },
  {
    name: '3.3.1 a slot by PBES2 with a thousand million rounds',
    change: inSlot({ alg: 'PBES2-HS256+A128KW', epk: undefined, p2c: 1e9 }),
    reason: 'envelope_malformed',
  },
  { name: '3.3.1 a payload by A256KW', change: inPayload({ alg: 'A256KW' }), reason: 'envelope_alg' },
  { name: '3.3.2 a slot in A128GCM', change: inSlot({ enc: 'A128GCM' }), reason: 'envelope_alg' },
  { name: '3.3.2 a payload in A256CBC-HS512', change: inPayload({ enc: 'A256CBC-HS512' }), reason: 'envelope_alg' },
  { name: '3.3.3 a slot with zip', change: inSlot({ zip: 'DEF' }), reason: 'envelope_zip' },
  { name: '3.3.3 a payload with zip', change: inPayload({ zip: 'DEF' }), reason: 'envelope_zip' },
  { name: '3.3.5 an epk off the curve', change: epk((key) => ({ ...key, y: key['x'] })), reason: 'envelope_key' },
  {
    name: '3.3.5 an epk of another curve',
    change: epk((key) => ({ ...key, ...otherCurve() })),
    reason: 'envelope_key',
  },
  {
    name: '3.3.5 an epk at infinity',
    change: epk((key) => ({ ...key, x: 'A'.repeat(43), y: 'A'.repeat(43) })),
    reason: 'envelope_key',
  },
  { name: '3.3.5 an epk with x only', change: epk((key) => ({ ...key, y: undefined })), reason: 'envelope_key' },
  {
    name: '3.3.6 an IV of 11 bytes in a slot',
    change: (envelope) => withSlot(envelope, (slot) => withPart(slot, 2, 'A'.repeat(15))),
    reason: 'envelope_malformed',
  },
  {
    name: '3.3.6 an IV of 18 bytes in the payload',
    change: (envelope) => withPayload(envelope, (payload) => withPart(payload, 2, 'A'.repeat(24))),
    reason: 'envelope_malformed',
  },
  {
    name: '3.3.6 a tag of 15 bytes in a slot',
    change: (envelope) => withSlot(envelope, (slot) => withPart(slot, 4, 'A'.repeat(20))),
    reason: 'envelope_malformed',
  },
  {
    name: '3.3.6 a tag of 4 bytes in the payload',
    change: (envelope) => withPayload(envelope, (payload) => withPart(payload, 4, 'AAAAAA')),
    reason: 'envelope_malformed',
  },
  {
    name: "3.3.7 a slot for another recipient's key",
    change: inSlot({ kid: verifyKeyset(stranger.keyset).enc.thumbprint }),
    reason: 'recipient_key_not_current',
    code: 'unknown_recipient',
  },
  {
    name: '3.3.7 a recipient that nobody knows',
    change: async () => (await make(unregistered)).envelope,
    reason: 'recipient_not_registered',
    code: 'unknown_recipient',
  },
  {
    name: '3.3.8 an edited header, by its writer',
    change: edited({ win: 61 }),
    reason: 'envelope_hash',
  },
  {
    name: '3.3.8 an edited header, by somebody else',
    change: edited({ win: 61 }),
    reason: 'envelope_hash',
    isUnsigned: true,
  },
  {
    name: '3.3.9 the payload of another envelope',
    change: async (envelope) => ({ ...envelope, payload: (await make()).envelope.payload }),
    reason: 'envelope_hash',
  },
  {
    name: '3.3.9 the slot of another envelope',
    change: async (envelope) => ({ ...envelope, slots: (await make()).envelope.slots }),
    reason: 'envelope_hash',
  },
  {
    name: '3.3.9 the ciphertext of another payload, in transit',
    change: async (envelope) => {
      const other = (await make()).envelope.payload.split('.')[3]!;
      return withPayload(envelope, (payload) => withPart(payload, 3, other));
    },
    reason: 'envelope_hash',
    isUnsigned: true,
  },
  {
    name: "3.3.10 a binding's key: bindings are not served, so none of their keys can be gone",
    change: async () => (await sealEnvelope(bound())).envelope,
    reason: 'mode_not_served',
  },
  {
    name: '3.3.12 a member twice in the header document',
    change: hdr((header) => `{"enc":"inline",${canonicalize(header as JcsObject).slice(1)}`),
    reason: 'json_not_canonical',
    code: 'bad_encoding',
  },
  {
    name: '3.3.12 a member twice in the header of a slot',
    change: (envelope) =>
      withSlot(envelope, (slot) => withRawHeader(slot, `{"alg":"dir",${JSON.stringify(headerOf(slot)).slice(1)}`)),
    reason: 'envelope_malformed',
  },
  {
    name: '3.3.12 a member twice in the header of the payload',
    change: (envelope) =>
      withPayload(envelope, (payload) =>
        withRawHeader(payload, `{"alg":"dir",${JSON.stringify(headerOf(payload)).slice(1)}`),
      ),
    reason: 'envelope_malformed',
  },
];

/** 3.3.4: what happens to each part on the way, by object and part of it. The payload has no encrypted key. */
const damages = [
  { how: 'emptied', damage: () => '' },
  { how: 'truncated', damage: shortened },
  { how: 'bit-flipped', damage: flipped },
];
const parts = [
  ...['header', 'encrypted key', 'IV', 'ciphertext', 'tag'].map((part, index) => ({
    of: 'slot' as const,
    part,
    index,
  })),
  ...['header', '', 'IV', 'ciphertext', 'tag'].map((part, index) => ({ of: 'payload' as const, part, index })),
].filter(({ part }) => part !== '');
const damaged = parts.flatMap((part) => damages.map((damage) => ({ ...part, ...damage })));

describe('an envelope', () => {
  test('from which these differ is stored', async () => {
    const { envelope } = await make();
    expect((await store(signedAgain(envelope, writer.sig))).status).toBe(201);
  });

  test.each(rows)('$name is refused', async ({ change, reason, code = 'bad_envelope', isUnsigned }) => {
    const { id, envelope } = await make();
    const changed = await change(envelope);
    const before = stored();
    const answer = await store(isUnsigned === true ? changed : signedAgain(changed, writer.sig));
    expectRefused(answer, code);
    expect(lastReason()).toBe(reason);
    expectUnchanged(before);
    expectRefused(await statusOf(writer, id), 'not_found');
  });

  test.each(damaged)('3.3.4 whose $of has its $part $how is refused, whatever it was', async (row) => {
    const { of, index, damage, part, how } = row;
    const { id, envelope } = await make();
    const broken = (compact: string): string => withPart(compact, index, damage(compact.split('.')[index]!));
    const before = stored();
    const answer = await store(of === 'slot' ? withSlot(envelope, broken) : withPayload(envelope, broken));
    // A compact object may lack its encrypted key, and nothing else.
    const hasForm = how !== 'emptied' || part === 'encrypted key';
    const code = hasForm ? 'bad_envelope' : 'bad_encoding';
    const { instance: _, detail, ...shown } = expectRefused(answer, code);
    // No oracle: whatever has the form is told the same.
    const { status, title } = problems[code];
    expect(shown).toEqual({ code, status, title, type: `urn:letterlock:error:${code}` });
    expect(detail === undefined).toBe(hasForm);
    expect(hasForm ? ['envelope_hash', 'envelope_malformed'] : ['bad_form']).toContain(lastReason());
    expectUnchanged(before);
    expectRefused(await statusOf(writer, id), 'not_found');
  });

  test('3.3.11 of more than 1 MiB is refused', async () => {
    const { id, envelope } = await make();
    const before = stored();
    const large = withPayload(envelope, (payload) => withPart(payload, 3, 'A'.repeat(limits.bodyBytes)));
    expectRefused(await store(signedAgain(large, writer.sig)), 'too_large');
    expectUnchanged(before);
    client.close();
    client = await server.connect();
    expectRefused(await statusOf(writer, id), 'not_found');
  });
});

describe('a stored envelope', () => {
  async function storeOne(): Promise<string> {
    const { id, envelope } = await make();
    expect((await store(envelope)).status).toBe(201);
    return id;
  }
  test('3.3.7 is not there for who is no recipient, and stays as it was', async () => {
    const id = await storeOne();
    const body = { cid: randomIdentifier() };
    const before = stored();
    const refused = expectRefused(await ask(stranger, id, 'open', body), 'not_found');
    const absent = expectRefused(await ask(stranger, randomIdentifier(), 'open', body), 'not_found');
    expect({ ...refused, instance: '' }).toEqual({ ...absent, instance: '' });
    const after = stored();
    for (const [key, value] of before) expect(after.get(key)).toBe(value);
    expect((await ask(reader, id, 'open', body)).status).toBe(200);
  });

  test('3.3.13 that was opened already is gone, with time and key, for its writer and its recipient only', async () => {
    const id = await storeOne();
    const body = { cid: randomIdentifier() };
    expect((await ask(reader, id, 'open', body)).status).toBe(200);
    expect((await ask(reader, id, 'ack', body)).status).toBe(200);
    const gone = { st: 'OPENED', at: clock.nowSeconds(), kid: reader.id };
    expect(expectRefused(await ask(reader, id, 'open', { cid: randomIdentifier() }), 'gone')).toMatchObject(gone);
    expect(expectRefused(await ask(writer, id, 'revoke', {}), 'gone')).toMatchObject(gone);
    expectRefused(await ask(stranger, id, 'open', body), 'not_found');
    expectRefused(await statusOf(stranger, id), 'not_found');
  });

  test('3.3.15 is delivered again to the same claim, with the same content', async () => {
    const id = await storeOne();
    const body = { cid: randomIdentifier() };
    const [first, second] = [await ask(reader, id, 'open', body), await ask(reader, id, 'open', body)];
    expect([first.status, second.status]).toEqual([200, 200]);
    const delivered = [first, second].map(({ body: text }) => JSON.parse(text) as DeliveryResponse);
    const claims = delivered.map(({ dlv }) => Buffer.from(dlv.split('.')[1]!, 'base64url').toString('utf8'));
    expect(claims.map((text) => (JSON.parse(text) as { readonly n: number }).n)).toEqual([1, 2]);
    const [one, other] = delivered.map(({ hdr: document, payload, sig }) => ({ document, payload, sig }));
    expect(other).toEqual(one);
    expectRefused(await ask(reader, id, 'open', { cid: randomIdentifier() }), 'already_claimed');
  });

  /** The last one: time passes. */
  test('3.3.14 that has expired is gone', async () => {
    const id = await storeOne();
    clock.advance(lifetimes.onceDefault);
    client.close();
    client = await server.connect();
    const gone = expectRefused(await ask(reader, id, 'open', { cid: randomIdentifier() }), 'gone');
    expect(gone).toMatchObject({ st: 'EXPIRED' });
    expectRefused(await ask(stranger, id, 'open', { cid: randomIdentifier() }), 'not_found');
  });
});
