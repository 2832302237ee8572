/** Names in documents: right as written or refused. @module */
import { describe, expect, test } from '@jest/globals';
import {
  grantee,
  isAtOrBelow,
  isRequestPath,
  isSecretPath,
  recipient,
  trustDomain,
  workloadSelector,
} from './names.ts';

describe('isSecretPath()', () => {
  test.each([
    'a',
    'team-a/db/password',
    'k8s/ns/binding',
    'a.b_c-1',
    '...',
    'a'.repeat(256),
    Array(16).fill('a').join('/'),
  ])('accepts %s', (path) => {
    expect(isSecretPath(path)).toBe(true);
  });
  test.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'a/.',
    'A',
    'a b',
    'a%2fb',
    'a\0',
    'a\n',
    'ä',
    'a'.repeat(257),
    Array(17).fill('a').join('/'),
  ])('refuses %j', (path) => {
    expect(isSecretPath(path)).toBe(false);
  });
});

test.each([
  { path: 'team-a/db', ancestor: 'team-a', is: true },
  { path: 'team-a', ancestor: 'team-a', is: true },
  { path: 'team-ab', ancestor: 'team-a', is: false },
  { path: 'team', ancestor: 'team-a', is: false },
  { path: 'b/team-a', ancestor: 'team-a', is: false },
])('$path at or below $ancestor: $is', ({ path, ancestor, is }) => {
  expect(isAtOrBelow(path, ancestor)).toBe(is);
});

describe('isRequestPath()', () => {
  test.each(['/v1/wraps', '/v1/wraps/iTM3E3-mXIFyJ2MKOjYShQ/open', '/v1/openapi.json', '/v1/...'])(
    'accepts %s',
    (path) => {
      expect(isRequestPath(path)).toBe(true);
    },
  );
  test.each([
    '',
    '/',
    '/v1',
    '/v1/',
    '/v2/wraps',
    'v1/wraps',
    '/v1//wraps',
    '/v1/./a',
    '/v1/../a',
    '/v1/a/..',
    '/v1/a/',
    '/v1/a?b=1',
    '/v1/a#b',
    '/v1/a%2fb',
    '/v1/a%00',
    '/v1/a b',
    '/V1/a',
    `/v1/${'a'.repeat(509)}`,
  ])('refuses %j', (path) => {
    expect(isRequestPath(path)).toBe(false);
  });
});

const id = `${'a'.repeat(42)}A`;
const workload = 'spiffe://prod.example/ns/team-a/sa/app.v1';
const readers = { recipient, grantee, workloadSelector, trustDomain } as const;

test.each<{ reader: keyof typeof readers; value: string }>([
  { reader: 'recipient', value: `k:${id}` },
  { reader: 'recipient', value: workload },
  { reader: 'grantee', value: id },
  { reader: 'grantee', value: workload },
  { reader: 'workloadSelector', value: workload },
  { reader: 'trustDomain', value: 'prod.example' },
  { reader: 'trustDomain', value: 'a' },
])('$reader reads $value', ({ reader, value }) => {
  expect(readers[reader](value, 'a')).toBe(value);
});

test.each<{ reader: keyof typeof readers; value: string }>([
  { reader: 'recipient', value: id },
  { reader: 'recipient', value: `k:${'a'.repeat(43)}` },
  { reader: 'recipient', value: `k:${id}a` },
  { reader: 'recipient', value: `K:${id}` },
  { reader: 'grantee', value: `k:${id}` },
  { reader: 'grantee', value: '*' },
  { reader: 'grantee', value: 'spiffe://prod.example/ns/*/sa/app' },
  { reader: 'workloadSelector', value: 'spiffe://prod.example/ns/team-a' },
  { reader: 'workloadSelector', value: 'spiffe://Prod.example/ns/team-a/sa/app' },
  { reader: 'workloadSelector', value: 'spiffe://prod.example/ns/team-a/sa/app/pod/x' },
  { reader: 'workloadSelector', value: 'spiffe://prod.example/ns/team-a/sa/' },
  { reader: 'workloadSelector', value: 'spiffe://prod.example/ns/team%2da/sa/app' },
  { reader: 'workloadSelector', value: 'https://prod.example/ns/team-a/sa/app' },
  { reader: 'workloadSelector', value: `spiffe://prod.example/ns/${'a'.repeat(64)}/sa/app` },
  { reader: 'trustDomain', value: '' },
  { reader: 'trustDomain', value: '-a' },
  { reader: 'trustDomain', value: 'a-' },
  { reader: 'trustDomain', value: 'prod example' },
])('$reader refuses $value', ({ reader, value }) => {
  expect(() => readers[reader](value, 'a')).toThrow(
    expect.objectContaining({ code: 'bad_encoding', reason: 'bad_form' }),
  );
});
