/**
 * vectors/ours: bytes that released versions wrote. Everything deterministic is computed again byte by byte; the rest must
 * open and verify to what the file says.
 * @module
 */
import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  canonicalize,
  decodeBase64url,
  deliveryClaims,
  deliveryResponse,
  encodeBase64url,
  envelope as envelopeReader,
  labels,
  operationClaims,
  receiptClaims,
  typ,
  type DeliveryClaims,
  type DeliveryResponse,
  type Envelope,
  type EnvelopeHeader,
  type JcsValue,
  type JwsTyp,
  type Operation,
  type ReceiptClaims,
  type StateClaims,
} from '@letterlock/protocol';
import { openRecord, storeKeySegment } from './barrier-record.ts';
import { hash43 } from './bytes.ts';
import { decodeContent } from './content.ts';
import { openDelivery, type ExpectedDelivery } from './delivery.ts';
import { readEnvelope, verifyEnvelope } from './envelope.ts';
import { encryptGcm } from './gcm.ts';
import { deriveBytes } from './hkdf.ts';
import { openJws, signJws } from './jws.ts';
import { openingKeyOf, publicOf, publicOfOpening, signingKeyOf, type OpeningKey, type SigningKey } from './keys.ts';
import { createKeyset, verifyKeyset } from './keyset.ts';
import { readOperation } from './op.ts';
import { pad } from './padding.ts';
import { fileKeyCommitment, openPayload } from './payload.ts';
import { createProof, parseProof } from './proof-jws.ts';
import { verifyReceipt } from './receipt.ts';
import { SecretBytes } from './secret-bytes.ts';
import {
  acknowledgementHash,
  combineShares,
  openShare,
  openUnsealShare,
  shareAcknowledgement,
  shareCommitment,
} from './shares.ts';
import { openJwe } from './slot.ts';
import { verifyState } from './state-statement.ts';

const folder = join(import.meta.dirname, '../../../vectors/ours');
const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
const keys = read('keys') as Readonly<Record<string, Record<string, string>>>;
const signingKey = (name: string): SigningKey => signingKeyOf(createPrivateKey({ key: keys[name]!, format: 'jwk' }));
const openingKey = (name: string): OpeningKey => openingKeyOf(createPrivateKey({ key: keys[name]!, format: 'jwk' }));
const secret = (text: string): SecretBytes => SecretBytes.take(decodeBase64url(text));
const instance = publicOf(signingKey('instance'));

/** SHA-256 of every file: a change of stored bytes must be a change of this table, which nobody should make. */
const hashes: Readonly<Record<string, string>> = {
  'barrier-record.json': 'd5Ifp1FQv2uoWzbicdLVA15eQaRYzsyjX8ZMuBjFMGM',
  'delivery.json': 'VLxh5WbtQmcGLLQuGrmm9RQA-R7MYtznKKpM1IGDseA',
  'envelope.json': '6SiYyd-QlJ0W_Ddg1YsomE2HvVrPhh29W4Fv87dRlB0',
  'keys.json': '58b-3YmcetX51wHzbpX7BtqneIwnWPtI1Yuew0VLEH8',
  'keyset.json': 'X2iW6o99L4-vFuHthVrHcQcVvESptRSchflpNbP56JY',
  'operation.json': 'ewnRPC_iNfDAVs03Oxx2WpIeDzGO53WgbWE-B5tSxas',
  'proof.json': 'NeezSkiC9fAS79WlKFVJE-7BHpe6CA8Bkd7Tg1PIRws',
  'receipt.json': 'i6WxF2NnbngD0XyRI70_6CcjKAvcSHqed0SByT5USts',
  'share.json': 'aVIr1tLOTcTKs3Q353I2TQKpC05gPYwGlh4vRQQfXJA',
  'state.json': 'AfZsiQ0fuBPqw24VKnGed6rHZsSvMTiDQzjn2x46z8E',
};

test('no stored byte was changed', () => {
  const now = readdirSync(folder).map((name) => [name, hash43(readFileSync(join(folder, name)))] as const);
  expect(Object.fromEntries(now)).toEqual(hashes);
});

/** A stored JWS against the same object made now: equal up to the signature, and equal at all where signing is deterministic. */
function compareJws(stored: string, made: string, key: SigningKey, jwsTyp: JwsTyp): void {
  const anyClaims = (value: JcsValue): JcsValue => value;
  openJws(stored, { typ: jwsTyp, key: publicOf(key), claims: anyClaims });
  const comparable = (compact: string): string =>
    key.kind === 'Ed25519' ? compact : compact.slice(0, compact.lastIndexOf('.'));
  expect(comparable(stored)).toBe(comparable(made));
  expect(stored).toHaveLength(made.length);
}

interface KeysetCase {
  readonly name: string;
  readonly sig: string;
  readonly enc: string;
  readonly seq: number;
  readonly iat: number;
  readonly more: { readonly name?: string; readonly exp?: number };
  readonly jws: string;
}
test.each(read('keyset') as KeysetCase[])('keyset $name', ({ sig, enc, seq, iat, more, jws }) => {
  const key = signingKey(sig);
  const encryption = publicOfOpening(openingKey(enc));
  compareJws(jws, createKeyset({ sig: key, enc: encryption, seq, iat, ...more }), key, typ.keyset);
  const keyset = verifyKeyset(jws);
  expect(keyset).toMatchObject({ id: key.thumbprint, seq, iat, ...more });
  expect(keyset.enc.thumbprint).toBe(encryption.thumbprint);
});

type ProofParameters = Omit<Parameters<typeof createProof>[0], 'key'>;
interface ProofCase {
  readonly name: string;
  readonly key: string;
  readonly claims: ProofParameters;
  readonly jws: string;
}
test.each(read('proof') as ProofCase[])('proof $name', ({ key, claims, jws }) => {
  compareJws(jws, createProof({ key: signingKey(key), ...claims }), signingKey(key), typ.proof);
  expect(parseProof(jws).claims).toMatchObject({ htm: claims.method, htu: claims.target, bh: claims.bodyHash });
});

interface EnvelopeCase {
  readonly name: string;
  readonly writer: string;
  readonly recipients: readonly string[];
  readonly header: EnvelopeHeader;
  readonly fileKey: string;
  readonly content: string;
  readonly envelope: Envelope;
}
describe.each(read('envelope') as EnvelopeCase[])('envelope $name', (stored) => {
  const { header, envelope } = stored;
  const fileKey = secret(stored.fileKey);
  const readNow = readEnvelope(envelopeReader(envelope, ''));

  test('header and hashes, byte by byte', () => {
    const document = canonicalize(header);
    expect(envelope.hdr).toBe(encodeBase64url(Buffer.from(document)));
    expect(readNow.eh).toBe(hash43(document));
    expect(header.kc).toBe(fileKeyCommitment(fileKey, header.id));
    expect(readNow.slotKids).toEqual(stored.recipients.map((name) => openingKey(name).thumbprint));
  });

  test('signature', () => {
    const writer = signingKey(stored.writer);
    const claims = { eh: readNow.eh, ph: hash43(envelope.payload), sh: envelope.slots.map((slot) => hash43(slot)) };
    compareJws(envelope.sig, signJws({ typ: typ.envelope, key: writer, claims }), writer, typ.envelope);
    expect(() => {
      verifyEnvelope(readNow, publicOf(writer));
    }).not.toThrow();
  });

  test('payload, byte by byte under its IV', async () => {
    const [head, empty, iv, ciphertext, tag] = envelope.payload.split('.') as [string, string, string, string, string];
    const key = deriveBytes(fileKey, decodeBase64url(readNow.eh), labels.payload);
    const content = decodeBase64url(stored.content);
    const now = encryptGcm(key, decodeBase64url(iv), Buffer.from(head), pad(content));
    expect([empty, encodeBase64url(now.ciphertext), encodeBase64url(now.tag)]).toEqual(['', ciphertext, tag]);
    const opened = await openPayload({ payload: envelope.payload, fileKey, header, eh: readNow.eh });
    expect(encodeBase64url(opened.expose())).toBe(stored.content);
    expect(decodeContent(opened.expose())).toMatchObject({ name: 'password', type: 'text/plain' });
  });

  test.each(stored.recipients.map((name, index) => ({ name, index })))(
    'slot $index opens with $name',
    async ({ name, index }) => {
      const opened = await openJwe(envelope.slots[index]!, { typ: typ.slot, key: openingKey(name) });
      expect(encodeBase64url(opened.plaintext.expose())).toBe(stored.fileKey);
      expect(opened.header.eh).toBe(readNow.eh);
    },
  );
});

interface DeliveryCase {
  readonly name: string;
  readonly encryptionKey: string;
  readonly expected: ExpectedDelivery;
  readonly claims: DeliveryClaims;
  readonly answer: DeliveryResponse;
}
test.each(read('delivery') as DeliveryCase[])('delivery $name', async ({ encryptionKey, expected, claims, answer }) => {
  const made = signJws({ typ: typ.delivery, key: signingKey('instance'), claims });
  compareJws(answer.dlv, made, signingKey('instance'), typ.delivery);
  expect(deliveryClaims(claims as unknown as JcsValue, '')).toEqual(claims);
  const opened = await openDelivery({
    answer: deliveryResponse(answer, ''),
    expected,
    instanceKey: instance,
    deliveryKey: openingKey('delivery'),
    encryptionKeys: [openingKey(encryptionKey)],
  });
  expect(opened.delivery).toEqual(claims);
  expect(Buffer.from(decodeContent(opened.content.expose()).content).toString()).toMatch(/^hunter2 of (?:once|kv) /);
});

interface ReceiptCase {
  readonly name: string;
  readonly claims: ReceiptClaims;
  readonly jws: string;
}
const receipts = read('receipt') as ReceiptCase[];
test.each(receipts)('receipt $name', ({ claims, jws }) => {
  const made = signJws({ typ: typ.receipt, key: signingKey('instance'), claims });
  compareJws(jws, made, signingKey('instance'), typ.receipt);
  const { id, eh, nonce } = claims;
  expect(verifyReceipt(jws, instance, { id, eh, ...(nonce === undefined ? {} : { nonce }) })).toEqual(claims);
  expect(receiptClaims(claims as unknown as JcsValue, '')).toEqual(claims);
});

test('receipts of every state', () => {
  const states = ['STORED', 'CLAIMED', 'OPENED', 'BURNED', 'EXPIRED', 'REVOKED', 'DESTROYED'];
  expect(receipts.map(({ name }) => name)).toEqual(states);
});

test('state statement', () => {
  const { claims, jws } = read('state') as { readonly claims: StateClaims; readonly jws: string };
  compareJws(jws, signJws({ typ: typ.state, key: signingKey('instance'), claims }), signingKey('instance'), typ.state);
  expect(verifyState(jws, instance, { tls: claims.tls })).toEqual(claims);
});

test('operation', () => {
  const stored = read('operation') as { readonly key: string; readonly operation: Operation; readonly jws: string };
  const { operation, oh } = readOperation(stored.jws);
  expect(operation).toEqual(stored.operation);
  expect(operationClaims(stored.operation as unknown as JcsValue, '')).toEqual(stored.operation);
  const document = canonicalize(stored.operation);
  expect(oh).toBe(hash43(document));
  const key = signingKey(stored.key);
  compareJws(stored.jws, signJws({ typ: typ.operation, key, claims: document }), key, typ.operation);
});

interface RecordFile {
  readonly termKey: string;
  readonly records: readonly {
    readonly name: string;
    readonly term: number;
    readonly path: string;
    readonly plaintext: string;
    readonly generation?: number;
    readonly record: string;
  }[];
  readonly segments: readonly { readonly path: string; readonly name: string }[];
}
const recordFile = read('barrier-record') as RecordFile;
test.each(recordFile.records)('barrier record $name, byte by byte under its salt and IV', (stored) => {
  const record = decodeBase64url(stored.record);
  const termKey = secret(recordFile.termKey);
  const { path, generation } = stored;
  const opened = openRecord({
    termKeyOf: (term) => (term === stored.term ? termKey : undefined),
    path,
    record,
    ...(generation === undefined ? {} : { generation }),
  });
  expect(opened.toString()).toBe(stored.plaintext);
  const key = deriveBytes(termKey, record.subarray(5, 21), labels.record);
  const suffix = generation === undefined ? Buffer.alloc(0) : Buffer.from([0, 0, 0, generation]);
  const aad = Buffer.concat([Buffer.from(`letterlock/v1/barrier\0${path}`), suffix]);
  const now = encryptGcm(key, record.subarray(21, 33), aad, Buffer.from(stored.plaintext));
  const head = Buffer.from([1, 0, 0, 0, stored.term]);
  expect(Buffer.concat([head, record.subarray(5, 33), now.ciphertext, now.tag])).toEqual(Buffer.from(record));
});

test.each(recordFile.segments)('name of the segment $path in the store', ({ path, name }) => {
  expect(storeKeySegment(secret(recordFile.termKey), path)).toBe(name);
});

test('shares', async () => {
  const stored = read('share') as {
    readonly masterKey: string;
    readonly k: number;
    readonly inst: string;
    readonly gen: number;
    readonly shares: readonly { readonly x: number; readonly share: string }[];
    readonly commitment: string;
    readonly acknowledgement: string;
    readonly acknowledgementHash: string;
    readonly sealed: string;
    readonly context: Parameters<typeof openUnsealShare>[2];
    readonly sealedToBoot: string;
  };
  const { inst, gen } = stored;
  const shares = stored.shares.map(({ x, share }) => ({ x, share: secret(share) }));
  for (const left of [0, 1, 2]) {
    const masterKey = await combineShares(stored.k, shares.toSpliced(left, 1));
    expect(encodeBase64url(masterKey.expose())).toBe(stored.masterKey);
  }
  const { x, share } = shares[0]!;
  expect(shareCommitment(inst, gen, share)).toBe(stored.commitment);
  expect(shareAcknowledgement(share, inst)).toBe(stored.acknowledgement);
  expect(acknowledgementHash(stored.acknowledgement)).toBe(stored.acknowledgementHash);
  const opened = await openShare(stored.sealed, openingKey('adminEncryption'), { inst, gen });
  expect(opened.x).toBe(x);
  expect(opened.share.equals(share)).toBe(true);
  const atBoot = await openUnsealShare(stored.sealedToBoot, openingKey('boot'), stored.context);
  expect(atBoot.equals(share)).toBe(true);
});
