/**
 * The routes of the HTTP API (docs/protocol.md, Routes): one line each, read by server, client and documentation.
 * It must never hold behaviour.
 * @module
 */

/** How a caller may prove who it is: not at all, by proof only, by proof or mTLS, or by a JWS inside the body. */
export type RouteAuthentication = 'none' | 'proof' | 'proof-or-mtls' | 'signed-body';

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Path with `{name}` for one segment. */
  readonly path: string;
  readonly authentication: RouteAuthentication;
  /** Statuses of success. */
  readonly success: readonly number[];
  /** Whether it answers while the service is sealed. */
  readonly whileSealed: boolean;
}

export const routes = {
  state: { method: 'GET', path: '/v1/sys/state', authentication: 'none', success: [200], whileSealed: true },
  nonce: { method: 'HEAD', path: '/v1/nonce', authentication: 'none', success: [200], whileSealed: true },
  openapi: { method: 'GET', path: '/v1/openapi.json', authentication: 'none', success: [200], whileSealed: true },
  bundle: { method: 'GET', path: '/v1/bundle', authentication: 'none', success: [200], whileSealed: false },
  bindingKey: {
    method: 'GET',
    path: '/v1/bindings/{ns}/{name}/key',
    authentication: 'none',
    success: [200],
    whileSealed: false,
  },
  enrol: {
    method: 'POST',
    path: '/v1/workload/enrol',
    authentication: 'proof',
    success: [200],
    whileSealed: false,
  },
  tokenWriter: {
    method: 'POST',
    path: '/v1/workload/token',
    authentication: 'proof',
    success: [200],
    whileSealed: false,
  },
  identity: {
    method: 'GET',
    path: '/v1/identities/{id}',
    authentication: 'proof-or-mtls',
    success: [200],
    whileSealed: false,
  },
  register: {
    method: 'POST',
    path: '/v1/identities',
    authentication: 'proof',
    success: [200, 201],
    whileSealed: false,
  },
  wrap: { method: 'POST', path: '/v1/wraps', authentication: 'proof-or-mtls', success: [200, 201], whileSealed: false },
  open: {
    method: 'POST',
    path: '/v1/wraps/{id}/open',
    authentication: 'proof-or-mtls',
    success: [200],
    whileSealed: false,
  },
  acknowledge: {
    method: 'POST',
    path: '/v1/wraps/{id}/ack',
    authentication: 'proof-or-mtls',
    success: [200],
    whileSealed: false,
  },
  revoke: {
    method: 'POST',
    path: '/v1/wraps/{id}/revoke',
    authentication: 'proof',
    success: [200],
    whileSealed: false,
  },
  status: {
    method: 'GET',
    path: '/v1/wraps/{id}/status',
    authentication: 'proof-or-mtls',
    success: [200],
    whileSealed: false,
  },
  writeSecret: {
    method: 'POST',
    path: '/v1/secrets/write',
    authentication: 'proof-or-mtls',
    success: [200, 201],
    whileSealed: false,
  },
  readSecret: {
    method: 'POST',
    path: '/v1/secrets/read',
    authentication: 'proof-or-mtls',
    success: [200],
    whileSealed: false,
  },
  listSecrets: {
    method: 'POST',
    path: '/v1/secrets/list',
    authentication: 'proof',
    success: [200],
    whileSealed: false,
  },
  secretVersions: {
    method: 'POST',
    path: '/v1/secrets/versions',
    authentication: 'proof',
    success: [200],
    whileSealed: false,
  },
  destroySecret: {
    method: 'POST',
    path: '/v1/secrets/destroy',
    authentication: 'proof',
    success: [200],
    whileSealed: false,
  },
  grants: { method: 'GET', path: '/v1/grants', authentication: 'proof', success: [200], whileSealed: false },
  explain: { method: 'POST', path: '/v1/explain', authentication: 'proof', success: [200], whileSealed: false },
  unsealStatus: { method: 'GET', path: '/v1/sys/unseal', authentication: 'proof', success: [200], whileSealed: true },
  init: { method: 'POST', path: '/v1/sys/init', authentication: 'signed-body', success: [200], whileSealed: true },
  unseal: {
    method: 'POST',
    path: '/v1/sys/unseal',
    authentication: 'signed-body',
    success: [200, 202],
    whileSealed: true,
  },
  operation: {
    method: 'POST',
    path: '/v1/sys/op',
    authentication: 'signed-body',
    success: [200, 202],
    whileSealed: false,
  },
  seal: {
    method: 'POST',
    path: '/v1/sys/seal',
    authentication: 'signed-body',
    success: [200, 202],
    whileSealed: false,
  },
} as const satisfies Record<string, Route>;
export type RouteName = keyof typeof routes;

/** The path of a route with its segments filled in. */
export function routePath(name: RouteName, segments: Readonly<Record<string, string>> = {}): string {
  return routes[name].path.replaceAll(/\{(\w+)\}/g, (_, segment: string) => segments[segment] ?? '');
}
