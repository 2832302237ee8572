/** Payloads: commitment, padding, and one refusal for everything. @module */
import { describe, expect, test } from '@jest/globals';
import {
  decodeBase64url,
  encodeBase64url,
  labels,
  ProblemError,
  toProblemDocument,
  typ,
  type EnvelopeHeader,
} from '@letterlock/protocol';
import { hash43, randomIdentifier } from './bytes.ts';
import { deriveKey } from './hkdf.ts';
import { pad, unpad } from './padding.ts';
import { fileKeyCommitment, openPayload, sealPayload } from './payload.ts';
import { SecretBytes } from './secret-bytes.ts';
import { sealContent } from './slot.ts';
import { withFlippedBit, withHeader, withPart } from './testing/compact.ts';
import { refusalOf } from './testing/problems.ts';

const fileKey = SecretBytes.random(32);
const id = randomIdentifier();
const eh = hash43('header');
const header = { id, kc: fileKeyCommitment(fileKey, id) } as unknown as EnvelopeHeader;
const payload = sealPayload({ content: Buffer.from('hunter2'), fileKey, eh });
const valid = { payload, fileKey, header, eh };

/** A payload whose padded plaintext is given as it is. */
function sealPadded(padded: Uint8Array, members: Record<string, unknown> = {}): string {
  const head = { alg: 'dir', enc: 'A256GCM', typ: typ.payload, eh, ...members };
  const key = deriveKey(fileKey, decodeBase64url(eh), labels.payload);
  return sealContent(encodeBase64url(Buffer.from(JSON.stringify(head))), new Uint8Array(0), key.expose(), padded);
}
const padded = pad(Buffer.from('hunter2'));
const changed = (at: number, value: number): Uint8Array => Uint8Array.from(padded).with(at, value);

const shortKey = SecretBytes.random(16);
const short = {
  fileKey: shortKey,
  header: { ...header, kc: fileKeyCommitment(shortKey, id) },
  payload: sealPayload({ content: Buffer.from('hunter2'), fileKey: shortKey, eh }),
};
const document = JSON.stringify(toProblemDocument(new ProblemError('bad_envelope')));

describe('openPayload()', () => {
  test.each([0, 1, 251, 252, 253, 508, 65_536, 524_288])('gives back %i bytes, padded to 256', async (length) => {
    const content = Buffer.alloc(length, 0x5a);
    const sealed = sealPayload({ content, fileKey, eh });
    const opened = await openPayload({ ...valid, payload: sealed });
    expect(Buffer.from(opened.expose()).equals(content)).toBe(true);
    expect(decodeBase64url(sealed.split('.')[3]!).length % 256).toBe(0);
  });

  test.each([
    { name: 'T-15 another file key', change: { fileKey: SecretBytes.random(32) } },
    { name: 'T-15 a commitment to another key', change: { header: { ...header, kc: hash43('other') } } },
    { name: 'T-15 a commitment under another id', change: { header: { ...header, id: randomIdentifier() } } },
    { name: 'a file key of another length that is committed to', change: short },
    { name: 'T-16 a changed ciphertext', change: { payload: withFlippedBit(payload, 3, 5) } },
    { name: 'T-16 a changed tag', change: { payload: withFlippedBit(payload, 4, 5) } },
    { name: 'T-16 a changed IV', change: { payload: withFlippedBit(payload, 2, 5) } },
    { name: 'the header of another envelope', change: { eh: hash43('another') } },
    { name: 'another eh in the payload', change: { payload: withHeader(payload, { eh: hash43('another') }) } },
    {
      name: 'a payload of this key under another header',
      change: { payload: sealPadded(padded, { eh: hash43('another') }) },
    },
    { name: 'an encrypted key', change: { payload: withPart(payload, 1, 'AAAA') } },
    { name: 'another algorithm', change: { payload: sealPadded(padded, { alg: 'A256KW' }) } },
    { name: 'another encryption', change: { payload: sealPadded(padded, { enc: 'A256CBC-HS512' }) } },
    { name: 'another typ', change: { payload: sealPadded(padded, { typ: typ.slot }) } },
    { name: 'T-04 zip', change: { payload: sealPadded(padded, { zip: 'DEF' }) } },
    { name: 'T-16 a non-zero pad byte', change: { payload: sealPadded(changed(255, 1)) } },
    { name: 'T-16 a length beyond the end', change: { payload: sealPadded(changed(0, 1)) } },
    { name: 'T-16 a pad of 256', change: { payload: sealPadded(Buffer.concat([padded, Buffer.alloc(256)])) } },
    { name: 'T-16 a length that is no multiple of 256', change: { payload: sealPadded(padded.subarray(0, 255)) } },
    { name: 'T-16 no padding at all', change: { payload: sealPadded(Buffer.from('hunter2')) } },
    { name: 'more than 512 KiB', change: { payload: sealPadded(pad(Buffer.alloc(524_289))) } },
  ])('T-16 gives the one refusal for $name', async ({ change }) => {
    const refusal = await refusalOf(() => openPayload({ ...valid, ...change }));
    // What a caller can see and what the log says are both the same for all rows.
    const { code, status, message, detail, reason, members } = refusal;
    expect({ code, status, message, detail, reason, members }).toEqual({
      code: 'bad_envelope',
      status: 400,
      message: 'The envelope is not acceptable',
      detail: undefined,
      reason: 'envelope_integrity',
      members: {},
    });
    expect(JSON.stringify(toProblemDocument(refusal))).toBe(document);
  });

  test('T-15 the commitment is compared before the payload is looked at', async () => {
    const refusal = await refusalOf(() =>
      openPayload({ ...valid, payload: 'no JWE', fileKey: SecretBytes.random(32) }),
    );
    expect(refusal.cause).toMatchObject({ message: 'kc' });
  });
});

describe('unpad()', () => {
  test.each([
    { name: 'nothing', bytes: new Uint8Array(0) },
    { name: 'less than a block', bytes: new Uint8Array(255) },
    { name: 'a block more than needed', bytes: new Uint8Array(512) },
    { name: 'a length one too long', bytes: changed(3, 253) },
    { name: 'a huge length', bytes: changed(0, 0xff) },
  ])('refuses $name', ({ bytes }) => {
    expect(unpad(bytes)).toBeUndefined();
  });

  test('is defined by pad: any one byte of a pad set is refused', () => {
    for (let at = 11; at < 256; at += 1) expect(unpad(changed(at, 0x80))).toBeUndefined();
  });

  test('gives a view inside a larger buffer', () => {
    const larger = Buffer.concat([Buffer.alloc(3, 0xff), padded]);
    expect(Buffer.from(unpad(larger.subarray(3))!).toString()).toBe('hunter2');
  });
});
