/** The outer form of JWS and JWE, before any library or key. @module */
import { describe, expect, test } from '@jest/globals';
import { encodeBase64url } from './base64url.ts';
import { encodeUtf8 } from './jcs.ts';
import { checkJwe, parseJwe, parseJws } from './jose.ts';
import { jweMembers, typ, type JweTyp } from './registry.ts';

const kid = `${'a'.repeat(42)}A`;
const encode = (text: string): string => encodeBase64url(encodeUtf8(text));
const bytes = (length: number): string => encodeBase64url(new Uint8Array(length));
const jwsHeader = { alg: 'ES256', typ: typ.proof, kid };
const jwsOf = (header: unknown): string =>
  `${encode(typeof header === 'string' ? header : JSON.stringify(header))}.e30.${bytes(64)}`;
const refusal = (reason: string): unknown => expect.objectContaining({ code: 'bad_encoding', reason });

describe('parseJws()', () => {
  const parse = (compact: string) => parseJws(compact, typ.proof, 4096);

  test('gives header, payload, signature and the signed text', () => {
    const compact = jwsOf(jwsHeader);
    const parsed = parse(compact);
    expect(parsed.header).toEqual(jwsHeader);
    expect(Buffer.from(parsed.payload).toString()).toBe('{}');
    expect(parsed.signature).toHaveLength(64);
    expect(parsed.signingInput).toBe(compact.slice(0, compact.lastIndexOf('.')));
  });

  test.each([
    { name: 'two parts', compact: 'AAAA.AAAA', reason: 'part_count' },
    { name: 'four parts', compact: 'AAAA.AAAA.AAAA.AAAA', reason: 'part_count' },
    { name: 'padding', compact: `${jwsOf(jwsHeader)}=`, reason: 'base64url_not_canonical' },
    { name: 'the JSON serialisation', compact: JSON.stringify({ payload: 'e30' }), reason: 'part_count' },
    { name: 'another typ', compact: jwsOf({ ...jwsHeader, typ: typ.keyset }), reason: 'wrong_typ' },
    { name: 'a typ in capitals', compact: jwsOf({ ...jwsHeader, typ: typ.proof.toUpperCase() }), reason: 'wrong_typ' },
    { name: 'no typ', compact: jwsOf({ alg: 'ES256', kid }), reason: 'wrong_typ' },
    { name: 'no kid', compact: jwsOf({ alg: 'ES256', typ: typ.proof }), reason: 'header_members' },
    { name: 'a further member', compact: jwsOf({ ...jwsHeader, jwk: {} }), reason: 'header_members' },
    {
      name: 'a member of another name',
      compact: jwsOf({ alg: 'ES256', typ: typ.proof, kie: kid }),
      reason: 'header_members',
    },
    { name: 'a number as alg', compact: jwsOf({ ...jwsHeader, alg: 5 }), reason: 'header_member_type' },
    { name: 'a number as kid', compact: jwsOf({ ...jwsHeader, kid: 5 }), reason: 'bad_kid' },
    { name: 'an object as alg', compact: jwsOf({ ...jwsHeader, alg: {} }), reason: 'header_member_type' },
    { name: 'null as alg', compact: jwsOf({ ...jwsHeader, alg: null }), reason: 'header_member_type' },
    { name: 'a kid of 42 characters', compact: jwsOf({ ...jwsHeader, kid: kid.slice(1) }), reason: 'bad_kid' },
    { name: 'T-12 a kid that is a path', compact: jwsOf({ ...jwsHeader, kid: '../x' }), reason: 'bad_kid' },
    { name: 'T-12 __proto__ as kid', compact: jwsOf({ ...jwsHeader, kid: '__proto__' }), reason: 'bad_kid' },
    { name: 'white space', compact: jwsOf(JSON.stringify(jwsHeader, null, 1)), reason: 'header_not_canonical' },
    {
      name: 'T-06 a member twice',
      compact: jwsOf(`{"alg":"none",${JSON.stringify(jwsHeader).slice(1)}`),
      reason: 'header_not_canonical',
    },
    {
      name: 'T-06 __proto__ as member',
      compact: jwsOf(`{"__proto__":{},${JSON.stringify(jwsHeader).slice(1)}`),
      reason: 'header_members',
    },
    {
      name: 'an escape',
      compact: jwsOf(JSON.stringify(jwsHeader).replace('alg', String.raw`\u0061lg`)),
      reason: 'header_not_canonical',
    },
    { name: 'a letter that is not ASCII', compact: jwsOf({ ...jwsHeader, alg: 'É' }), reason: 'header_not_canonical' },
    { name: 'an array', compact: jwsOf([]), reason: 'header_not_object' },
    { name: 'null', compact: jwsOf('null'), reason: 'header_not_object' },
    { name: 'no JSON', compact: jwsOf('{'), reason: 'header_not_json' },
    { name: 'invalid UTF-8', compact: `${encodeBase64url(Uint8Array.of(0xff))}.e30.AAAA`, reason: 'invalid_utf8' },
    {
      name: 'a header beyond 1 KiB',
      compact: jwsOf({ ...jwsHeader, alg: 'a'.repeat(1024) }),
      reason: 'header_too_long',
    },
  ])('refuses $name', ({ compact, reason }) => {
    expect(() => parse(compact)).toThrow(refusal(reason));
  });

  test('refuses what is too long before anything else', () => {
    expect(() => parseJws(jwsOf(jwsHeader), typ.proof, 10)).toThrow(expect.objectContaining({ code: 'too_large' }));
  });
});

const values: Readonly<Record<string, string | number>> = {
  alg: 'RSA-OAEP-256',
  enc: 'A256GCM',
  kid,
  eh: kid,
  ct: 'slot',
  inst: 'x',
  gen: 1,
  x: 1,
  boot: kid,
  purpose: 'unseal',
};
const headerOf = (jweTyp: JweTyp): Record<string, unknown> =>
  Object.fromEntries(jweMembers[jweTyp].map((name) => [name, name === 'typ' ? jweTyp : values[name]]));
const jweOf = (header: unknown, [iv, tag]: readonly [number, number] = [12, 16]): string =>
  [encode(JSON.stringify(header)), bytes(256), bytes(iv), bytes(32), bytes(tag)].join('.');
const epk = { kty: 'EC', crv: 'P-256', x: kid, y: kid };
const jweTyps = Object.keys(jweMembers) as JweTyp[];

describe.each([
  { name: 'parseJwe()', read: parseJwe as (compact: string, jweTyp: JweTyp, maximum: number) => unknown },
  { name: 'checkJwe()', read: checkJwe as (compact: string, jweTyp: JweTyp, maximum: number) => unknown },
])('$name', ({ read }) => {
  test.each(jweTyps)('reads a %s with exactly its members', (jweTyp) => {
    expect(read(jweOf(headerOf(jweTyp)), jweTyp, 4096)).toBeDefined();
    for (const missing of jweMembers[jweTyp].filter((name) => name !== 'typ')) {
      const { [missing]: _, ...rest } = headerOf(jweTyp);
      expect(() => read(jweOf(rest), jweTyp, 4096)).toThrow(refusal('header_members'));
    }
    expect(() => read(jweOf({ ...headerOf(jweTyp), zip: 'DEF' }), jweTyp, 4096)).toThrow(refusal('header_members'));
  });

  const slot = headerOf(typ.slot);
  test.each([
    { name: 'an epk without key agreement', compact: jweOf({ ...slot, epk }), reason: 'header_members' },
    { name: 'key agreement without epk', compact: jweOf({ ...slot, alg: 'ECDH-ES+A256KW' }), reason: 'header_members' },
    {
      name: 'an epk that is a text',
      compact: jweOf({ ...slot, alg: 'ECDH-ES+A256KW', epk: 'x' }),
      reason: 'header_member_type',
    },
    {
      name: 'an epk with a number',
      compact: jweOf({ ...slot, alg: 'ECDH-ES+A256KW', epk: { ...epk, x: 5 } }),
      reason: 'header_member_type',
    },
    {
      name: 'an epk that is a list',
      compact: jweOf({ ...slot, alg: 'ECDH-ES+A256KW', epk: ['x'] }),
      reason: 'header_member_type',
    },
    { name: 'a number as eh', compact: jweOf({ ...slot, eh: 5 }), reason: 'header_member_type' },
    { name: 'a kid that is no thumbprint', compact: jweOf({ ...slot, kid: 'x' }), reason: 'bad_kid' },
    { name: 'another typ', compact: jweOf(headerOf(typ.share)), reason: 'wrong_typ' },
    { name: 'an IV of 16 bytes', compact: jweOf(slot, [16, 16]), reason: 'jwe_iv_or_tag_length' },
    { name: 'T-27 a tag of 4 bytes', compact: jweOf(slot, [12, 4]), reason: 'jwe_iv_or_tag_length' },
    { name: 'T-27 a tag of 15 bytes', compact: jweOf(slot, [12, 15]), reason: 'jwe_iv_or_tag_length' },
    { name: 'a tag of 17 bytes', compact: jweOf(slot, [12, 17]), reason: 'jwe_iv_or_tag_length' },
    { name: 'four parts', compact: jweOf(slot).split('.').slice(1).join('.'), reason: 'part_count' },
    { name: 'six parts', compact: `${jweOf(slot)}.AAAA`, reason: 'part_count' },
    { name: 'T-07 padding', compact: `${jweOf(slot)}=`, reason: 'base64url_not_canonical' },
  ])('refuses $name', ({ compact, reason }) => {
    expect(() => read(compact, typ.slot, 4096)).toThrow(refusal(reason));
  });

  test.each([
    { name: 'a fraction as gen', gen: 1.5 },
    { name: 'a negative gen', gen: -1 },
    { name: 'a text as gen', gen: '1' },
  ])('refuses $name', ({ gen }) => {
    expect(() => read(jweOf({ ...headerOf(typ.share), gen }), typ.share, 4096)).toThrow(refusal('header_member_type'));
  });
});

test('parseJwe() gives the parts that decryption needs', () => {
  const parsed = parseJwe(jweOf({ ...headerOf(typ.slot), alg: 'ECDH-ES+A256KW', epk }), typ.slot, 4096);
  const { encryptedKey, iv, ciphertext, tag, header } = parsed;
  expect([encryptedKey, iv, ciphertext, tag].map((part) => part.length)).toEqual([256, 12, 32, 16]);
  expect(header.epk).toEqual(epk);
  expect(parsed.compact.startsWith(`${parsed.protectedPart}.`)).toBe(true);
});
