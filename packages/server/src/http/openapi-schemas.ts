/**
 * JSON schemas of the request and response bodies, each with an example; a test holds them to the protocol's readers.
 * It must never accept less than the readers do, nor describe a member that they do not know.
 * @module
 */
import { bundleCharacters, limits, problems, serviceStates, verbs } from '@letterlock/protocol';

export interface Schema {
  readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'object';
  readonly description?: string;
  readonly example?: unknown;
  readonly [keyword: string]: unknown;
}

const thumbprintPattern = '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$';
const identifierPattern = '^[A-Za-z0-9_-]{21}[AQgw]$';
const jwsPattern = String.raw`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`;
const jwePattern = String.raw`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`;
const pathPattern = String.raw`^[a-z0-9._-]+(?:/[a-z0-9._-]+){0,15}$`;
const selectorPattern = String.raw`spiffe://[a-z0-9.-]+/ns/[a-z0-9-]+/sa/[a-z0-9.-]+`;

const exampleThumbprint = 'RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E';
const exampleIdentifier = 'AAECAwQFBgcICQoLDA0ODw';

/** `additionalProperties: false` everywhere: an unknown member is refused. */
function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', additionalProperties: false, properties, ...(required.length === 0 ? {} : { required }) };
}

function string(pattern: string, maxLength: number, example: string, description?: string): Schema {
  return { type: 'string', pattern, maxLength, example, ...(description === undefined ? {} : { description }) };
}

function text(maxLength: number, example: string, description: string): Schema {
  return { type: 'string', maxLength, example, description };
}

function integer(minimum: number, example: number, maximum: number = Number.MAX_SAFE_INTEGER): Schema {
  return { type: 'integer', minimum, maximum, example };
}

function array(items: Schema, maxItems: number, minItems = 0): Schema {
  return { type: 'array', items, maxItems, minItems };
}

function oneOf(values: readonly string[]): Schema {
  return { type: 'string', enum: values, example: values[0] };
}

const jws = (maxLength: number, description: string): Schema =>
  string(jwsPattern, maxLength, 'eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl', description);
const jwe = (maxLength: number, description: string): Schema =>
  string(jwePattern, maxLength, 'eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn', description);
const thumbprint = (description: string): Schema => string(thumbprintPattern, 43, exampleThumbprint, description);
const identifier = (description: string): Schema => string(identifierPattern, 22, exampleIdentifier, description);

const publicJwk: Schema = {
  type: 'object',
  description: 'Public JWK with exactly the members of RFC 7638',
  additionalProperties: { type: 'string', maxLength: 1024 },
  properties: { kty: oneOf(['EC', 'OKP', 'RSA']) },
  required: ['kty'],
  example: {
    crv: 'P-256',
    kty: 'EC',
    x: '31Lbu4WPiRDEUnF3Lr6cVfbX5fFElNuDNQ4p_VsTWtE',
    y: 'ZHCjdm_rNd_UvAcFPEhw8ATIEHKhJc7GxLSyVoWFYeI',
  },
};

const headerPart = string(
  '^[A-Za-z0-9_-]+$',
  Math.ceil((limits.envelopeHeaderBytes * 4) / 3),
  'eyJ2IjoxfQ',
  'base64url of the canonical header',
);
const payload = jwe(limits.bodyBytes, 'letterlock-payload+jwe');
const writerSignature = jws(8192, 'letterlock-env+jws');
const secretPath = string(pathPattern, limits.secretPathBytes, 'team-a/db/password', 'Path of a secret');
const grantee = string(
  `^(?:${selectorPattern}|[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$`,
  768,
  exampleThumbprint,
  'Identity id or workload selector',
);
const version = integer(1, 3);
const pageLimit = integer(1, 100, limits.itemsPerPage);
const listedName = string(
  String.raw`^(?!\.{1,2}/?$)[a-z0-9._-]{1,256}/?$`,
  257,
  'db',
  'A name; one that ends with a slash has children',
);
const receipt = jws(16_384, 'letterlock-rcpt+jws');
const signedRequest = object({ jws: jws(limits.operationBytes, 'Signed by an admin') });

/** Bodies by name, as `components.schemas`. */
export const bodySchemas = {
  Empty: object({}),
  Envelope: object({
    hdr: headerPart,
    payload,
    sig: writerSignature,
    slots: array(jwe(4096, 'letterlock-slot+jwe'), limits.slotsPerEnvelope, 1),
    v: integer(1, 1, 1),
  }),
  RegisterRequest: object(
    {
      evidence: object({ jws: jws(16_384, 'letterlock-op+jws, identity.put'), t: oneOf(['op']) }),
      keyset: jws(16_384, 'letterlock-keyset+jws'),
    },
    ['evidence'],
  ),
  RegisterResponse: object({ id: thumbprint('Identity id'), seq: integer(1, 1) }),
  IdentityResponse: object({ keyset: jws(16_384, 'letterlock-keyset+jws') }),
  EnrolRequest: object({
    keyset: jws(16_384, 'letterlock-keyset+jws'),
    token: text(limits.tokenBytes, 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln', 'ServiceAccount token of the right audience'),
  }),
  EnrolResponse: object({
    bundle: jws(bundleCharacters, 'letterlock-bundle+jws'),
    chain: array(string('^[A-Za-z0-9_-]+$', 11_000, 'AAAA', 'DER, leaf first'), limits.certificateChainLength, 1),
    sik: publicJwk,
  }),
  TokenWriterResponse: object({ id: thumbprint('Identity id'), until: integer(0, 1_790_000_600) }),
  BundleResponse: object({ bundle: jws(bundleCharacters, 'letterlock-bundle+jws') }),
  BindingKeyResponse: object({ bk: jws(16_384, 'letterlock-bk+jws') }),
  OpenRequest: object(
    {
      cid: identifier('Claim id: keep it before sending, so that a lost answer can be fetched again'),
      rpk: publicJwk,
      why: text(limits.whyBytes, 'deploy', 'Reason, at most 128 bytes'),
    },
    ['rpk', 'why'],
  ),
  DeliveryResponse: object({
    dlv: jws(16_384, 'letterlock-dlv+jws by the instance key'),
    dslot: jwe(8192, 'letterlock-dslot+jwe'),
    hdr: headerPart,
    payload,
    sig: writerSignature,
    v: integer(1, 1, 1),
    wkey: publicJwk,
  }),
  AcknowledgeRequest: object({ cid: identifier('Claim id of the open') }),
  ReceiptResponse: object({ rcpt: receipt }),
  StatusResponse: object(
    {
      aproof: text(limits.proofBytes, 'mtls', "The reader's signed acknowledgement, or mtls"),
      proof: text(limits.proofBytes, 'mtls', "The reader's signed open request, or mtls"),
      rcpt: receipt,
    },
    ['aproof', 'proof'],
  ),
  ReadSecretRequest: object({ path: secretPath, rpk: publicJwk, ver: version }, ['rpk', 'ver']),
  ListSecretsRequest: object({ after: listedName, limit: pageLimit, path: secretPath }, ['after', 'limit', 'path']),
  ListSecretsResponse: object(
    {
      items: array(object({ name: listedName, ver: version }, ['ver']), limits.itemsPerPage),
      next: listedName,
    },
    ['next'],
  ),
  SecretVersionsRequest: object({ after: version, limit: pageLimit, path: secretPath }, ['after', 'limit']),
  SecretVersionsResponse: object(
    {
      items: array(
        object(
          {
            at: integer(0, 1_790_000_000),
            exp: integer(0, 1_790_604_800),
            st: oneOf(['STORED', 'EXPIRED', 'DESTROYED']),
            ver: version,
            wrt: thumbprint('Identity that wrote it'),
          },
          ['exp'],
        ),
        limits.itemsPerPage,
      ),
      next: version,
    },
    ['next'],
  ),
  DestroySecretRequest: object({ path: secretPath, ver: version }),
  GrantsResponse: object({
    grants: array(
      object(
        {
          path: secretPath,
          until: integer(0, 1_790_000_000),
          verbs: array(oneOf(verbs), verbs.length, 1),
          who: grantee,
        },
        ['until'],
      ),
      100_000,
    ),
  }),
  ExplainRequest: object({ path: secretPath, verb: oneOf(verbs), who: grantee }),
  ExplainResponse: object({
    allowed: { type: 'boolean', example: true },
    reason: text(limits.explainCharacters, 'grant', 'Why'),
  }),
  SignedRequest: signedRequest,
  OperationsRequest: object({
    ops: array(jws(limits.operationBytes, 'letterlock-op+jws'), limits.operationsPerRequest, 1),
  }),
  ProgressResponse: object({ have: integer(0, 1), k: integer(1, 2) }),
  TranscriptResponse: object({ transcript: jws(16_384, 'letterlock-transcript+jws') }),
  SealResponse: object({ epoch: integer(0, 1) }),
  StateResponse: object(
    {
      jws: jws(16_384, 'letterlock-state+jws'),
      sik: publicJwk,
      state: oneOf(serviceStates),
      td: string(String.raw`^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?$`, 254, 'prod.example', 'Trust domain'),
      v: integer(1, 1, 1),
    },
    ['jws', 'sik'],
  ),
  UnsealStatusResponse: object(
    {
      acked: array(thumbprint('Admin id'), limits.admins),
      admins: array(thumbprint('Admin id'), limits.admins),
      benc: publicJwk,
      boot: thumbprint('Fingerprint of both boot keys'),
      ckpt: jws(8192, 'letterlock-ckpt+jws'),
      gen: integer(1, 1),
      given: array(thumbprint('Admin id'), limits.admins),
      have: integer(0, 0),
      inst: identifier('Instance'),
      k: integer(1, 1),
      n: integer(1, 3),
      share: jwe(4096, "The caller's own letterlock-share+jwe"),
      token: text(8192, 'token', 'Attestation of the boot keys'),
      transcript: jws(16_384, 'letterlock-transcript+jws'),
      x: integer(1, 1, 255),
    },
    ['acked', 'ckpt', 'token', 'transcript'],
  ),
} as const satisfies Record<string, Schema>;
export type BodyName = keyof typeof bodySchemas;

const codes = Object.keys(problems);

/** A problem document (RFC 9457). */
export const problemSchema: Schema = {
  type: 'object',
  required: ['type', 'code', 'status', 'title'],
  properties: {
    type: { type: 'string', enum: codes.map((code) => `urn:letterlock:error:${code}`) },
    code: { type: 'string', enum: codes },
    status: { type: 'integer', enum: [...new Set(Object.values(problems).map(({ status }) => status))] },
    title: { type: 'string' },
    detail: { type: 'string', description: 'What is wrong with the form of the request; never a value of it' },
    instance: { type: 'string', description: 'Request id, as the log has it' },
    st: { type: 'string', description: 'State of the wrap' },
    at: { type: 'integer', description: 'Time of its last transition, seconds' },
    rcpt: { type: 'string', description: 'Receipt that proves the state' },
    kid: { type: 'string', description: 'Identity that opened it' },
    proof: { type: 'string', description: "The reader's own signed open request, or mtls" },
    ver: { type: 'integer', description: 'Current version' },
  },
};

/** Variable segments of paths, by name of the route's segment before them. */
export const segmentSchemas: Readonly<Record<string, Schema>> = {
  wraps: identifier('Envelope id'),
  identities: thumbprint('Identity id'),
  bindings: string('^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$', 63, 'shop', 'Namespace of the binding'),
  '{ns}': string('^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$', 253, 'orders-db', 'Name of the binding'),
};

/** One document that a schema accepts. */
export function exampleOf(schema: Schema): unknown {
  if (schema.example !== undefined) return schema.example;
  if (schema.type === 'array') return [exampleOf(schema['items'] as Schema)];
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
  return Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, exampleOf(member)]));
}
