/**
 * Request and response bodies of the HTTP API: one reader and one type for each.
 * It must never hold a default: an optional member is absent.
 * @module
 */
import { grant, verbs } from './claims.ts';
import { limits } from './limits.ts';
import { grantee, listedName, secretPath, trustDomain } from './names.ts';
import {
  array,
  base64url,
  hash,
  identifier,
  integer,
  jwe,
  jws,
  object,
  oneOf,
  optional,
  publicJwk,
  seconds,
  text,
  type Reader,
} from './shape.ts';
import { bundleCharacters } from './workload.ts';

const shortJws = jws(16_384);

/** `{v, hdr, slots, payload, sig}` as stored and sent. */
export const envelope = object({
  hdr: base64url({ atMost: Math.ceil((limits.envelopeHeaderBytes * 4) / 3) }),
  payload: jwe(limits.bodyBytes),
  sig: jws(8192),
  slots: array(jwe(4096), limits.slotsPerEnvelope, 1),
  v: integer(1, 1),
});
export type Envelope = ReturnType<typeof envelope>;

export const emptyBody = object({});

const evidence: Reader<Evidence> = (value, at) => {
  const kinds: Readonly<Record<string, Reader<Evidence>>> = {
    op: object({ jws: shortJws, t: oneOf('op') }),
    x509: object({ chain: array(base64url({ atMost: 11_000 }), limits.certificateChainLength, 1), t: oneOf('x509') }),
    binding: object({ name: text(253), ns: text(63), t: oneOf('binding') }),
  };
  const kind = (value as { readonly t?: unknown }).t;
  const reader = typeof kind === 'string' && Object.hasOwn(kinds, kind) ? kinds[kind]! : kinds['op']!;
  return reader(value, at);
};
export type Evidence =
  | { readonly t: 'op'; readonly jws: string }
  | { readonly t: 'x509'; readonly chain: readonly string[] }
  | { readonly t: 'binding'; readonly ns: string; readonly name: string };

export const registerRequest = object({ evidence: optional(evidence), keyset: shortJws });
export type RegisterRequest = ReturnType<typeof registerRequest>;
export const registerResponse = object({ id: hash, seq: integer(1) });
export type RegisterResponse = ReturnType<typeof registerResponse>;
export const identityResponse = object({ keyset: shortJws });
export type IdentityResponse = ReturnType<typeof identityResponse>;

/** `token`: of audience `letterlock-enrol:<td>`, or, for a key that writes without an agent, `letterlock-write:<td>`. */
export const enrolRequest = object({ keyset: shortJws, token: text(limits.tokenBytes) });
export type EnrolRequest = ReturnType<typeof enrolRequest>;
/** A workload's certificate with the authority that signed it, leaf first, the present bundle, and the key that signed that. */
export const enrolResponse = object({
  bundle: jws(bundleCharacters),
  chain: array(base64url({ atMost: 11_000 }), limits.certificateChainLength, 1),
  sik: publicJwk,
});
export type EnrolResponse = ReturnType<typeof enrolResponse>;
export const tokenWriterResponse = object({ id: hash, until: seconds });
export type TokenWriterResponse = ReturnType<typeof tokenWriterResponse>;
export const renewRequest = object({ token: text(limits.tokenBytes) });
export type RenewRequest = ReturnType<typeof renewRequest>;
export const bundleResponse = object({ bundle: jws(bundleCharacters) });
export type BundleResponse = ReturnType<typeof bundleResponse>;
export const bindingKeyResponse = object({ bk: shortJws });
export type BindingKeyResponse = ReturnType<typeof bindingKeyResponse>;

export const openRequest = object({ cid: identifier, rpk: optional(publicJwk), why: optional(text(limits.whyBytes)) });
export type OpenRequest = ReturnType<typeof openRequest>;
export const acknowledgeRequest = object({ cid: identifier });
export type AcknowledgeRequest = ReturnType<typeof acknowledgeRequest>;
/** As agents send them, whose calls have no path that could hold the id. */
export const agentOpenRequest = object({
  cid: identifier,
  id: identifier,
  rpk: optional(publicJwk),
  why: optional(text(limits.whyBytes)),
});
export type AgentOpenRequest = ReturnType<typeof agentOpenRequest>;
export const agentAcknowledgeRequest = object({ cid: identifier, id: identifier });
export type AgentAcknowledgeRequest = ReturnType<typeof agentAcknowledgeRequest>;

export const receiptResponse = object({ rcpt: shortJws });
export type ReceiptResponse = ReturnType<typeof receiptResponse>;

/** Answer of an open: everything of the envelope but the slots, a fresh slot, the writer's key and the signed delivery. */
export const deliveryResponse = object({
  dlv: shortJws,
  dslot: jwe(8192),
  hdr: base64url({ atMost: Math.ceil((limits.envelopeHeaderBytes * 4) / 3) }),
  payload: jwe(limits.bodyBytes),
  sig: jws(8192),
  v: integer(1, 1),
  wkey: publicJwk,
});
export type DeliveryResponse = ReturnType<typeof deliveryResponse>;

const proofOrMtls = text(limits.proofBytes);
/** `proof` and `aproof`: the reader's signed request, or the word `mtls`. */
export const statusResponse = object({ aproof: optional(proofOrMtls), proof: optional(proofOrMtls), rcpt: shortJws });
export type StatusResponse = ReturnType<typeof statusResponse>;

/** Without `ver`: the latest version. */
export const readSecretRequest = object({ path: secretPath, rpk: optional(publicJwk), ver: optional(integer(1)) });
export type ReadSecretRequest = ReturnType<typeof readSecretRequest>;

const pageLimit = optional(integer(1, limits.itemsPerPage));
/** Without `path`: what lies at the top. `after`: `next` of the page before. */
export const listSecretsRequest = object({
  after: optional(listedName),
  limit: pageLimit,
  path: optional(secretPath),
});
export type ListSecretsRequest = ReturnType<typeof listSecretsRequest>;
/** A name with `ver` is a secret with that latest version; one that ends with a slash has children. A name can be both. */
export const listSecretsResponse = object({
  items: array(object({ name: listedName, ver: optional(integer(1)) }), limits.itemsPerPage),
  next: optional(listedName),
});
export type ListSecretsResponse = ReturnType<typeof listSecretsResponse>;

export const secretVersionsRequest = object({ after: optional(integer(1)), limit: pageLimit, path: secretPath });
export type SecretVersionsRequest = ReturnType<typeof secretVersionsRequest>;
/** `st`: STORED, EXPIRED or DESTROYED; `at`: since when. */
export const secretVersionsResponse = object({
  items: array(
    object({
      at: seconds,
      exp: optional(seconds),
      st: oneOf('STORED', 'EXPIRED', 'DESTROYED'),
      ver: integer(1),
      wrt: hash,
    }),
    limits.itemsPerPage,
  ),
  next: optional(integer(1)),
});
export type SecretVersionsResponse = ReturnType<typeof secretVersionsResponse>;

export const destroySecretRequest = object({ path: secretPath, ver: integer(1) });
export type DestroySecretRequest = ReturnType<typeof destroySecretRequest>;

export const grantsResponse = object({ grants: array(grant, 100_000) });
export type GrantsResponse = ReturnType<typeof grantsResponse>;
export const explainRequest = object({ path: secretPath, verb: oneOf(...verbs), who: grantee });
export type ExplainRequest = ReturnType<typeof explainRequest>;
export const explainResponse = object({ allowed: (value) => value === true, reason: text(limits.explainCharacters) });
export type ExplainResponse = ReturnType<typeof explainResponse>;

/** Body of `sys/init` and `sys/unseal`. */
export const signedRequest = object({ jws: jws(limits.operationBytes) });
export type SignedRequest = ReturnType<typeof signedRequest>;
/** Body of `sys/op` and `sys/seal`. */
export const operationsRequest = object({ ops: array(jws(limits.operationBytes), limits.operationsPerRequest, 1) });
export type OperationsRequest = ReturnType<typeof operationsRequest>;
/** 202 while signatures or shares are still missing. */
export const progressResponse = object({ have: integer(), k: integer(1) });
export type ProgressResponse = ReturnType<typeof progressResponse>;
export const transcriptResponse = object({ transcript: shortJws });
export type TranscriptResponse = ReturnType<typeof transcriptResponse>;
export const sealResponse = object({ epoch: integer() });
export type SealResponse = ReturnType<typeof sealResponse>;

export const serviceStates = ['uninitialised', 'sealed', 'unsealed', 'quarantine'] as const;
export type ServiceState = (typeof serviceStates)[number];
export const stateResponse = object({
  jws: optional(shortJws),
  sik: optional(publicJwk),
  state: oneOf(...serviceStates),
  td: trustDomain,
  v: integer(1, 1),
});
export type StateResponse = ReturnType<typeof stateResponse>;

/** What an admin needs to give a share: this boot's keys, progress, and the admin's own encrypted share. */
/** Body of `Peer/Unseal`: the other boot key is that of the connection. */
export const peerUnsealRequest = object({ benc: publicJwk, token: text(limits.attestationBytes) });
export type PeerUnsealRequest = ReturnType<typeof peerUnsealRequest>;
/** A `letterlock-peer+jws`. */
export const peerUnsealResponse = object({ jws: jws(limits.peerAnswerCharacters) });
export type PeerUnsealResponse = ReturnType<typeof peerUnsealResponse>;

export const unsealStatusResponse = object({
  /** Ids of the admins that have acknowledged their share; absent while sealed, and where nothing waits for them. */
  acked: optional(array(hash, limits.admins)),
  benc: publicJwk,
  boot: hash,
  ckpt: optional(jws(8192)),
  gen: integer(1),
  have: integer(),
  inst: identifier,
  k: integer(1),
  n: integer(1),
  share: jwe(4096),
  x: integer(1, 255),
  /** Ids of the admins whose share is counted, so that a person sees who is missing. */
  given: array(hash, limits.admins),
  admins: array(hash, limits.admins),
  token: optional(text(8192)),
  transcript: optional(shortJws),
});
export type UnsealStatusResponse = ReturnType<typeof unsealStatusResponse>;
