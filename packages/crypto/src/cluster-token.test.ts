/** Tokens of a cluster: each row differs from a right one in one thing. @module */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { openClusterToken, readClusterKeys } from './cluster-token.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwkOf = (key: KeyObject, more: object = {}): object => ({
  ...key.export({ format: 'jwk' }),
  use: 'sig',
  ...more,
});
const jwks = {
  keys: [jwkOf(rsa.publicKey, { kid: 'r', alg: 'RS256' }), jwkOf(curve.publicKey, { kid: 'e', alg: 'ES256' })],
};
const claims = { iss: 'https://kubernetes.default.svc' };
const part = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function tokenOf(header: object, key: KeyObject = rsa.privateKey, payload: object | string = claims): string {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const right = { alg: 'RS256', kid: 'r' };
const open = (token: string): unknown => openClusterToken(token, readClusterKeys(jwks));

describe('openClusterToken()', () => {
  test.each([
    { name: 'RSA', token: tokenOf(right), kid: 'r' },
    { name: 'a curve', token: tokenOf({ alg: 'ES256', kid: 'e' }, curve.privateKey), kid: 'e' },
    { name: 'RSA, typed as external signers do', token: tokenOf({ ...right, typ: 'JWT' }), kid: 'r' },
  ])('reads what a key of the cluster has signed: $name', ({ token, kid }) => {
    expect(open(token)).toEqual({ claims, kid });
  });

  const [header, payload, signature] = tokenOf(right).split('.');
  test.each([
    { name: 'another signature', token: tokenOf(right, stranger.privateKey), code: 'bad_proof' },
    { name: 'other claims', token: `${header}.${part({ iss: 'x' })}.${signature}`, code: 'bad_proof' },
    { name: 'a key that the cluster does not have', token: tokenOf({ ...right, kid: 'x' }), code: 'bad_proof' },
    { name: 'no key', token: tokenOf({ alg: 'RS256' }), code: 'bad_proof' },
    { name: 'an algorithm of another key', token: tokenOf({ ...right, alg: 'ES256' }), code: 'bad_proof' },
    { name: 'no algorithm', token: `${part({ alg: 'none', kid: 'r' })}.${payload}.`, code: 'bad_proof' },
    { name: 'a key in its header', token: tokenOf({ ...right, jwk: {} }), code: 'bad_encoding' },
    { name: 'another type', token: tokenOf({ ...right, typ: 'letterlock-boot+jws' }), code: 'bad_encoding' },
    { name: 'two parts', token: `${header}.${payload}`, code: 'bad_encoding' },
    { name: 'four parts', token: `${tokenOf(right)}.x`, code: 'bad_encoding' },
    { name: 'padding', token: `${tokenOf(right)}=`, code: 'bad_encoding' },
    { name: 'claims that are a list', token: tokenOf(right, rsa.privateKey, '[]'), code: 'bad_encoding' },
    { name: 'claims that are no JSON', token: tokenOf(right, rsa.privateKey, '{'), code: 'bad_encoding' },
    { name: 'more than 8 KiB', token: tokenOf(right, rsa.privateKey, { a: 'x'.repeat(8192) }), code: 'bad_encoding' },
  ])('refuses $name', ({ token, code }) => {
    expect(() => open(token)).toThrow(expect.objectContaining({ code }));
  });
});

describe('readClusterKeys()', () => {
  test('keeps public members alone', () => {
    const [key] = readClusterKeys({ keys: [jwkOf(rsa.privateKey, { kid: 'r' })] });
    expect(Object.keys(key!.jwk).toSorted()).toEqual(['e', 'kid', 'kty', 'n']);
    expect(key!.keyObject.type).toBe('public');
    expect(readClusterKeys({ keys: [key!.jwk] })).toHaveLength(1);
  });

  const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
  test.each([
    { name: 'an RSA key of 1024 bits', key: jwkOf(short.publicKey, { kid: 's' }) },
    { name: 'a key for encryption', key: jwkOf(rsa.publicKey, { kid: 's', use: 'enc' }) },
    { name: 'a key for another algorithm', key: jwkOf(rsa.publicKey, { kid: 's', alg: 'PS256' }) },
    { name: 'a key without a name', key: jwkOf(rsa.publicKey) },
    { name: 'a shared secret', key: { kty: 'oct', k: 'AAAA', kid: 's' } },
    { name: 'a point beside the curve', key: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 's' } },
    { name: 'what is no key', key: 'x' },
  ])('leaves out $name', ({ key }) => {
    expect(readClusterKeys({ keys: [...jwks.keys, key] }).map(({ kid }) => kid)).toEqual(['r', 'e']);
    expect(() => readClusterKeys({ keys: [key] })).toThrow(expect.objectContaining({ code: 'bad_key' }));
  });

  test.each([undefined, {}, { keys: [] }, { keys: Array.from({ length: 33 }, () => jwks.keys[0]) }])(
    'refuses %j',
    (value) => {
      expect(() => readClusterKeys(value)).toThrow(expect.objectContaining({ code: 'bad_key' }));
    },
  );
});
