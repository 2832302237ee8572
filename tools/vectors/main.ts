/**
 * Writes vectors/ours: one object of every kind as this release makes it, with all keys, for every later release to read.
 * Must never rewrite a file: what an old release wrote stays as it is, and a new form gets a new file.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bootFingerprint,
  createKeyset,
  createProof,
  encodeContent,
  fileKeyCommitment,
  generateOpeningKey,
  generateSigningKey,
  hash43,
  acknowledgementHash,
  openJwe,
  publicOf,
  publicOfOpening,
  randomIdentifier,
  readEnvelope,
  sealDeliverySlot,
  sealEnvelope,
  sealRecord,
  sealShare,
  sealUnsealShare,
  SecretBytes,
  shareAcknowledgement,
  shareCommitment,
  signDelivery,
  signOperation,
  signReceipt,
  signState,
  splitMasterKey,
  storeKeySegment,
  type EnvelopeToSeal,
  type OpeningKey,
  type SigningKey,
} from '@letterlock/crypto';
import { typ, type DeliveryClaims, type Operation, type ReceiptClaims } from '@letterlock/protocol';

const folder = join(import.meta.dirname, '../../vectors/ours');
const iat = 1_790_000_000;
const nonce = 'L5TJa_giNdzmaouKIbXGSkac7MBRhLW-YZPXwy3uHi_rAdDBoJ-KSg';
const selector = 'spiffe://prod.example/ns/team-a/sa/app';

const signing = {
  writer: generateSigningKey(),
  writerEd25519: generateSigningKey('Ed25519'),
  writerP384: generateSigningKey('P-384'),
  reader: generateSigningKey(),
  readerEd25519: generateSigningKey('Ed25519'),
  instance: generateSigningKey(),
  admin: generateSigningKey(),
} as const;
const opening = {
  readerEncryption: generateOpeningKey(),
  readerX25519: generateOpeningKey('X25519'),
  readerP384: generateOpeningKey('P-384'),
  bindingKey: generateOpeningKey(),
  delivery: generateOpeningKey(),
  adminEncryption: generateOpeningKey(),
  boot: generateOpeningKey(),
} as const;

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const privateJwk = (key: SigningKey | OpeningKey) => key.keyObject.export({ format: 'jwk' });

function write(name: string, content: unknown): void {
  mkdirSync(folder, { recursive: true });
  // `wx`: fails where the file exists.
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`, { flag: 'wx' });
}

function writeKeys(): void {
  const entries = Object.entries<SigningKey | OpeningKey>({ ...signing, ...opening });
  write('keys', Object.fromEntries(entries.map(([name, key]) => [name, privateJwk(key)])));
}

function writeKeysets(): void {
  const cases = [
    { name: 'P-256', sig: 'reader', enc: 'readerEncryption', seq: 1, iat, person: 'alice@example.com' },
    { name: 'Ed25519 and X25519', sig: 'readerEd25519', enc: 'readerX25519', seq: 2, iat, exp: iat + 86_400 },
  ] as const;
  write(
    'keyset',
    cases.map((one) => {
      const { name, sig, enc, seq } = one;
      const more = { ...('exp' in one ? { exp: one.exp } : {}), ...('person' in one ? { name: one.person } : {}) };
      const jws = createKeyset({ sig: signing[sig], enc: publicOfOpening(opening[enc]), seq, iat, ...more });
      return { name, sig, enc, seq, iat, more, jws };
    }),
  );
}

function writeProofs(): void {
  const claims = {
    method: 'POST',
    target: 'https://letterlock.example.com/v1/wraps/iTM3E3-mXIFyJ2MKOjYShQ/open',
    bodyHash: hash43('{"cid":"AAECAwQFBgcICQoLDA0ODw"}'),
    nonce,
    iat,
  };
  const cases = [
    { name: 'ES256 with channel binding', key: 'reader', more: { channelBinding: hash43('exporter') } },
    { name: 'Ed25519 with a writer token', key: 'readerEd25519', more: { writerTokenHash: hash43('token') } },
  ] as const;
  write(
    'proof',
    cases.map(({ name, key, more }) => ({
      name,
      key,
      claims: { ...claims, ...more },
      jws: createProof({ key: signing[key], ...claims, ...more }),
    })),
  );
}

interface EnvelopeCase {
  readonly name: string;
  readonly writer: keyof typeof signing;
  readonly reader: 'reader' | 'readerEd25519' | undefined;
  readonly recipients: readonly (keyof typeof opening)[];
  readonly header: Omit<EnvelopeToSeal, 'iat'>;
}
const once = { kind: 'once', ver: 1, exp: iat + 86_400, win: 60, path: 'team-a/db/password' } as const;
const k = (name: 'reader' | 'readerEd25519'): string => `k:${signing[name].thumbprint}`;
const envelopeCases: readonly EnvelopeCase[] = [
  {
    name: 'once e2e',
    writer: 'writer',
    reader: 'reader',
    recipients: ['readerEncryption'],
    header: { ...once, mode: 'e2e', rcp: [k('reader')] },
  },
  {
    name: 'once e2e by Ed25519 to X25519',
    writer: 'writerEd25519',
    reader: 'readerEd25519',
    recipients: ['readerX25519'],
    header: { ...once, mode: 'e2e', rcp: [k('readerEd25519')] },
  },
  {
    name: 'kv e2e to two readers',
    writer: 'writerP384',
    reader: 'reader',
    recipients: ['readerP384', 'readerX25519'],
    header: { kind: 'kv', mode: 'e2e', path: 'team-a/db', ver: 7, rcp: [k('reader'), k('readerEd25519')] },
  },
  {
    name: 'once svc',
    writer: 'writer',
    reader: undefined,
    recipients: ['bindingKey'],
    header: { ...once, mode: 'svc', rcp: [selector], bnd: 'team-a/app' },
  },
];

async function writeEnvelopesAndDeliveries(): Promise<void> {
  const envelopes: unknown[] = [];
  const deliveries: unknown[] = [];
  for (const one of envelopeCases) {
    const content = encodeContent({ name: 'password', type: 'text/plain' }, Buffer.from(`hunter2 of ${one.name}`));
    const sealed = await sealEnvelope({
      header: { ...one.header, iat },
      content,
      recipients: one.recipients.map((name) => publicOfOpening(opening[name])),
      writer: signing[one.writer],
    });
    const key = opening[one.recipients[0]!];
    const slot = sealed.envelope.slots[0]!;
    const fileKey = (await openJwe(slot, { typ: typ.slot, key })).plaintext;
    if (fileKeyCommitment(fileKey, sealed.header.id) !== sealed.header.kc) throw new Error('The commitment is wrong');
    const { name, writer, recipients } = one;
    const { header, envelope } = sealed;
    envelopes.push({
      name,
      writer,
      recipients,
      header,
      fileKey: base64url(fileKey.expose()),
      content: base64url(content),
      envelope,
    });
    deliveries.push(await deliveryOf(one, sealed, fileKey));
  }
  write('envelope', envelopes);
  write('delivery', deliveries);
}

async function deliveryOf(one: EnvelopeCase, sealed: Awaited<ReturnType<typeof sealEnvelope>>, fileKey: SecretBytes) {
  const { envelope, header, eh } = sealed;
  const reader = one.reader ?? 'reader';
  const bodyHash = hash43('the body that the reader sent');
  const cid = randomIdentifier();
  const dslot = await sealDeliverySlot({
    to: publicOfOpening(opening.delivery),
    eh,
    ...(header.mode === 'e2e'
      ? { content: 'slot', plaintext: envelope.slots[0]! }
      : { content: 'fk', plaintext: fileKey.expose() }),
  });
  const claims: DeliveryClaims = {
    at: iat + 1,
    ...(header.kind === 'kv' ? {} : { bhs: [bodyHash], cid, n: 1, until: iat + 61 }),
    ds: hash43(dslot),
    eh,
    id: header.id,
    kid: signing[reader].thumbprint,
    nonce,
    ph: readEnvelope(envelope).ph,
    st: header.kind === 'kv' ? 'READ' : 'CLAIMED',
  };
  const { hdr, payload, sig } = envelope;
  const wkey = { ...publicOf(signing[one.writer]).jwk };
  return {
    name: one.name,
    reader,
    encryptionKey: one.recipients[0],
    expected: {
      ...(header.kind === 'kv' ? { path: header.path } : { id: header.id, cid }),
      nonce,
      readerId: signing[reader].thumbprint,
      ...(header.mode === 'svc' ? { selector } : {}),
      sentBodyHashes: [bodyHash],
    },
    claims,
    answer: { v: 1, hdr, payload, sig, wkey, dslot, dlv: signDelivery(signing.instance, claims) },
  };
}

function writeStatements(): void {
  const states = ['STORED', 'CLAIMED', 'OPENED', 'BURNED', 'EXPIRED', 'REVOKED', 'DESTROYED'] as const;
  write(
    'receipt',
    states.map((st, index) => {
      const withNonce = index % 2 === 0 ? { nonce } : {};
      const claims: ReceiptClaims = {
        at: iat + index,
        eh: hash43('eh'),
        id: randomIdentifier(),
        ...withNonce,
        ph: hash43('ph'),
        rev: 12_345 + index,
        st,
      };
      return { name: st, claims, jws: signReceipt(signing.instance, claims) };
    }),
  );
  const state = { exp: iat + 300, iat, inst: randomIdentifier(), td: 'prod.example', tls: hash43('tls') };
  write('state', { claims: state, jws: signState(signing.instance, state) });
  const operation: Operation = {
    op: 'grant.put',
    args: { path: 'team-a/db', verbs: ['wrap', 'read'], who: signing.reader.thumbprint },
    exp: iat + 60,
    inst: state.inst,
    nonce: randomIdentifier(),
  };
  write('operation', { key: 'admin', operation, jws: signOperation(signing.admin, operation) });
}

function writeRecords(): void {
  const termKey = SecretBytes.random(32);
  const cases = [
    { name: 'state of a wrap', term: 3, path: 'wrap/iTM3E3-mXIFyJ2MKOjYShQ/st', plaintext: '{"v":1}' },
    { name: 'keyring', term: 1, path: 'sys/keyring', plaintext: '{"terms":[]}', generation: 2 },
  ];
  write('barrier-record', {
    termKey: base64url(termKey.expose()),
    records: cases.map((one) => ({
      ...one,
      record: base64url(sealRecord({ ...one, termKey, plaintext: Buffer.from(one.plaintext) })),
    })),
    segments: ['id', 'wrap/iTM3E3-mXIFyJ2MKOjYShQ'].map((path) => ({ path, name: storeKeySegment(termKey, path) })),
  });
}

async function writeShares(): Promise<void> {
  const masterKey = SecretBytes.random(32);
  const [inst, gen] = [randomIdentifier(), 2];
  const shares = await splitMasterKey(masterKey, 2, 3);
  const [first] = shares;
  const { x, share } = first!;
  const acknowledgement = shareAcknowledgement(share, inst);
  const context = {
    adminId: signing.admin.thumbprint,
    boot: bootFingerprint(signing.instance.thumbprint, opening.boot.thumbprint),
    inst,
    gen,
    purpose: 'unseal',
  };
  write('share', {
    masterKey: base64url(masterKey.expose()),
    k: 2,
    inst,
    gen,
    shares: shares.map((one) => ({ x: one.x, share: base64url(one.share.expose()) })),
    commitment: shareCommitment(inst, gen, share),
    acknowledgement,
    acknowledgementHash: acknowledgementHash(acknowledgement),
    sealed: await sealShare({ to: publicOfOpening(opening.adminEncryption), inst, gen, x, share }),
    context,
    sealedToBoot: await sealUnsealShare({ to: publicOfOpening(opening.boot), ...context, share }),
  });
}

writeKeys();
writeKeysets();
writeProofs();
await writeEnvelopesAndDeliveries();
writeStatements();
writeRecords();
await writeShares();
