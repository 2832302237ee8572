/** What a cluster says about boot keys: each row differs from a right token in one thing. @module */
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { hash43, readClusterKeys } from '@letterlock/crypto';
import { readClusterToken } from './cluster-token.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keys = readClusterKeys({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] });
const now = 1_790_000_000;
const boot = hash43('boot');
const trustDomain = 'prod.example';
const issuer = 'https://kubernetes.default.svc.cluster.local';
const cluster = { issuer, keys, namespace: 'letterlock-system', serviceAccount: 'letterlock-server' };
const pod = { name: 'letterlock-server-1', uid: '7c1d2e3f-0000-4000-8000-000000000001' };
const right = {
  aud: [`letterlock-boot:${trustDomain}:${boot}`],
  exp: now + 3600,
  iat: now,
  iss: issuer,
  'kubernetes.io': {
    namespace: 'letterlock-system',
    node: { name: 'node-1', uid: '9f0f5b4e-8b0a-4c5d-a8ff-2b3f0c1d2e3f' },
    pod,
    serviceaccount: { name: 'letterlock-server', uid: '5e0b1b6e-2a0f-4a63-bb6c-6a9f6f9f0b11' },
  },
  nbf: now,
  sub: 'system:serviceaccount:letterlock-system:letterlock-server',
};

function tokenOf(claims: object, kid = 'k'): string {
  const input = [{ alg: 'RS256', kid }, claims]
    .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
    .join('.');
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

const read = (token: string): unknown => readClusterToken(token, { boot, trustDomain, token }, cluster, now);

describe('readClusterToken()', () => {
  test('says which pod it is about: the control of the table', () => {
    expect(read(tokenOf(right))).toEqual({
      namespace: 'letterlock-system',
      ...pod,
      node: 'node-1',
      kid: 'k',
      expiresAt: now + 3600,
    });
  });

  const inCluster = right['kubernetes.io'];
  test.each([
    { name: 'of another issuer', change: { iss: 'https://x' }, says: 'another issuer' },
    {
      name: 'about other boot keys',
      change: { aud: [`letterlock-boot:${trustDomain}:${hash43('x')}`] },
      says: 'another process',
    },
    {
      name: 'of another trust domain',
      change: { aud: [`letterlock-boot:x.example:${boot}`] },
      says: 'another process',
    },
    { name: 'for the API server', change: { aud: [issuer] }, says: 'something else' },
    { name: 'for two audiences', change: { aud: [...right.aud, issuer] }, says: 'something else' },
    { name: 'without an audience', change: { aud: undefined }, says: 'something else' },
    {
      name: 'of another ServiceAccount',
      change: { sub: 'system:serviceaccount:letterlock-system:default' },
      says: 'another ServiceAccount',
    },
    {
      name: 'of another namespace',
      change: { sub: 'system:serviceaccount:shop:letterlock-server' },
      says: 'another ServiceAccount',
    },
    { name: 'without a pod', change: { 'kubernetes.io': { ...inCluster, pod: undefined } }, says: 'bound to a pod' },
    {
      name: 'of a pod whose name is none',
      change: { 'kubernetes.io': { ...inCluster, pod: { ...pod, name: '--all' } } },
      says: 'bound to a pod',
    },
    { name: 'that has ended', change: { exp: now }, says: 'not valid now' },
    { name: 'without an end', change: { exp: undefined }, says: 'not valid now' },
    { name: 'from far ahead', change: { nbf: now + 301 }, says: 'not valid now' },
    { name: 'without a beginning', change: { nbf: undefined }, says: 'not valid now' },
  ])('refuses a token $name', ({ change, says }) => {
    expect(() => read(tokenOf({ ...right, ...change }))).toThrow(
      expect.objectContaining({ code: 'attestation_invalid', message: expect.stringContaining(says) }),
    );
  });

  test('refuses what no known key has signed, and what is no token', () => {
    const [header, payload] = tokenOf(right).split('.');
    const rows = [
      [tokenOf(right, 'x'), 'no known key'],
      [`${header}.${payload}.AAAA`, 'its signature'],
      ['x', 'no token'],
    ] as const;
    for (const [token, says] of rows) {
      expect(() => read(token)).toThrow(
        expect.objectContaining({ code: 'attestation_invalid', message: expect.stringContaining(says) }),
      );
    }
  });
});
