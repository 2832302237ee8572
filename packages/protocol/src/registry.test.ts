/** The constants of the protocol agree with each other and with the specification. @module */
import { describe, expect, test } from '@jest/globals';
import { domains, labelPrefix, labels, limits } from './limits.ts';
import { isRequestPath } from './names.ts';
import { jweMembers, jwsMembers, keyAlgorithms, typ } from './registry.ts';
import { routePath, routes, type RouteName } from './routes.ts';

describe('typ', () => {
  const names = Object.values(typ);
  test('every object has its own', () => {
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^letterlock-[a-z]+\+jw[es]$/);
  });

  test('every JWE has its members, and no forbidden one', () => {
    expect(Object.keys(jweMembers).toSorted()).toEqual(names.filter((name) => name.endsWith('+jwe')).toSorted());
    const forbidden = [
      'jku',
      'jwk',
      'x5u',
      'x5c',
      'x5t',
      'crit',
      'zip',
      'b64',
      'p2s',
      'p2c',
      'apu',
      'apv',
      'cty',
      'iv',
      'tag',
    ];
    for (const members of [...Object.values(jweMembers), jwsMembers]) {
      expect(members.filter((name) => forbidden.includes(name))).toEqual([]);
      expect(members).toEqual(expect.arrayContaining(['alg', 'typ']));
    }
  });
});

test('algorithms are those of §2.1 and no others', () => {
  const all = Object.values(keyAlgorithms);
  expect(new Set(all.flatMap(({ signature }) => signature ?? []))).toEqual(
    new Set(['ES256', 'ES384', 'Ed25519', 'PS256']),
  );
  expect(new Set(all.flatMap(({ keyManagement }) => keyManagement ?? []))).toEqual(
    new Set(['ECDH-ES+A256KW', 'RSA-OAEP-256']),
  );
});

test('every label and every domain has one purpose', () => {
  expect(new Set(Object.values(labels)).size).toBe(Object.keys(labels).length);
  const texts = Object.values(domains);
  expect(new Set(texts).size).toBe(texts.length);
  for (const text of texts) expect(text).toMatch(/^letterlock\/v1\/[a-z]+\0$/);
  expect(labelPrefix).toBe('letterlock/v1/');
});

test('a full content fits into a body', () => {
  const padded = Math.ceil((limits.contentBytes + 4) / 256) * 256;
  expect((padded * 4) / 3 + 4096 * limits.slotsPerEnvelope).toBeLessThan(limits.bodyBytes);
});

describe('routes', () => {
  const names = Object.keys(routes) as RouteName[];
  test.each(names)('%s has a path that requests may have', (name) => {
    const path = routePath(name, { id: 'iTM3E3-mXIFyJ2MKOjYShQ', ns: 'shop', name: 'orders-db' });
    expect(isRequestPath(path)).toBe(true);
    expect(path).not.toMatch(/[{}]/);
  });

  test('no two routes are the same', () => {
    const keys = names.map((name) => `${routes[name].method} ${routes[name].path}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
