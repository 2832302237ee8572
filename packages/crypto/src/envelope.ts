/**
 * Envelopes (protocol.md §5): header, key slots, payload, and the writer's signature over their hashes.
 * It must never open anything: reading and verifying need no secret.
 * @module
 */
import {
  canonicalBytes,
  checkJwe,
  decodeBase64url,
  encodeBase64url,
  envelopeHeader,
  envelopeSignatureClaims,
  limits,
  parseJws,
  ProblemError,
  readClaims,
  typ,
  type Envelope,
  type EnvelopeHeader,
  type EnvelopeSignatureClaims,
  type JcsObject,
  type JweHeader,
  type JweTyp,
  type ParsedJws,
} from '@letterlock/protocol';
import { hash43, randomIdentifier } from './bytes.ts';
import { isEphemeralKey } from './ephemeral-key.ts';
import { signJws, verifyJws } from './jws.ts';
import type { SealingKey, SigningKey, VerifyingKey } from './keys.ts';
import { fileKeyBytes, fileKeyCommitment, sealPayload } from './payload.ts';
import { SecretBytes } from './secret-bytes.ts';
import { sealJweNow } from './slot.ts';

const signatureCharacters = 8192;
const slotCharacters = 4096;
const keyManagementNames: readonly string[] = ['ECDH-ES+A256KW', 'RSA-OAEP-256'];

/** What a writer decides; `id` is random unless given, `wrt` is the writer's thumbprint. */
export interface EnvelopeToSeal {
  readonly id?: string;
  readonly kind: 'once' | 'kv';
  readonly mode: 'e2e' | 'svc';
  readonly path: string;
  readonly ver: number;
  readonly iat: number;
  readonly exp?: number;
  readonly win?: number;
  readonly rcp: readonly string[];
  readonly bnd?: string;
}

/** An envelope whose form and limits are right. `eh`, `ph`, `sh` are SHA-256 as 43 characters. */
export interface ReadEnvelope {
  readonly header: EnvelopeHeader;
  readonly headerBytes: Uint8Array;
  readonly eh: string;
  readonly ph: string;
  readonly sh: readonly string[];
  readonly slotKids: readonly string[];
  /** The writer's statement, not yet verified. */
  readonly signature: ParsedJws;
}

/**
 * Seals content. e2e: `recipients[i]` is the encryption key of `rcp[i]`; svc: the binding's key, then one for each `k:` entry.
 * @throws TypeError if recipients and `rcp` do not fit together, 'too_large' above 512 KiB, 'bad_encoding' or 'bad_envelope' for the header.
 */
export function sealEnvelope(o: {
  readonly header: EnvelopeToSeal;
  readonly content: SecretBytes | Uint8Array;
  readonly recipients: readonly SealingKey[];
  readonly writer: SigningKey;
}): Promise<{ readonly envelope: Envelope; readonly header: EnvelopeHeader; readonly eh: string }> {
  return new Promise((resolve) => {
    resolve(sealEnvelopeNow(o));
  });
}

function sealEnvelopeNow(o: Parameters<typeof sealEnvelope>[0]): Awaited<ReturnType<typeof sealEnvelope>> {
  const content = o.content instanceof SecretBytes ? o.content.expose() : o.content;
  if (content.length > limits.contentBytes) {
    throw new ProblemError('too_large', {
      reason: 'TooLarge',
      detail: `Content is longer than ${limits.contentBytes} bytes`,
    });
  }
  using fileKey = SecretBytes.random(fileKeyBytes);
  const id = o.header.id ?? randomIdentifier();
  const kc = fileKeyCommitment(fileKey, id);
  const draft = { ...o.header, id, kc, enc: 'inline', v: 1, wrt: o.writer.thumbprint };
  const headerBytes = canonicalBytes(withoutAbsent(draft));
  const header = readClaims(envelopeHeader, headerBytes);
  if (o.recipients.length !== expectedSlots(header)) {
    throw new TypeError(`Cannot seal: got ${o.recipients.length} recipient keys, need ${expectedSlots(header)}`);
  }
  const eh = hash43(headerBytes);
  const payload = sealPayload({ content, fileKey, eh });
  const slots = o.recipients.map((to) =>
    sealJweNow({ typ: typ.slot, to, header: { eh }, plaintext: fileKey.expose() }),
  );
  const claims = { eh, ph: hash43(payload), sh: slots.map((slot) => hash43(slot)) };
  const sig = signJws({ typ: typ.envelope, key: o.writer, claims });
  return { envelope: { hdr: encodeBase64url(headerBytes), payload, sig, slots, v: 1 }, header, eh };
}

/** Slots of an envelope: one for each reader in e2e; the binding's key and one for each `k:` reader in svc. */
export function expectedSlots(header: Pick<EnvelopeHeader, 'mode' | 'rcp'>): number {
  const readers = header.rcp.filter((entry) => entry.startsWith('k:')).length;
  return header.mode === 'e2e' ? readers : readers + 1;
}

/** Which slot belongs to a reader's identity id; −1 if it is not a recipient. */
export function slotIndexOf(header: Pick<EnvelopeHeader, 'mode' | 'rcp'>, readerId: string): number {
  const index = header.rcp.filter((entry) => entry.startsWith('k:')).indexOf(`k:${readerId}`);
  return index < 0 || header.mode === 'e2e' ? index : index + 1;
}

/** Reads an envelope's form and limits. @throws 'bad_encoding' for the header document, 'bad_envelope' for the rest. */
export function readEnvelope(envelope: Envelope): ReadEnvelope {
  const { header, headerBytes, eh } = readHeader(envelope.hdr);
  if (envelope.slots.length !== expectedSlots(header)) throw refuse('envelope_recipient');
  const slotKids = envelope.slots.map((slot) => {
    const slotHeader = formOf(slot, typ.slot, slotCharacters);
    if (!keyManagementNames.includes(slotHeader.alg) || slotHeader.enc !== 'A256GCM') throw refuse('envelope_alg');
    if (slotHeader.epk !== undefined && !isEphemeralKey(slotHeader.epk)) throw refuse('envelope_key');
    if (slotHeader.eh !== eh) throw refuse('envelope_hash');
    return slotHeader.kid!;
  });
  checkPayloadForm(envelope.payload, eh);
  return {
    header,
    headerBytes,
    eh,
    ph: hash43(envelope.payload),
    sh: envelope.slots.map((slot) => hash43(slot)),
    slotKids,
    signature: readSignature(envelope.sig),
  };
}

/** The header document and its hash. @throws 'bad_encoding', 'bad_envelope' */
export function readHeader(hdr: string): Pick<ReadEnvelope, 'header' | 'headerBytes' | 'eh'> {
  const headerBytes = decodeBase64url(hdr);
  if (headerBytes.length > limits.envelopeHeaderBytes) throw refuse('envelope_header_too_long');
  const header = readClaims(envelopeHeader, headerBytes);
  // The format of streams is fixed (§5.7) and reserved.
  if (header.enc !== 'inline') throw refuse('envelope_stream');
  return { header, headerBytes, eh: hash43(headerBytes) };
}

/** `alg` is dir and the header carries `eh`. @throws 'bad_envelope' */
export function checkPayloadForm(payload: string, eh: string): void {
  const header = formOf(payload, typ.payload, limits.bodyBytes);
  if (header.alg !== 'dir' || header.enc !== 'A256GCM') throw refuse('envelope_alg');
  if (header.eh !== eh) throw refuse('envelope_hash');
  // `dir` has no encrypted key, so the second part is empty.
  const afterHeader = payload.indexOf('.') + 1;
  if (payload[afterHeader] !== '.') throw refuse('envelope_malformed');
}

/** The writer's signature, by its form. @throws 'bad_envelope' */
export function readSignature(sig: string): ParsedJws {
  return inEnvelope(sig, () => parseJws(sig, typ.envelope, signatureCharacters));
}

/** Verifies that `writer` stated exactly this header, payload and these slots. @throws 'bad_envelope' */
export function verifyEnvelope(read: ReadEnvelope, writer: VerifyingKey): void {
  const claims = verifyStatement(read, writer);
  // Both have as many entries as the header wants.
  if (!claims.sh.every((value, index) => value === read.sh[index])) throw refuse('envelope_hash');
}

/** The part of verifyEnvelope for who does not see all slots. @returns the verified claims. @throws 'bad_envelope' */
export function verifyStatement(
  read: Pick<ReadEnvelope, 'header' | 'eh' | 'ph' | 'signature'>,
  writer: VerifyingKey,
): EnvelopeSignatureClaims {
  if (read.header.wrt !== writer.thumbprint) throw refuse('envelope_writer');
  if (!verifyJws(read.signature, writer)) throw refuse('signature_invalid');
  const claims = inEnvelope('', () => readClaims(envelopeSignatureClaims, read.signature.payload));
  if (claims.eh !== read.eh || claims.ph !== read.ph) throw refuse('envelope_hash');
  if (claims.sh.length !== expectedSlots(read.header)) throw refuse('envelope_recipient');
  return claims;
}

function refuse(reason: string, cause?: unknown): ProblemError {
  return new ProblemError('bad_envelope', { reason, ...(cause === undefined ? {} : { cause }) });
}

function formOf(compact: string, jweTyp: JweTyp, maximumCharacters: number): JweHeader {
  return inEnvelope(compact, () => checkJwe(compact, jweTyp, maximumCharacters));
}

/** Whatever is wrong inside an envelope is one problem; the log learns whether compression was tried. */
function inEnvelope<T>(compact: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const header = Buffer.from(compact.slice(0, compact.indexOf('.')), 'base64url').toString('latin1');
    throw refuse(header.includes('"zip"') ? 'envelope_zip' : 'envelope_malformed', cause);
  }
}

function withoutAbsent(value: Readonly<Record<string, unknown>>): JcsObject {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as JcsObject;
}
