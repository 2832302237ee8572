import { describe, expect, test } from '@jest/globals';
import { canonicalBytes, canonicalize, encodeUtf8 } from '@letterlock/protocol';
import { readStoredEnvelope, writeDelivery } from './delivery-answer.ts';

const envelope = { hdr: 'eyJ9', payload: 'e30..AAAA.BBBB.CCCC', sig: 'e30.e30.AAAA', slots: ['e30.AA.BB.CC.DD'], v: 1 };
const { hdr, payload, sig } = envelope;

describe('readStoredEnvelope()', () => {
  test('gives the slots, and the other members as they are written', () => {
    expect(readStoredEnvelope(canonicalBytes(envelope))).toEqual({
      hdr,
      members: `"hdr":"${hdr}","payload":"${payload}","sig":"${sig}"`,
      slots: envelope.slots,
    });
  });

  test('gives each of several slots', () => {
    const slots = ['e30.AA.BB.CC.DD', 'e30.EE.FF.GG.HH'];
    expect(readStoredEnvelope(canonicalBytes({ ...envelope, slots })).slots).toEqual(slots);
  });

  test.each([
    { name: 'another member in front', text: canonicalize({ ...envelope, a: 1 }) },
    { name: 'another member behind', text: canonicalize({ ...envelope, w: 1 }) },
    { name: 'another version', text: canonicalize({ ...envelope, v: 2 }) },
    { name: 'no slot', text: canonicalize({ ...envelope, slots: [] }) },
    { name: 'slots that are none', text: canonicalize({ ...envelope, slots: 'a' }) },
    { name: 'its end missing', text: canonicalize(envelope).slice(0, -1) },
    { name: 'its beginning missing', text: canonicalize(envelope).slice(1) },
    { name: 'nothing in it', text: '' },
  ])('refuses a record with $name', ({ text }) => {
    expect(() => readStoredEnvelope(encodeUtf8(text))).toThrow(
      expect.objectContaining({ code: 'internal', reason: 'storage_integrity' }),
    );
  });
});

describe('writeDelivery()', () => {
  test('writes what canonicalize would write', () => {
    const wkey = { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'BBBB' } as const;
    const stored = readStoredEnvelope(canonicalBytes(envelope));
    const text = writeDelivery({ dlv: 'e30.e30.DDDD', dslot: 'e30.EE.FF.GG.HH', stored, wkey });
    expect(text).toBe(canonicalize({ dlv: 'e30.e30.DDDD', dslot: 'e30.EE.FF.GG.HH', hdr, payload, sig, v: 1, wkey }));
  });
});
