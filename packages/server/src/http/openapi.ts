/**
 * The OpenAPI 3.1 document, built from the table of routes, the problem table and the schemas.
 * It must never be written by hand: a route or a status that is missing here is missing in a table.
 * @module
 */
import {
  limits,
  problems,
  routes,
  type ProblemCode,
  type Route,
  type RouteAuthentication,
  type RouteName,
} from '@letterlock/protocol';
import { bodySchemas, exampleOf, problemSchema, segmentSchemas, type BodyName } from './openapi-schemas.ts';

interface RouteDescription {
  readonly summary: string;
  readonly request?: BodyName;
  /** Body of each success; absent: no body. */
  readonly responses: Readonly<Record<number, BodyName | 'OpenApi' | undefined>>;
  /** What this route refuses beyond what every route of its kind does. */
  readonly problems: readonly ProblemCode[];
}

/** What the table of routes does not say. */
export const routeDescriptions: Readonly<Record<RouteName, RouteDescription>> = {
  state: {
    summary: 'State of the service and its signed statement',
    responses: { 200: 'StateResponse' },
    problems: [],
  },
  nonce: { summary: 'A nonce for the next proof', responses: { 200: undefined }, problems: [] },
  openapi: { summary: 'This document', responses: { 200: 'OpenApi' }, problems: [] },
  bundle: {
    summary: 'Authorities of workload certificates',
    responses: { 200: 'BundleResponse' },
    problems: ['not_found'],
  },
  bindingKey: {
    summary: 'Key that writers encrypt to for a SecretBinding',
    responses: { 200: 'BindingKeyResponse' },
    problems: ['not_found'],
  },
  enrol: {
    summary: 'Enrol the agent of a pod, or again with the same key',
    request: 'EnrolRequest',
    responses: { 200: 'EnrolResponse' },
    problems: ['bad_key', 'denied', 'not_found'],
  },
  tokenWriter: {
    summary: 'Register a key of a pod without an agent, to write for ten minutes',
    request: 'EnrolRequest',
    responses: { 200: 'TokenWriterResponse' },
    problems: ['bad_key', 'denied', 'not_found'],
  },
  identity: { summary: 'Keyset of an identity', responses: { 200: 'IdentityResponse' }, problems: ['not_found'] },
  register: {
    summary: 'Register an identity, or the next keyset of one',
    request: 'RegisterRequest',
    responses: { 200: 'RegisterResponse', 201: 'RegisterResponse' },
    problems: ['bad_key', 'denied', 'conflict'],
  },
  wrap: {
    summary: 'Store an envelope that is opened once',
    request: 'Envelope',
    responses: { 200: 'ReceiptResponse', 201: 'ReceiptResponse' },
    problems: ['bad_key', 'bad_envelope', 'unknown_recipient', 'denied', 'conflict'],
  },
  open: {
    summary: 'Claim a wrap and receive its content, encrypted to the reader',
    request: 'OpenRequest',
    responses: { 200: 'DeliveryResponse' },
    problems: ['bad_key', 'not_found', 'already_claimed', 'conflict', 'rollback_quarantine', 'gone'],
  },
  acknowledge: {
    summary: 'Say that the content is safe; the service forgets it',
    request: 'AcknowledgeRequest',
    responses: { 200: 'ReceiptResponse' },
    problems: ['not_found', 'already_claimed', 'conflict', 'rollback_quarantine', 'gone'],
  },
  revoke: {
    summary: 'Take a wrap back before it is opened',
    request: 'Empty',
    responses: { 200: 'ReceiptResponse' },
    problems: ['not_found', 'already_claimed', 'conflict', 'gone'],
  },
  status: { summary: 'State of a wrap', responses: { 200: 'StatusResponse' }, problems: ['not_found'] },
  writeSecret: {
    summary: 'Store the next version of a secret',
    request: 'Envelope',
    responses: { 200: 'ReceiptResponse', 201: 'ReceiptResponse' },
    problems: ['bad_key', 'bad_envelope', 'unknown_recipient', 'denied', 'conflict'],
  },
  readSecret: {
    summary: 'Receive one version of a secret, encrypted to the reader',
    request: 'ReadSecretRequest',
    responses: { 200: 'DeliveryResponse' },
    problems: ['bad_key', 'not_found', 'gone'],
  },
  listSecrets: {
    summary: 'Secrets and folders directly below a path, as far as grants let them be seen',
    request: 'ListSecretsRequest',
    responses: { 200: 'ListSecretsResponse' },
    problems: ['denied'],
  },
  secretVersions: {
    summary: 'Versions of a secret',
    request: 'SecretVersionsRequest',
    responses: { 200: 'SecretVersionsResponse' },
    problems: ['denied', 'not_found'],
  },
  destroySecret: {
    summary: 'Destroy one version of a secret',
    request: 'DestroySecretRequest',
    responses: { 200: 'ReceiptResponse' },
    problems: ['denied', 'not_found'],
  },
  grants: { summary: 'All grants', responses: { 200: 'GrantsResponse' }, problems: ['denied'] },
  explain: {
    summary: 'Whether somebody may do something, and why',
    request: 'ExplainRequest',
    responses: { 200: 'ExplainResponse' },
    problems: ['denied'],
  },
  unsealStatus: {
    summary: 'What an admin needs to give a share',
    responses: { 200: 'UnsealStatusResponse' },
    problems: ['denied', 'conflict'],
  },
  init: {
    summary: 'Initialise the service',
    request: 'SignedRequest',
    responses: { 200: 'TranscriptResponse' },
    problems: ['bad_key', 'denied', 'conflict'],
  },
  unseal: {
    summary: 'Give one share',
    request: 'SignedRequest',
    responses: { 200: 'TranscriptResponse', 202: 'ProgressResponse' },
    problems: ['bad_nonce', 'bad_envelope', 'denied', 'conflict'],
  },
  operation: {
    summary: 'Apply an administrative operation',
    request: 'OperationsRequest',
    responses: { 200: 'Empty', 202: 'ProgressResponse' },
    problems: ['bad_key', 'denied', 'not_found', 'conflict'],
  },
  seal: {
    summary: 'Seal the service',
    request: 'OperationsRequest',
    responses: { 200: 'SealResponse', 202: 'ProgressResponse' },
    problems: ['denied', 'conflict'],
  },
};

const onEveryRoute: readonly ProblemCode[] = ['bad_request', 'headers_too_large', 'internal', 'unavailable'];
const onEveryBody: readonly ProblemCode[] = ['bad_encoding', 'too_large', 'unsupported_media'];
const byAuthentication: Readonly<Record<RouteAuthentication, readonly ProblemCode[]>> = {
  none: [],
  proof: ['bad_encoding', 'bad_nonce', 'bad_proof', 'channel_required', 'too_large', 'rate'],
  'proof-or-mtls': ['bad_encoding', 'bad_nonce', 'bad_proof', 'channel_required', 'too_large', 'rate'],
  'signed-body': ['bad_proof', 'rate'],
};

/** Every problem code that a route can answer with, sorted as in the problem table. */
export function problemsOf(name: RouteName): readonly ProblemCode[] {
  const route: Route = routes[name];
  const codes = new Set<ProblemCode>([
    ...onEveryRoute,
    ...(route.method === 'POST' ? onEveryBody : []),
    ...byAuthentication[route.authentication],
    ...(route.whileSealed ? (['uninitialised'] as const) : (['sealed', 'uninitialised'] as const)),
    ...routeDescriptions[name].problems,
  ]);
  return (Object.keys(problems) as ProblemCode[]).filter((code) => codes.has(code));
}

/** The whole document. */
export function buildOpenApi(version: string): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const name of Object.keys(routes) as RouteName[]) {
    const { path, method } = routes[name];
    paths[path] = { ...paths[path], [method.toLowerCase()]: describeRoute(name) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Letterlock',
      version,
      description:
        'Bodies are canonical JSON (RFC 8785, restricted): members sorted, no white space, integers only. ' +
        `At most ${limits.bodyBytes} bytes; no query, no Content-Encoding. Proofs: docs/protocol.md.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { ...bodySchemas, Problem: problemSchema },
      securitySchemes: {
        proof: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description:
            'Letterlock and a letterlock-proof+jws over method, target, body hash, nonce and channel binding',
        },
        mutualTls: {
          type: 'mutualTLS',
          description: 'A self-signed client certificate of the identity’s signature key',
        },
      },
    },
  };
}

const security: Readonly<Record<RouteAuthentication, readonly object[]>> = {
  none: [],
  proof: [{ proof: [] }],
  'proof-or-mtls': [{ proof: [] }, { mutualTls: [] }],
  'signed-body': [],
};

const nonceHeader = {
  'Replay-Nonce': { description: 'Nonce for the next proof', schema: { type: 'string', minLength: 54, maxLength: 54 } },
};

function describeRoute(name: RouteName): object {
  const route: Route = routes[name];
  const { summary, request, responses } = routeDescriptions[name];
  const parameters = parametersOf(route.path);
  const headers = route.authentication === 'none' && !['state', 'nonce'].includes(name) ? {} : { headers: nonceHeader };
  return {
    operationId: name,
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(request === undefined ? {} : { requestBody: { required: true, content: jsonOf(request) } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(responses).map(([status, body]) => [
          status,
          { description: 'Success', ...headers, ...(body === undefined ? {} : { content: jsonOf(body) }) },
        ]),
      ),
      ...problemResponses(name),
    },
    security: security[route.authentication],
  };
}

function jsonOf(body: BodyName | 'OpenApi'): object {
  if (body === 'OpenApi') return { 'application/json': { schema: { type: 'object' } } };
  return {
    'application/json': { schema: { $ref: `#/components/schemas/${body}` }, example: exampleOf(bodySchemas[body]) },
  };
}

function parametersOf(path: string): readonly object[] {
  const segments = path.split('/');
  return segments.flatMap((segment, index) => {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    return name === undefined
      ? []
      : [{ name, in: 'path', required: true, schema: segmentSchemas[segments[index - 1] ?? ''] }];
  });
}

/** One response a status; its description names the codes. */
function problemResponses(name: RouteName): Readonly<Record<string, object>> {
  const byStatus = Object.groupBy(problemsOf(name), (code) => String(problems[code].status));
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, codes]) => [
      status,
      {
        description: `Problem: ${(codes ?? []).join(', ')}`,
        ...(routes[name].method === 'HEAD'
          ? {}
          : { content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }),
      },
    ]),
  );
}
