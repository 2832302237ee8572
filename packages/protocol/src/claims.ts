/**
 * The payloads of signed objects and the envelope's header: one reader and one type for each.
 * It must never decide anything: a payload that reads is well formed, not true.
 * @module
 */
import { parseCanonical, type JcsObject } from './jcs.ts';
import { lifetimes, limits } from './limits.ts';
import { grantee, recipient, secretPath, trustDomain, workloadSelector } from './names.ts';
import { ProblemError } from './problems.ts';
import {
  array,
  base64url,
  hash,
  identifier,
  integer,
  jwe,
  jws,
  matching,
  object,
  oneOf,
  optional,
  publicJwk,
  seconds,
  text,
  tuple,
  type Reader,
} from './shape.ts';

/** A signed or encrypted payload: canonical bytes to a typed object. @throws 'bad_encoding' */
export function readClaims<T>(reader: Reader<T>, payload: Uint8Array | string): T {
  return reader(parseCanonical(payload), '');
}

const nonceLength = 54;
const htm = oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH');

export const keysetClaims = object({
  enc: publicJwk,
  exp: optional(seconds),
  iat: seconds,
  name: optional(text(limits.nameBytes)),
  seq: integer(1),
  sig: publicJwk,
});
export type KeysetClaims = ReturnType<typeof keysetClaims>;

export const proofClaims = object({
  bh: hash,
  cb: optional(hash),
  htm,
  htu: text(limits.targetCharacters),
  iat: seconds,
  nonce: base64url({ exactly: nonceLength }),
  th: optional(hash),
});
export type ProofClaims = ReturnType<typeof proofClaims>;

export const envelopeSignatureClaims = object({ eh: hash, ph: hash, sh: array(hash, limits.slotsPerEnvelope, 1) });
export type EnvelopeSignatureClaims = ReturnType<typeof envelopeSignatureClaims>;

const bindingName = matching(
  /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
  '<namespace>/<name>',
);
const boundSecretName = matching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of a secret');
/** A secret of a binding that opens once, and how long one that nobody opens lasts, seconds. */
const onceSecret = object({ name: boundSecretName, ttl: integer(1, lifetimes.onceMaximum) });
export type OnceSecret = ReturnType<typeof onceSecret>;
/** Keys of a binding, the newest first, who receives and what opens once, for writers that cannot read the binding itself. @source protocol.md §5.5 */
export const bindingKeyClaims = object({
  bk: array(publicJwk, 16, 1),
  bnd: bindingName,
  exp: seconds,
  iat: seconds,
  once: optional(array(onceSecret, 64, 1)),
  rcp: optional(array(workloadSelector, limits.slotsPerEnvelope, 1)),
  seq: integer(1),
});
export type BindingKeyClaims = ReturnType<typeof bindingKeyClaims>;

const headerShape = object({
  bnd: optional(bindingName),
  enc: oneOf('inline', 'stream'),
  exp: optional(seconds),
  iat: seconds,
  id: identifier,
  kc: hash,
  kind: oneOf('once', 'kv'),
  mode: oneOf('e2e', 'svc'),
  path: secretPath,
  rcp: array(recipient, limits.slotsPerEnvelope, 1),
  v: integer(1, 1),
  ver: integer(1),
  win: optional(integer(lifetimes.windowMinimum, lifetimes.windowMaximum)),
  wrt: hash,
});
export type EnvelopeHeader = ReturnType<typeof headerShape>;
/** Header of a one-time envelope: expiry and window are always there, one recipient. */
export type OnceHeader = EnvelopeHeader & { readonly kind: 'once'; readonly exp: number; readonly win: number };

/** The envelope's header: members that belong together are checked here. @throws 'bad_encoding', 'bad_envelope' */
export const envelopeHeader: Reader<EnvelopeHeader> = (value, at) => {
  const header = headerShape(value, at);
  const { kind, mode, rcp, exp, iat, win, ver, bnd } = header;
  const once = kind === 'once';
  const isRight =
    once === (win !== undefined) &&
    (!once ||
      (exp !== undefined && ver === 1 && rcp.length === 1 && exp > iat && exp - iat <= lifetimes.onceMaximum)) &&
    (mode === 'svc') === (bnd !== undefined) &&
    (mode === 'e2e' ? rcp.every((entry) => entry.startsWith('k:')) : rcp[0]!.startsWith('spiffe:')) &&
    rcp.every((entry, index) => index === 0 || !(entry.startsWith('spiffe:') && rcp[index - 1]!.startsWith('k:'))) &&
    new Set(rcp).size === rcp.length;
  if (!isRight) throw new ProblemError('bad_envelope', { reason: 'envelope_header_combination' });
  return header;
};

const stateOfWrap = oneOf('STORED', 'CLAIMED', 'OPENED', 'BURNED', 'EXPIRED', 'REVOKED', 'DESTROYED');
export type WrapStateName = 'STORED' | 'CLAIMED' | 'OPENED' | 'BURNED' | 'EXPIRED' | 'REVOKED';

export const receiptClaims = object({
  at: seconds,
  eh: hash,
  id: identifier,
  nonce: optional(base64url({ exactly: nonceLength })),
  ph: hash,
  rev: integer(),
  st: stateOfWrap,
});
export type ReceiptClaims = ReturnType<typeof receiptClaims>;

export const deliveryClaims = object({
  at: seconds,
  bhs: optional(array(hash, limits.deliveriesPerClaim, 1)),
  cid: optional(identifier),
  ds: hash,
  eh: hash,
  id: identifier,
  kid: hash,
  n: optional(integer(1, limits.deliveriesPerClaim)),
  nonce: optional(base64url({ exactly: nonceLength })),
  ph: hash,
  st: oneOf('CLAIMED', 'READ'),
  until: optional(seconds),
});
export type DeliveryClaims = ReturnType<typeof deliveryClaims>;

export const stateClaims = object({ exp: seconds, iat: seconds, inst: identifier, td: trustDomain, tls: hash });
export type StateClaims = ReturnType<typeof stateClaims>;

export const unsealClaims = object({
  boot: hash,
  c: hash,
  gen: integer(1),
  iat: seconds,
  inst: identifier,
  nonce: base64url({ exactly: nonceLength }),
  purpose: matching(/^(?:unseal|rekey:[A-Za-z0-9_-]{43})$/, 'unseal or rekey:<hash>'),
  s: jwe(4096),
});
export type UnsealClaims = ReturnType<typeof unsealClaims>;

export const transcriptClaims = object({
  admins: array(hash, limits.admins, 1),
  boot: hash,
  ckpt: optional(jws(8192)),
  gen: integer(1),
  rev: integer(),
  t: seconds,
});
export type TranscriptClaims = ReturnType<typeof transcriptClaims>;

/** What a static identity says about the boot keys of one start, outside Kubernetes; `sig` is the identity's own key. */
export const bootClaims = object({ boot: hash, exp: seconds, iat: seconds, sig: publicJwk, td: trustDomain });
export type BootClaims = ReturnType<typeof bootClaims>;

/** What an unsealed replica answers to an attested one: `k` is a `letterlock-peer+jwe` for the start that `boot` names. */
export const peerClaims = object({ boot: hash, gen: integer(1), inst: identifier, k: jwe(4096) });
export type PeerClaims = ReturnType<typeof peerClaims>;

export const peerUnsealModes = ['attested', 'off'] as const;
/** Whether replicas unseal each other. */
export type PeerUnsealMode = (typeof peerUnsealModes)[number];

/** Digest of an image as the kubelet reports it. */
const imageDigestForm = /^sha256:[0-9a-f]{64}$/;
export const isImageDigest = (digest: string): boolean => imageDigestForm.test(digest);
export const imageDigest = matching(imageDigestForm, 'sha256: and 64 hexadecimal digits');

/** Replica id: 8 bytes, new at each start of a process. */
const replicaId = base64url({ exactly: 11 });

const checkpointShape = object({
  au: array(tuple(replicaId, integer(1), hash), limits.replicasPerCheckpoint, 1),
  n: integer(1),
  prev: optional(hash),
  rev: integer(),
  t: seconds,
});
export type CheckpointClaims = ReturnType<typeof checkpointShape>;

/** A checkpoint of the audit trail; `prev` is absent exactly in the first, and each replica stands in it once. @throws 'bad_encoding' */
export const checkpointClaims: Reader<CheckpointClaims> = (value, at) => {
  const claims = checkpointShape(value, at);
  const isRight =
    (claims.n === 1) === (claims.prev === undefined) &&
    new Set(claims.au.map(([replica]) => replica)).size === claims.au.length;
  if (!isRight) {
    throw new ProblemError('bad_encoding', {
      reason: 'checkpoint_form',
      detail: 'Member prev: is absent exactly in the first; member au: has each replica once',
    });
  }
  return claims;
};

const auditWord = text(64);
/** An audit record as `audit verify` reads it: later versions may know more acts and reasons than this one. */
export const auditRecordClaims = object({
  act: auditWord,
  at: seconds,
  cb: auditWord,
  factor: auditWord,
  listener: auditWord,
  obj: text(4096),
  outcome: auditWord,
  reason: auditWord,
  rep: replicaId,
  req: text(256),
  seq: integer(1),
  v: integer(1, 1),
  void: array(integer(1), limits.voidsPerAuditRecord),
  who: text(4096),
});
export type AuditRecordClaims = ReturnType<typeof auditRecordClaims>;

export const verbs = ['wrap', 'write', 'read', 'list', 'destroy'] as const;
export type Verb = (typeof verbs)[number];

export const grant = object({
  path: secretPath,
  until: optional(seconds),
  verbs: array(oneOf(...verbs), verbs.length, 1),
  who: grantee,
});
export type Grant = ReturnType<typeof grant>;

/** Public half of an admin certificate: the form in which `init` names the admins. */
const certificate = base64url({ atMost: 11_000 });

/** Arguments of each operation that this version knows, by name. */
export const operations = {
  init: object({ admins: array(certificate, limits.admins, 1), boot: hash, k: integer(1, limits.admins) }),
  'identity.put': object({ id: hash }),
  'identity.revoke': object({ id: hash }),
  'grant.put': grant,
  'grant.delete': object({ path: secretPath, who: grantee }),
  seal: object({}),
  'share.ack': object({ ack: hash }),
  'peer_unseal.set': object({ mode: oneOf(...peerUnsealModes) }),
  'images.set': object({ images: array(imageDigest, limits.bootImages, 1) }),
} as const satisfies Record<string, Reader<unknown>>;
export type OperationName = keyof typeof operations;
export type OperationArguments<N extends OperationName> = ReturnType<(typeof operations)[N]>;
/** An operation as read: its name decides the type of `args`. */
export type Operation = {
  [N in OperationName]: {
    readonly op: N;
    readonly args: OperationArguments<N>;
    readonly exp: number;
    readonly inst?: string;
    readonly nonce: string;
  };
}[OperationName];

const operationShape = object({
  args: (value: JcsObject[string]) => value,
  exp: seconds,
  inst: optional(identifier),
  nonce: identifier,
  op: oneOf(...(Object.keys(operations) as OperationName[])),
});

/** Payload of `letterlock-op+jws`; `inst` is absent exactly for `init`. @throws 'bad_encoding' */
export const operationClaims: Reader<Operation> = (value, at) => {
  const outer = operationShape(value, at);
  if ((outer.op === 'init') !== (outer.inst === undefined)) {
    throw new ProblemError('bad_encoding', {
      reason: 'operation_instance',
      detail: 'Member inst: is absent exactly for init',
    });
  }
  return { ...outer, args: operations[outer.op](outer.args, 'args') } as Operation;
};
