/** Bodies of requests and responses. @module */
import { describe, expect, test } from '@jest/globals';
import {
  deliveryResponse,
  emptyBody,
  envelope,
  explainResponse,
  openRequest,
  operationsRequest,
  registerRequest,
  stateResponse,
  statusResponse,
  unsealStatusResponse,
} from './bodies.ts';
import type { JcsObject } from './jcs.ts';
import type { Reader } from './shape.ts';

const hash = `${'a'.repeat(42)}A`;
const id = `${'a'.repeat(21)}A`;
const jwsText = 'AA.AA.AA';
const jweText = 'AA.AA.AA.AA.AA';
const jwk = { crv: 'P-256', kty: 'EC', x: hash, y: hash };

const bodies: readonly { name: string; reader: Reader<unknown>; example: JcsObject; optional: readonly string[] }[] = [
  {
    name: 'envelope',
    reader: envelope,
    example: { hdr: 'AA', payload: jweText, sig: jwsText, slots: [jweText], v: 1 },
    optional: [],
  },
  { name: 'open', reader: openRequest, example: { cid: id, rpk: jwk, why: 'x' }, optional: ['rpk', 'why'] },
  {
    name: 'register',
    reader: registerRequest,
    example: { evidence: { jws: jwsText, t: 'op' }, keyset: jwsText },
    optional: ['evidence'],
  },
  {
    name: 'delivery',
    reader: deliveryResponse,
    example: { dlv: jwsText, dslot: jweText, hdr: 'AA', payload: jweText, sig: jwsText, v: 1, wkey: jwk },
    optional: [],
  },
  {
    name: 'status',
    reader: statusResponse,
    example: { aproof: 'mtls', proof: jwsText, rcpt: jwsText },
    optional: ['aproof', 'proof'],
  },
  { name: 'operations', reader: operationsRequest, example: { ops: [jwsText] }, optional: [] },
  {
    name: 'state',
    reader: stateResponse,
    example: { jws: jwsText, sik: jwk, state: 'unsealed', td: 'a.example', v: 1 },
    optional: ['jws', 'sik'],
  },
  {
    name: 'unseal status',
    reader: unsealStatusResponse,
    example: {
      admins: [hash],
      benc: jwk,
      boot: hash,
      ckpt: jwsText,
      gen: 1,
      given: [hash],
      have: 1,
      inst: id,
      k: 2,
      n: 3,
      share: jweText,
      token: 't',
      transcript: jwsText,
      x: 1,
    },
    optional: ['ckpt', 'token', 'transcript'],
  },
];

describe.each(bodies)('$name', ({ reader, example, optional }) => {
  const isRead = (value: JcsObject): boolean => {
    try {
      reader(value, '');
      return true;
    } catch {
      return false;
    }
  };
  test('reads its example', () => {
    expect(reader(example, '')).toEqual(example);
  });
  test.each(Object.keys(example))('%s: absent only if optional, never a boolean', (name) => {
    const { [name]: _, ...rest } = example;
    expect(isRead(rest)).toBe(optional.includes(name));
    expect(isRead({ ...example, [name]: true })).toBe(false);
  });
  test('refuses a further member', () => {
    expect(isRead({ ...example, further: 1 })).toBe(false);
  });
});

describe('evidence', () => {
  const read = (evidence: JcsObject | string): unknown => registerRequest({ evidence, keyset: jwsText }, '').evidence;
  test.each<JcsObject>([
    { jws: jwsText, t: 'op' },
    { chain: ['AAAA', 'AAAA', 'AAAA'], t: 'x509' },
    { name: 'app', ns: 'team-a', t: 'binding' },
  ])('reads $t', (evidence) => {
    expect(read(evidence)).toEqual(evidence);
  });
  test.each<{ name: string; evidence: JcsObject | string }>([
    { name: 'another type', evidence: { jws: jwsText, t: 'oidc' } },
    { name: 'a type of Object.prototype', evidence: { jws: jwsText, t: 'constructor' } },
    { name: 'members of another type', evidence: { jws: jwsText, t: 'x509' } },
    { name: 'four certificates', evidence: { chain: ['AAAA', 'AAAA', 'AAAA', 'AAAA'], t: 'x509' } },
    { name: 'no certificate', evidence: { chain: [], t: 'x509' } },
    { name: 'a text', evidence: 'op' },
  ])('refuses $name', ({ evidence }) => {
    expect(() => read(evidence)).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
  });
});

test.each<{ name: string; reader: Reader<unknown>; value: JcsObject }>([
  {
    name: 'an envelope without slot',
    reader: envelope,
    value: { hdr: 'AA', payload: jweText, sig: jwsText, slots: [], v: 1 },
  },
  {
    name: 'an envelope with seventeen slots',
    reader: envelope,
    value: { hdr: 'AA', payload: jweText, sig: jwsText, slots: Array(17).fill(jweText) as string[], v: 1 },
  },
  {
    name: 'another version of the envelope',
    reader: envelope,
    value: { hdr: 'AA', payload: jweText, sig: jwsText, slots: [jweText], v: 2 },
  },
  { name: 'a reason of 129 bytes', reader: openRequest, value: { cid: id, why: 'x'.repeat(129) } },
  { name: 'no operation', reader: operationsRequest, value: { ops: [] } },
  { name: 'seventeen operations', reader: operationsRequest, value: { ops: Array(17).fill(jwsText) as string[] } },
  { name: 'a member in an empty body', reader: emptyBody, value: { a: 1 } },
  { name: 'a service state of another name', reader: stateResponse, value: { state: 'open', td: 'a', v: 1 } },
])('refuses $name', ({ reader, value }) => {
  expect(() => reader(value, '')).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
});

test('an answer to explain is allowed only where it says true', () => {
  expect(explainResponse({ allowed: true, reason: 'x' }, '')).toEqual({ allowed: true, reason: 'x' });
  expect(explainResponse({ allowed: false, reason: 'x' }, '')).toEqual({ allowed: false, reason: 'x' });
  expect(explainResponse({ allowed: 'true', reason: 'x' }, '')).toEqual({ allowed: false, reason: 'x' });
});
