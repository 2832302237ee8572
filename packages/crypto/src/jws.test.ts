/** Compact JWS: what verifies, and every way of confusion that must not. @module */
import { createHmac, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  decodeBase64url,
  encodeBase64url,
  encodeUtf8,
  parseJws,
  receiptClaims,
  typ,
  type JcsObject,
  type JcsValue,
  type Operation,
} from '@letterlock/protocol';
import { openJws, signBytes, signJws, verifyJws, verifyJwsAsync } from './jws.ts';
import { generateSigningKey, publicOf, type SigningKeyKind } from './keys.ts';
import { readOperation, signOperation } from './op.ts';
import { headerOf, withFlippedBit, withHeader, withPart, withRawHeader, withStrayBits } from './testing/compact.ts';
import { otherSignature } from './testing/ecdsa.ts';
import { refusalOf } from './testing/problems.ts';

const hash = 'UOch5JwBPwDGLPWfIWNUKp2N8CRk7-thXTEFGw_dwyY';
const claims: JcsObject = { at: 1, eh: hash, id: 'AAECAwQFBgcICQoLDA0ODw', ph: hash, rev: 1, st: 'STORED' };
const signer = generateSigningKey();
const verifier = publicOf(signer);
const valid = signJws({ typ: typ.receipt, key: signer, claims });
const open = (compact: string) => openJws(compact, { typ: typ.receipt, key: verifier, claims: receiptClaims });

function signedWithHmac(compact: string, key: Uint8Array | string): string {
  const confused = withHeader(compact, { alg: 'HS256' });
  const signingInput = confused.slice(0, confused.lastIndexOf('.'));
  return `${signingInput}.${createHmac('sha256', key).update(signingInput).digest('base64url')}`;
}

describe('openJws()', () => {
  test.each<{ kind: SigningKeyKind }>([{ kind: 'P-256' }, { kind: 'P-384' }, { kind: 'Ed25519' }, { kind: 'RSA' }])(
    'gives back the claims that a $kind key signed',
    async ({ kind }) => {
      const key = generateSigningKey(kind);
      const compact = signJws({ typ: typ.receipt, key, claims });
      expect(openJws(compact, { typ: typ.receipt, key: publicOf(key), claims: receiptClaims })).toEqual(claims);
      const parsed = parseJws(compact, typ.receipt, 4096);
      await expect(verifyJwsAsync(parsed, publicOf(key))).resolves.toBe(true);
      expect(headerOf(compact)).toEqual({ alg: key.algorithm, typ: typ.receipt, kid: key.thumbprint });
    },
  );

  test.each([
    { name: 'a changed payload', compact: withFlippedBit(valid, 1, 77), code: 'bad_proof' },
    { name: 'a changed signature', compact: withFlippedBit(valid, 2, 77), code: 'bad_proof' },
    { name: 'a shorter signature', compact: withPart(valid, 2, 'A'.repeat(84)), code: 'bad_proof' },
    {
      name: 'a longer signature',
      compact: withPart(valid, 2, valid.split('.')[2]!.slice(0, -1).concat('AAAA', 'A')),
      code: 'bad_proof',
    },
    {
      name: 'another key of the same kind',
      compact: signJws({ typ: typ.receipt, key: generateSigningKey(), claims }),
      code: 'bad_proof',
    },
    {
      name: 'another key that claims this kid',
      compact: withHeader(signJws({ typ: typ.receipt, key: generateSigningKey(), claims }), { kid: signer.thumbprint }),
      code: 'bad_proof',
    },
    {
      name: 'claims of another shape',
      compact: signJws({ typ: typ.receipt, key: signer, claims: { ...claims, more: 1 } }),
      code: 'bad_encoding',
    },
    {
      name: 'claims that are not canonical',
      compact: signJws({ typ: typ.receipt, key: signer, claims: `${JSON.stringify(claims)} ` }),
      code: 'bad_encoding',
    },
    { name: 'a missing part', compact: valid.split('.').slice(0, 2).join('.'), code: 'bad_encoding' },
    { name: 'a part too many', compact: `${valid}.AAAA`, code: 'bad_encoding' },
    { name: 'an empty signature', compact: withPart(valid, 2, ''), code: 'bad_proof' },
  ])('refuses $name', async ({ compact, code }) => {
    await expect(refusalOf(() => open(compact))).resolves.toMatchObject({ code });
  });

  test('refuses what is longer than the limit before reading it', async () => {
    const call = () =>
      openJws(valid, { typ: typ.receipt, key: verifier, claims: receiptClaims, maximumCharacters: valid.length - 1 });
    await expect(refusalOf(call)).resolves.toMatchObject({ code: 'too_large' });
  });

  test('throws a caller its bug: claims outside the canonical profile cannot be signed', () => {
    expect(() => signJws({ typ: typ.receipt, key: signer, claims: { at: 1.5 } })).toThrow(
      expect.objectContaining({ reason: 'bad_number' }),
    );
  });

  test('reads no claims before the signature holds', async () => {
    let readers = 0;
    const spying = (value: JcsValue, at: string) => {
      readers += 1;
      return receiptClaims(value, at);
    };
    await refusalOf(() => openJws(withFlippedBit(valid, 2, 3), { typ: typ.receipt, key: verifier, claims: spying }));
    expect(readers).toBe(0);
  });
});

describe('T-01 the algorithm comes from the key record', () => {
  const spki = verifier.keyObject.export({ type: 'spki', format: 'der' });
  const pem = verifier.keyObject.export({ type: 'spki', format: 'pem' });
  test.each([
    { name: 'HS256 over the SPKI', compact: signedWithHmac(valid, spki) },
    { name: 'HS256 over the PEM', compact: signedWithHmac(valid, pem) },
    { name: 'HS256 over the JWK', compact: signedWithHmac(valid, JSON.stringify(verifier.jwk)) },
    { name: 'none with the old signature', compact: withHeader(valid, { alg: 'none' }) },
    { name: 'none without a signature', compact: withPart(withHeader(valid, { alg: 'none' }), 2, '') },
    { name: 'PS256 with a P-256 key', compact: withHeader(valid, { alg: 'PS256' }) },
    { name: 'ES384 with a P-256 key', compact: withHeader(valid, { alg: 'ES384' }) },
    { name: 'RS256', compact: withHeader(valid, { alg: 'RS256' }) },
    { name: 'EdDSA, the old name', compact: withHeader(valid, { alg: 'EdDSA' }) },
    { name: 'lower case', compact: withHeader(valid, { alg: 'es256' }) },
  ])('refuses $name', async ({ compact }) => {
    await expect(refusalOf(() => open(compact))).resolves.toMatchObject({ code: 'bad_proof' });
  });

  test('refuses a signature that is right but names another kid', async () => {
    const header = { alg: 'ES256', typ: typ.receipt, kid: publicOf(generateSigningKey()).thumbprint };
    const input = withPart(withHeader(valid, header), 2, '').slice(0, -1);
    const compact = `${input}.${encodeBase64url(signBytes(Buffer.from(input), signer))}`;
    await expect(refusalOf(() => open(compact))).resolves.toMatchObject({ code: 'bad_proof' });
    await expect(verifyJwsAsync(parseJws(compact, typ.receipt, 4096), verifier)).resolves.toBe(false);
  });

  test('refuses a signature that is right but stands under another name of an algorithm', async () => {
    // Signed over the confused header, so only the comparison with the key refuses it.
    const header = { alg: 'ES384', typ: typ.receipt, kid: signer.thumbprint };
    const input = withPart(withHeader(valid, header), 2, '').slice(0, -1);
    const signature = sign('sha256', Buffer.from(input), { key: signer.keyObject, dsaEncoding: 'ieee-p1363' });
    const parsed = parseJws(`${input}.${encodeBase64url(signature)}`, typ.receipt, 4096);
    expect(verifyJws(parsed, verifier)).toBe(false);
    await expect(verifyJwsAsync(parsed, verifier)).resolves.toBe(false);
  });
});

describe('T-02, T-05 no header member but alg, typ and kid', () => {
  const attacker = generateSigningKey();
  const forged = signJws({ typ: typ.receipt, key: attacker, claims });
  test.each([
    { name: 'jwk', value: publicOf(attacker).jwk },
    { name: 'jku', value: 'https://attacker.example/jwks' },
    { name: 'x5u', value: 'https://attacker.example/chain' },
    { name: 'x5c', value: ['AAAA'] },
    { name: 'x5t', value: hash },
    { name: 'crit', value: ['exp'] },
    { name: 'b64', value: false },
    { name: 'zip', value: 'DEF' },
    { name: 'cty', value: 'JWT' },
    { name: 'nonce', value: 'AAAA' },
  ])('refuses $name', async ({ name, value }) => {
    for (const compact of [withHeader(valid, { [name]: value }), withHeader(forged, { [name]: value })]) {
      await expect(refusalOf(() => open(compact))).resolves.toMatchObject({
        code: 'bad_encoding',
        reason: 'header_members',
      });
    }
  });

  test('refuses b64:false with the unencoded payload that RFC 7797 would allow', async () => {
    const compact = withPart(withHeader(valid, { b64: false, crit: ['b64'] }), 1, '{}');
    await expect(refusalOf(() => open(compact))).resolves.toMatchObject({ code: 'bad_encoding' });
  });

  test.each(['alg', 'typ', 'kid'])('refuses a header without %s', async (name) => {
    const compact = withHeader(valid, { [name]: undefined });
    await expect(refusalOf(() => open(compact))).resolves.toMatchObject({ code: 'bad_encoding' });
  });
});

describe('T-06 one spelling of a header', () => {
  const { alg, kid } = headerOf(valid) as { alg: string; kid: string };
  test.each([
    {
      name: 'a member twice, the last one right',
      header: `{"alg":"${alg}","typ":"a","kid":"${kid}","typ":"${typ.receipt}"}`,
    },
    {
      name: 'a member twice, the first one right',
      header: `{"alg":"${alg}","typ":"${typ.receipt}","kid":"${kid}","typ":"a"}`,
    },
    { name: 'white space', header: `{"alg":"${alg}", "typ":"${typ.receipt}","kid":"${kid}"}` },
    { name: 'an escape', header: `{"al\\u0067":"${alg}","typ":"${typ.receipt}","kid":"${kid}"}` },
    { name: 'a byte order mark', header: `\uFEFF{"alg":"${alg}","typ":"${typ.receipt}","kid":"${kid}"}` },
    { name: 'a member that is not a string', header: `{"alg":"${alg}","typ":"${typ.receipt}","kid":["${kid}"]}` },
    { name: 'an array', header: `["${alg}"]` },
    { name: 'no JSON', header: 'alg' },
    { name: 'more than 1 KiB', header: JSON.stringify({ alg: alg.padEnd(1024, 'x'), typ: typ.receipt, kid }) },
  ])('refuses $name', async ({ header }) => {
    await expect(refusalOf(() => open(withRawHeader(valid, header)))).resolves.toMatchObject({ code: 'bad_encoding' });
  });

  test('accepts any order of members, as other implementations write them', () => {
    const head = JSON.stringify({ kid, typ: typ.receipt, alg });
    const input = `${encodeBase64url(encodeUtf8(head))}.${valid.split('.')[1]!}`;
    // Signed anew, as the header is what is signed.
    const compact = `${input}.${encodeBase64url(signBytes(Buffer.from(input), signer))}`;
    expect(open(compact)).toEqual(claims);
  });
});

describe('T-07 one spelling of base64url', () => {
  test.each([0, 1, 2])('refuses other spellings of part %i', async (index) => {
    // Payload and header lengths vary, so each part is tried with what applies to it.
    const part = valid.split('.')[index]!;
    const stray = withStrayBits(part);
    const spellings = [`${part}=`, `${part}==`, ` ${part}`, `${part}\n`, ...(stray === undefined ? [] : [stray])];
    for (const spelling of spellings) {
      await expect(refusalOf(() => open(withPart(valid, index, spelling)))).resolves.toMatchObject({
        code: 'bad_encoding',
        reason: 'base64url_not_canonical',
      });
    }
  });

  test('refuses a signature with stray trailing bits', async () => {
    // 64 bytes are 86 characters: the last one has four unused bits.
    const signature = valid.split('.')[2]!;
    expect(signature).toHaveLength(86);
    const compact = withPart(valid, 2, withStrayBits(signature)!);
    expect(Buffer.from(compact.split('.')[2]!, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    await expect(refusalOf(() => open(compact))).resolves.toMatchObject({ code: 'bad_encoding' });
  });
});

describe('T-08 signature bytes identify nothing', () => {
  test('the other ECDSA signature also verifies, and names the same operation', () => {
    const operation: Operation = {
      op: 'seal',
      args: {},
      exp: 1,
      inst: 'AAECAwQFBgcICQoLDA0ODw',
      nonce: 'AAECAwQFBgcICQoLDA0ODw',
    };
    const first = signOperation(signer, operation);
    const signature = decodeBase64url(first.split('.')[2]!);
    const second = withPart(first, 2, encodeBase64url(otherSignature(signature)));
    expect(second).not.toBe(first);
    expect(verifyJws(readOperation(second).jws, verifier)).toBe(true);
    expect(readOperation(second).oh).toBe(readOperation(first).oh);
  });
});

describe('T-12 kid is a thumbprint or nothing', () => {
  test.each([
    '__proto__',
    'constructor',
    '../../etc/passwd',
    "' OR 1=1 --",
    '',
    hash.slice(1),
    `${hash}A`,
    `${hash.slice(1)}=`,
    `k:${hash.slice(2)}`,
    `${hash.slice(1)}\u0000`,
  ])('refuses %j as it refuses every other', async (kid) => {
    await expect(refusalOf(() => open(withHeader(valid, { kid })))).resolves.toMatchObject({ code: 'bad_encoding' });
  });
});
