import { describe, expect, test } from '@jest/globals';
import { routePath, routes, type Route, type RouteName } from '@letterlock/protocol';
import { findRoute } from './routing.ts';

const id = 'AAECAwQFBgcICQoLDA0ODw';
const thumbprint = 'RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E';
const names = Object.keys(routes) as RouteName[];

describe('findRoute()', () => {
  test.each(names)('finds %s', (name) => {
    const { method, path }: Route = routes[name];
    const value = path.includes('/identities/') ? thumbprint : id;
    const binding = { ns: 'shop', name: 'orders-db' };
    const segments = path.includes('{id}') ? { id: value } : path.includes('{ns}') ? binding : {};
    expect(findRoute(method, routePath(name, segments))).toEqual({ name, route: routes[name], segments });
  });

  test.each([
    { name: 'an unknown path', method: 'GET', path: '/v1/other', code: 'not_found' },
    { name: 'the beginning of a path', method: 'GET', path: '/v1/sys', code: 'not_found' },
    { name: 'more than a path', method: 'GET', path: '/v1/grants/x', code: 'not_found' },
    { name: 'another case', method: 'GET', path: '/v1/Grants', code: 'not_found' },
    { name: 'a name of Object', method: 'GET', path: '/v1/__proto__', code: 'not_found' },
    { name: 'another method', method: 'DELETE', path: `/v1/wraps/${id}/open`, code: 'method_not_allowed' },
    { name: 'the other method of a shared path', method: 'PUT', path: '/v1/sys/unseal', code: 'method_not_allowed' },
    { name: 'an id that is none', method: 'POST', path: '/v1/wraps/x/open', code: 'bad_request' },
    {
      name: 'an id with trailing bits',
      method: 'POST',
      path: `/v1/wraps/${id.slice(0, -1)}x/open`,
      code: 'bad_request',
    },
    { name: 'a thumbprint for a wrap', method: 'GET', path: `/v1/wraps/${thumbprint}/status`, code: 'bad_request' },
  ])('refuses $name', ({ method, path, code }) => {
    expect(() => findRoute(method, path)).toThrow(expect.objectContaining({ code }));
  });

  test('names all methods of a path', () => {
    expect(() => findRoute('PUT', '/v1/sys/unseal')).toThrow(expect.objectContaining({ allow: ['GET', 'POST'] }));
  });
});
