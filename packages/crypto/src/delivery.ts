/**
 * Deliveries (protocol.md §6): the server's fresh slot and signed statement, and the reader's whole check of them (§5.3).
 * It must never give out a byte before every check has passed, in their order.
 * @module
 */
import {
  deliveryClaims,
  encodeUtf8,
  parseJwe,
  parseJws,
  ProblemError,
  readClaims,
  typ,
  type DeliveryClaims,
  type DeliveryResponse,
  type EnvelopeHeader,
} from '@letterlock/protocol';
import { hash43 } from './bytes.ts';
import { checkPayloadForm, readHeader, readSignature, slotIndexOf, verifyStatement } from './envelope.ts';
import { signJws, verifyJws } from './jws.ts';
import { importVerifyingKey, type OpeningKey, type SealingKey, type SigningKey, type VerifyingKey } from './keys.ts';
import { fileKeyBytes, openPayload } from './payload.ts';
import { SecretBytes } from './secret-bytes.ts';
import { openJwe, sealJwe, slotCharacters } from './slot.ts';

const deliveryCharacters = 16_384;

/** What the reader asked for and by which request; whatever is not given must be absent in the answer. */
export interface ExpectedDelivery {
  /** Id of the wrap that was opened; or `path` of the secret that was read. */
  readonly id?: string;
  readonly path?: string;
  readonly cid?: string;
  /** Nonce of the request's proof; absent by mTLS. */
  readonly nonce?: string;
  readonly readerId: string;
  /** The reader's own `spiffe://…` name: needed for mode svc. */
  readonly selector?: string;
  /** Body hashes of every request of this claim. */
  readonly sentBodyHashes: readonly string[];
  /** Pin or selector of writers. Default: any writer. */
  readonly isWriterAllowed?: (wrt: string) => boolean;
}

export interface DeliveryToOpen {
  readonly answer: DeliveryResponse;
  readonly expected: ExpectedDelivery;
  readonly instanceKey: VerifyingKey;
  /** Private half of `rpk`, or the reader's own encryption key. */
  readonly deliveryKey: OpeningKey;
  /** The reader's own encryption keys, current and older. */
  readonly encryptionKeys: readonly OpeningKey[];
}

export interface OpenedDelivery {
  readonly header: EnvelopeHeader;
  readonly content: SecretBytes;
  readonly delivery: DeliveryClaims;
  readonly writer: VerifyingKey;
}

/** Seals what a reader needs to open the payload: its original slot (e2e) or the file key (svc). */
export function sealDeliverySlot(o: {
  readonly to: SealingKey;
  readonly eh: string;
  readonly content: 'slot' | 'fk';
  readonly plaintext: Uint8Array | string;
}): Promise<string> {
  const plaintext = typeof o.plaintext === 'string' ? encodeUtf8(o.plaintext) : o.plaintext;
  return sealJwe({ typ: typ.deliverySlot, to: o.to, header: { eh: o.eh, ct: o.content }, plaintext });
}

/** Signs a delivery with the instance key. */
export function signDelivery(key: SigningKey, claims: DeliveryClaims): string {
  return signJws({ typ: typ.delivery, key, claims: claims });
}

/**
 * The reader's whole check, in the order of §5.3: canonical, signature, hashes, item, expiry, recipient, writer, delivery,
 * slot, key commitment, payload.
 * @throws 'bad_encoding' for the form, 'bad_key' for the writer's key, 'bad_envelope' for everything else.
 */
export async function openDelivery(o: DeliveryToOpen): Promise<OpenedDelivery> {
  const { answer, expected } = o;
  if ((expected.id === undefined) === (expected.path === undefined)) {
    throw new TypeError('Cannot open a delivery: need either the id or the path that was asked for');
  }
  const read = readAnswer(answer);
  const { header, eh, ph } = read;
  const writer = importVerifyingKey(answer.wkey);
  const { sh } = verifyStatement(read, writer);
  requireThat(isAskedFor(header, expected), 'delivery_other_item');
  requireThat(header.exp === undefined || header.exp > read.delivery.at, 'envelope_expired');
  const slot = expectedSlot(header, expected);
  requireThat(expected.isWriterAllowed?.(header.wrt) ?? true, 'writer_not_allowed');
  requireThat(verifyJws(read.deliveryJws, o.instanceKey), 'delivery_signature');
  checkDelivery(read.delivery, o, { eh, ph, id: header.id, kind: header.kind });
  try {
    using fileKey = await openSlots(o, eh, slot.index === undefined ? undefined : sh[slot.index]);
    const content = await openPayload({ payload: answer.payload, fileKey, header, eh });
    return { header, content, delivery: read.delivery, writer };
  } catch (cause) {
    // One error for slot, commitment, tag and padding.
    throw refuse('envelope_integrity', cause);
  }
}

function readAnswer(answer: DeliveryResponse) {
  const header = readHeader(answer.hdr);
  checkPayloadForm(answer.payload, header.eh);
  const deliveryJws = parseJws(answer.dlv, typ.delivery, deliveryCharacters);
  return {
    ...header,
    ph: hash43(answer.payload),
    signature: readSignature(answer.sig),
    deliveryJws,
    // Read before its signature is verified only because `exp` is compared with `at` first; nothing is used before both hold.
    delivery: readClaims(deliveryClaims, deliveryJws.payload),
  };
}

function isAskedFor(header: EnvelopeHeader, expected: ExpectedDelivery): boolean {
  return expected.id === undefined
    ? header.kind === 'kv' && header.path === expected.path
    : header.kind === 'once' && header.id === expected.id;
}

/** The slot that must be inside: the reader's own one, or none when the reader is named by its workload name. */
function expectedSlot(header: EnvelopeHeader, expected: ExpectedDelivery): { readonly index: number | undefined } {
  const index = slotIndexOf(header, expected.readerId);
  if (index >= 0) return { index };
  const { selector } = expected;
  requireThat(selector !== undefined && header.rcp.includes(selector), 'envelope_recipient');
  return { index: undefined };
}

function checkDelivery(
  delivery: DeliveryClaims,
  { answer, expected }: DeliveryToOpen,
  item: { readonly eh: string; readonly ph: string; readonly id: string; readonly kind: EnvelopeHeader['kind'] },
): void {
  requireThat(delivery.kid === expected.readerId, 'delivery_other_reader');
  requireThat(delivery.nonce === expected.nonce, 'delivery_nonce');
  requireThat(delivery.cid === expected.cid, 'delivery_claim');
  requireThat(delivery.id === item.id && delivery.eh === item.eh && delivery.ph === item.ph, 'delivery_other_item');
  requireThat(delivery.ds === hash43(answer.dslot), 'delivery_slot_hash');
  const { bhs, cid, n, until } = delivery;
  if (item.kind === 'kv') {
    const isPlain = cid === undefined && n === undefined && bhs === undefined && until === undefined;
    requireThat(delivery.st === 'READ' && isPlain, 'delivery_form');
    return;
  }
  requireThat(
    delivery.st === 'CLAIMED' && cid !== undefined && until !== undefined && bhs !== undefined && bhs.length === n,
    'delivery_form',
  );
  // An entry that the reader did not send: somebody else was given the content with this reader's key.
  requireThat(
    bhs!.every((hash) => expected.sentBodyHashes.includes(hash)),
    'delivery_shared',
  );
}

/** Opens the delivery slot and, in mode e2e, the reader's original slot in it, whose hash the writer signed. */
async function openSlots(o: DeliveryToOpen, eh: string, slotHash: string | undefined): Promise<SecretBytes> {
  const outer = await openJwe(o.answer.dslot, { typ: typ.deliverySlot, key: o.deliveryKey });
  using inside = outer.plaintext;
  const content = slotHash === undefined ? 'fk' : 'slot';
  requireThat(outer.header.eh === eh && outer.header.ct === content, 'delivery_slot_header');
  if (slotHash === undefined) return requireFileKey(SecretBytes.copy(inside.expose()));
  const slot = Buffer.from(inside.expose()).toString('latin1');
  requireThat(hash43(slot) === slotHash, 'envelope_hash');
  const { header } = parseJwe(slot, typ.slot, slotCharacters);
  const key = o.encryptionKeys.find((candidate) => candidate.thumbprint === header.kid);
  requireThat(key !== undefined && header.eh === eh, 'slot_header');
  return requireFileKey((await openJwe(slot, { typ: typ.slot, key: key! })).plaintext);
}

function requireFileKey(bytes: SecretBytes): SecretBytes {
  if (bytes.lengthBytes === fileKeyBytes) return bytes;
  bytes[Symbol.dispose]();
  throw refuse('file_key_length');
}

function requireThat(isTrue: boolean, reason: string): void {
  if (!isTrue) throw refuse(reason);
}

function refuse(reason: string, cause?: unknown): ProblemError {
  return new ProblemError('bad_envelope', { reason, ...(cause === undefined ? {} : { cause }) });
}
