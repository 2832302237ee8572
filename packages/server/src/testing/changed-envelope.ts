/**
 * Changes one thing of an envelope and lets its writer sign the result, as only the writer could.
 * It must never be used for anything but tests: what it makes is wrong on purpose.
 * @module
 */
import { hash43, signJws, type SigningKey } from '@letterlock/crypto';
import { decodeBase64url, encodeBase64url, encodeUtf8, typ, type Envelope } from '@letterlock/protocol';

/** The decoded header of a compact object. */
export function headerOf(compact: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(decodeBase64url(compact.split('.')[0]!)).toString('utf8')) as Record<string, unknown>;
}

/** The same object with one part replaced. */
export function withPart(compact: string, index: number, part: string): string {
  return compact.split('.').with(index, part).join('.');
}

/** The same object with exactly this text as its header. */
export function withRawHeader(compact: string, header: string): string {
  return withPart(compact, 0, encodeBase64url(encodeUtf8(header)));
}

/** The same object with members of its header replaced or added; `undefined` removes one. */
export function withHeader(compact: string, changes: Readonly<Record<string, unknown>>): string {
  return withRawHeader(compact, JSON.stringify({ ...headerOf(compact), ...changes }));
}

/** A part with its first bit flipped; it stays canonical. */
export function flipped(part: string): string {
  const bytes = decodeBase64url(part).slice();
  bytes[0]! ^= 128;
  return encodeBase64url(bytes);
}

/** A part without its last byte; it stays canonical. */
export function shortened(part: string): string {
  return encodeBase64url(decodeBase64url(part).slice(0, -1));
}

/** The envelope with its first slot changed. */
export function withSlot(envelope: Envelope, change: (slot: string) => string): Envelope {
  return { ...envelope, slots: [change(envelope.slots[0]!)] };
}

export function withPayload(envelope: Envelope, change: (payload: string) => string): Envelope {
  return { ...envelope, payload: change(envelope.payload) };
}

/** What the writer would have signed. */
export function signedAgain(envelope: Envelope, writer: SigningKey): Envelope {
  const { hdr, payload, slots } = envelope;
  const eh = hash43(decodeBase64url(hdr));
  const claims = { eh, ph: hash43(payload), sh: slots.map((slot) => hash43(slot)) };
  return { ...envelope, sig: signJws({ typ: typ.envelope, key: writer, claims }) };
}
